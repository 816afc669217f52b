"""A disk that gets full at any stage: one line, nothing half there, and the next run goes on."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests_support import offers_of, write_payloads

from carprice_assets.disk import full_disk, require_space
from carprice_assets.errors import UserError

STAGES = Path(__file__).with_name("full_disk_stages.py")
MOUNT = 'mount -t tmpfs -o size="$2" tmpfs "$1" && shift 2 && exec "$@"'


def on_small_disk(disk: Path, size: str, words: list[object]) -> subprocess.CompletedProcess[str]:
    """Run ``words`` where a file system of ``size`` is mounted at ``disk``, for them alone."""
    disk.mkdir()
    alone = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", MOUNT, "sh"]
    trial = subprocess.run([*alone, disk, "64k", "true"], capture_output=True, text=True)
    if trial.returncode:
        pytest.skip(f"no file system can be mounted here: {trial.stderr.strip()}")
    return subprocess.run(
        [*alone, disk, size, *map(str, words)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([*sys.path, str(STAGES.parents[1])])},
    )


def test_every_stage_on_a_full_disk(tmp_path: Path) -> None:
    offers = write_payloads(tmp_path / "offers.jsonl", offers_of(seed=5, size=200, days=13))
    words: list[object] = [sys.executable, STAGES, tmp_path / "disk", offers, tmp_path / "plain"]
    done = on_small_disk(tmp_path / "disk", "96m", words)
    assert done.returncode == 0, done.stderr[-4000:]
    told: dict[str, list[str]] = json.loads(done.stdout.splitlines()[-1])
    assert len(told) == 12
    for name, lines in told.items():
        assert lines, f"{name} never found the disk full"
        assert "\n" not in "".join(lines)


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (
            OSError(28, "No space left on device", "/a/b"),
            "the disk is full (/a/b: No space left on device): ",
        ),
        (OSError("65536 requested and 12288 written"), "the disk is full (65536 requested and"),
        (
            ValueError("IO Error: a: No space left on device\nmore"),
            "the disk is full (IO Error: a:",
        ),
        (RuntimeError("database or disk is full"), "the disk is full (database or disk is full)"),
        (OSError(5, "Input/output error"), ""),
        (UserError("full of cars"), ""),
        (ValueError("4096 rows written"), ""),
    ],
)
def test_a_full_disk_is_told_from_a_defect(error: Exception, told: str) -> None:
    for each in (error, _caused_by(error)):
        found = full_disk(each)
        assert found.startswith(told)
        assert bool(found) == bool(told)
        assert "\n" not in found


def test_an_error_without_a_reason_has_it_from_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite says no more than that where there is no room for its shared memory."""
    error = RuntimeError("(sqlite3.OperationalError) disk I/O error")
    assert full_disk(error) == full_disk(error, tmp_path) == ""
    require_space(tmp_path)
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage._replace(free=1_000_000))
    assert full_disk(error, tmp_path).startswith("the disk is full (1.0 MB left): ")
    assert full_disk(ValueError("a defect"), tmp_path) == ""
    with pytest.raises(UserError, match=r"the disk is full \(.* has 1\.0 MB left\)"):
        require_space(tmp_path)


def _caused_by(error: Exception) -> Exception:
    outer = KeyError("x")
    outer.__cause__ = error
    return outer


@pytest.mark.long
def test_commands_on_a_full_disk(tmp_path: Path) -> None:
    """With Dagster's own databases on the disk that gets full."""
    offers = write_payloads(tmp_path / "offers.jsonl", offers_of(seed=11, size=900, days=9))
    script = STAGES.with_name("full_disk_commands.py")
    words: list[object] = [sys.executable, script, tmp_path / "disk", offers]
    done = on_small_disk(tmp_path / "disk", "128m", words)
    assert done.returncode == 0, done.stderr[-4000:]
    told: dict[str, list[str]] = json.loads(done.stdout.splitlines()[-1])
    assert sorted(told) == ["import", "train"]
    for name, lines in told.items():
        assert lines, f"{name} never found the disk full"
