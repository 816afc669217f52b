"""``carprice releases prune``, ``pack`` and ``unpack``."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from carprice_assets.home import Home
from carprice_assets.releases.store import ReleaseStore


def champion(home: Home) -> str:
    return ReleaseStore(home.releases).champion("small") or ""


def test_pack_and_unpack(
    trained_home: Home,
    carprice: Callable[..., Result],
    refused: Callable[..., str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    serving, file = champion(trained_home), tmp_path / "small.pack"
    told = carprice("releases", "pack", "-m", "small", "-o", file).stdout
    assert told.startswith(f"{file}: release {serving}, ")
    assert told.endswith(" MB, not signed\n")
    assert "exists already" in refused("releases", "pack", "-m", "small", "-o", file)
    other = Home(tmp_path / "elsewhere")
    other.markets.mkdir(parents=True)
    (other.markets / "small.toml").write_bytes((trained_home.markets / "small.toml").read_bytes())
    monkeypatch.setenv("CARPRICE_HOME", str(other.root))
    told = carprice("releases", "unpack", "-m", "small", file).stdout
    assert told.splitlines() == [
        f"market small: release {serving} is in the store; no signature was asked for",
        "its golden cases have the same prices here",
    ]
    assert champion(other) == ""
    listed = carprice("releases", "list", "-m", "small").stdout
    assert listed.startswith(f"  {serving}  ")
    assert "of market small, not of us" in refused("releases", "unpack", "-m", "us", file)
    assert "unknown market 'nowhere'" in refused("releases", "unpack", "-m", "nowhere", file)


def test_keys_of_the_home_are_used(
    trained_home: Home, carprice: Callable[..., Result], refused: Callable[..., str]
) -> None:
    """With the commands that the documentation gives."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not here")
    keys = trained_home.root / "keys"
    (keys / "trusted").mkdir(parents=True)
    private, public = keys / "signing.pem", keys / "trusted" / "ours.pem"
    for words in (
        ["genpkey", "-algorithm", "ed25519", "-out", private],
        ["pkey", "-in", private, "-pubout", "-out", public],
    ):
        subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True)
    file = trained_home.root / "small.pack"
    assert "MB, signed" in carprice("releases", "pack", "-m", "small", "-o", file).stdout
    (trained_home.releases / "small" / "champion.json").unlink()
    (trained_home.releases / "small" / "ledger.jsonl").unlink()
    told = carprice("releases", "unpack", "-m", "small", file, "--promote").stdout
    assert "; signed by " in told
    assert told.endswith(f"release {champion(trained_home)} serves now\n")
    private.unlink()
    file.unlink()
    carprice("releases", "pack", "-m", "small", "-o", file)
    assert "is not signed" in refused("releases", "unpack", "-m", "small", file)


def test_prune_shows_before_it_does(
    trained_home: Home, carprice: Callable[..., Result], refused: Callable[..., str]
) -> None:
    serving = champion(trained_home)
    store = ReleaseStore(trained_home.releases)
    trained = store.open("small", serving)

    def build(folder: Path) -> None:
        for path in trained.manifest().files:
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes((trained.content / path).read_bytes())
        (folder / "more.json").write_bytes(b"{}")

    other = store.stage("small", build, {}).id
    assert " of them its own" in carprice("releases", "list", "-m", "small").stdout
    words = ("releases", "prune", "-m", "small", "--keep", 0)
    assert carprice(*words).stdout.splitlines() == [
        f"{other}  goes",
        f"{serving}  kept: the champion",
        "1 would go; nothing was changed: --yes does it",
    ]
    assert len(store.list("small")) == 2
    assert f"{other}  goes" in carprice(*words, "--yes").stdout
    assert [release.id for release in store.list("small")] == [serving]
    assert carprice("releases", "verify", "-m", "small").exit_code == 0
    assert carprice(*words, "--yes").stdout == f"{serving}  kept: the champion\n"
    assert "unknown market" in refused("releases", "prune", "-m", "nowhere")
