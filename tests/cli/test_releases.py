"""``carprice releases`` and ``carprice markets``."""

from __future__ import annotations

import os
from collections.abc import Callable

from click.testing import Result

from carprice_assets.home import Home
from carprice_assets.releases.store import ReleaseStore


def champion(home: Home) -> str:
    return ReleaseStore(home.releases).champion("small") or ""


def test_list_and_show(trained_home: Home, carprice: Callable[..., Result]) -> None:
    serving = champion(trained_home)
    listed = carprice("releases", "list", "-m", "small").stdout.splitlines()
    assert [line for line in listed if line.startswith(f"* {serving}  ")] == listed
    assert carprice("releases", "list", "-m", "us").stdout == "market us has no release yet\n"
    card = carprice("releases", "show", "-m", "small").stdout
    assert card.startswith(f"# Release {serving}\n")
    assert carprice("releases", "show", "-m", "small", serving).stdout == card


def test_verify_names_a_flipped_byte(trained_home: Home, carprice: Callable[..., Result]) -> None:
    serving = champion(trained_home)
    whole = carprice("releases", "verify", "-m", "small")
    assert (whole.exit_code, whole.stdout) == (0, f"{serving}  whole\n")
    content = trained_home.releases / "small" / serving / "content"
    path = max((p for p in content.rglob("*") if p.is_file()), key=lambda p: p.stat().st_size)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    os.chmod(path, 0o644)
    path.write_bytes(data)
    for words in ((), (serving,)):
        found = carprice("releases", "verify", "-m", "small", *words)
        assert found.exit_code == 2
        assert path.relative_to(content).as_posix() in found.stdout
    assert carprice("score", "x", "-m", "small", "--format", "payload").exit_code == 2


def test_rollback(
    trained_home: Home, carprice: Callable[..., Result], refused: Callable[..., str]
) -> None:
    serving = champion(trained_home)
    words = ("releases", "rollback", "-m", "small")
    told = refused(*words, "--reason", "it was better")
    assert told == "market small has no release to go back to"
    assert "serves already" in refused(*words, serving, "--reason", "why not")
    assert "has no release ffff" in refused(*words, "f" * 32, "--reason", "why not")
    assert "needs a reason" in refused(*words, serving, "--reason", " ")
    missing = carprice(*words)
    assert missing.exit_code == 2
    assert "--reason" in missing.stderr


def test_unknown_releases_and_markets(trained_home: Home, refused: Callable[..., str]) -> None:
    for command in ("list", "show", "verify"):
        assert "unknown market 'nowhere'" in refused("releases", command, "-m", "nowhere")
    for command in ("show", "verify"):
        told = refused("releases", command, "-m", "small", "../../etc")
        assert told == "market small has no release ../../etc"
    assert "market us has no champion yet" in refused("releases", "show", "-m", "us")


def test_markets(trained_home: Home, carprice: Callable[..., Result]) -> None:
    good = carprice("markets", "check")
    assert (good.exit_code, good.stdout, good.stderr) == (0, "4 good, 0 broken\n", "")
    (trained_home.markets / "odd.toml").write_text("currency = 'US'\n")
    (trained_home.markets / "torn.toml").write_text("currency = \n")
    listed = carprice("markets", "list")
    assert listed.exit_code == 0
    lines = {line.split()[0]: line for line in listed.stdout.splitlines()}
    assert sorted(lines) == ["odd", "practice", "practice_eu", "small", "torn", "us"]
    assert champion(trained_home) in lines["small"]
    assert "no champion" in lines["us"]
    assert "broken" in lines["odd"]
    broken = carprice("markets", "check")
    assert broken.exit_code == 2
    assert broken.stdout == "4 good, 2 broken\n"
    told = broken.stderr.splitlines()
    assert told[0].startswith("carprice: market odd: currency must be three capitals")
    assert told[1].startswith("carprice: market torn: ")
    assert len(told) == 2
