"""`carprice crawl` beside itself, interrupted, and where it cannot write."""

from __future__ import annotations

import os
import shutil
import signal
from typing import Any

import pytest
from click.testing import CliRunner
from crawl_kit import Command, detail_ids, raw_ids, scrape, until

from carprice_assets.cli import main
from carprice_assets.sources.crawl import JOURNAL

pytestmark = pytest.mark.browser


def test_two_at_once_and_an_interrupt(serve: Any) -> None:
    site = serve(size=80, per_page=20, site={"rate": 12, "concurrency": 3})
    first = Command(site.home).start()
    assert first.process is not None
    first.until(lambda: len(first.settled()) >= 8)
    # Frozen, so that it cannot end before a second one has started on a slow day.
    first.freeze()

    # A second one is told who is there, and does no harm.
    code, _, error = Command(site.home).start().wait()
    assert code == 2
    lines = [line for line in error.splitlines() if line.startswith("carprice: ")]
    assert lines == [
        f"carprice: {first.folder}: in use by process {first.process.pid}; one at a time"
    ]

    # Ctrl-C at the terminal: everybody of its group gets the signal.
    assert any("chrom" in line for line in first.children.values())
    os.killpg(first.process.pid, signal.SIGINT)
    os.killpg(first.process.pid, signal.SIGCONT)
    code, _, error = first.wait()
    assert code == 130
    assert error.splitlines()[-1].startswith("carprice: interrupted; what was finished is kept")
    assert "Traceback" not in error
    until(lambda: not first.left(), 60)
    lines = first.journal()
    assert lines[0]["kind"] == "crawl"
    assert lines[-1]["kind"] != "end"

    done = {line["listing_id"] for line in first.settled() if line["page"] == "detail"}
    listed = CliRunner(env={"CARPRICE_HOME": str(site.home.root)}).invoke(
        main, ["crawls", "list", "-m", "small"]
    )
    told_of = f"{lines[0]['crawl_id']}: {len(first.settled())} pages are finished"
    assert told_of in listed.stdout.splitlines()[-1]
    before = len(detail_ids(site))
    taken = scrape(site)
    assert (taken.crawl.state, taken.crawl.crawl_id) == ("complete", lines[0]["crawl_id"])
    assert set(detail_ids(site)[before:]) == site.on_sale(0) - done
    assert raw_ids(site) == site.on_sale(0)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write into any folder")
def test_a_spool_that_cannot_be_written_is_told_in_one_line(serve: Any) -> None:
    site = serve(size=8, per_page=8)
    site.home.spool.mkdir(parents=True)
    site.home.spool.chmod(0o500)
    try:
        code, _, error = Command(site.home).start().wait()
    finally:
        site.home.spool.chmod(0o700)
    told(code, error, str(site.home.spool))


def told(code: int, error: str, word: str) -> None:
    """The command ended with one line that holds ``word``."""
    assert code == 2, error
    lines = [line for line in error.splitlines() if line.startswith("carprice: ")]
    assert len(lines) == 1, error
    assert word in lines[0]
    assert "Traceback" not in error


@pytest.mark.long
def test_a_spool_that_is_a_file_is_told_in_one_line(serve: Any) -> None:
    site = serve(size=8, per_page=8)
    site.home.spool.parent.mkdir(parents=True, exist_ok=True)
    site.home.spool.write_text("in the way")
    code, _, error = Command(site.home).start().wait()
    told(code, error, str(site.home.spool))


SMALL_DISK = """
mount -t tmpfs -o size=64k tmpfs "$0" || exit 77
"$@"
code=$?
cp "$0/journal.jsonl" "$0.kept" && exit $code
"""
"""Runs a command with a disk of 64 KiB in place of a folder, which nobody else sees."""
NO_MOUNT = 77


@pytest.mark.long
@pytest.mark.skipif(not shutil.which("unshare"), reason="no unshare to mount a small disk with")
def test_a_full_disk_is_told_in_one_line_and_loses_nothing(serve: Any) -> None:
    site = serve(size=120, per_page=30)
    folder = Command(site.home).folder
    folder.mkdir(parents=True)
    within = ("unshare", "--user", "--map-root-user", "--mount", "sh", "-c", SMALL_DISK)
    code, _, error = Command(site.home, within=(*within, str(folder))).start().wait()
    if code == NO_MOUNT or error.startswith("unshare:"):
        pytest.skip(f"no small disk here: {error.strip()}")
    told(code, error, "No space left on device")
    written = folder.with_name("site.kept")
    assert written.stat().st_size > 10_000
    shutil.move(written, folder / JOURNAL)
    before = len(detail_ids(site))
    assert before < 120
    taken = scrape(site)
    assert taken.crawl.state == "complete"
    assert raw_ids(site) == site.on_sale(0)
