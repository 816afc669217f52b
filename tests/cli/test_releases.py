"""``carprice releases`` and ``carprice markets``."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import Result
from tests_support import SMALL_MARKET, add_market

from carprice_assets.defs.launch import Outcome
from carprice_assets.defs.telling import training_summary
from carprice_assets.home import Home
from carprice_assets.releases.recipe import RECIPE
from carprice_assets.releases.release import PROVENANCE
from carprice_assets.releases.rules import Decision
from carprice_assets.releases.store import ReleaseStore


def champion(home: Home) -> str:
    return ReleaseStore(home.releases).champion("small") or ""


def cannot_answer(home: Home) -> str:
    """A whole release whose golden cases have other prices than it gives here."""
    store = ReleaseStore(home.releases)
    serving = store.open("small", champion(home) or store.list("small")[0].id)

    def build(folder: Path) -> None:
        shutil.copytree(serving.content, folder, dirs_exist_ok=True)
        golden = json.loads((folder / "golden.json").read_bytes())
        golden["prices"] = {
            name: [1.5 * price for price in prices] for name, prices in golden["prices"].items()
        }
        (folder / "golden.json").write_bytes(json.dumps(golden).encode())

    return store.stage("small", build, {}).id


def another(home: Home, number: int = 1) -> str:
    """A whole release with the content of the champion, and a note that makes it another."""
    store = ReleaseStore(home.releases)
    serving = store.open("small", champion(home))

    def build(folder: Path) -> None:
        shutil.copytree(serving.content, folder, dirs_exist_ok=True)
        head = json.loads((folder / "release.json").read_bytes())
        head["data"]["note"] = number
        (folder / "release.json").write_bytes(json.dumps(head).encode())

    return store.stage("small", build, {}).id


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
    silent = cannot_answer(trained_home)
    told = refused(*words, silent, "--reason", "why not")
    assert f"release {silent} has never served, so there is no going back to it" in told
    assert champion(trained_home) == serving
    store = ReleaseStore(trained_home.releases)
    store.promote("small", silent, serving, Decision("promoted", ()))
    store.rollback("small", None, "it answers nothing")
    assert "golden case 0" in refused(*words, silent, "--reason", "why not")
    assert champion(trained_home) == serving
    verified = carprice("releases", "verify", "-m", "small", silent)
    assert verified.exit_code == 2
    assert verified.stdout.startswith(f"{silent}  is refused: golden case 0: ")


def test_a_release_that_never_served_is_no_way_back(
    trained_home: Home, carprice: Callable[..., Result], refused: Callable[..., str]
) -> None:
    """Else a rollback would promote what the rules refused or a person has yet to approve."""
    store, first = ReleaseStore(trained_home.releases), champion(trained_home)
    second = another(trained_home)
    store.record("small", {"event": "refused", "release": second})
    words = ("releases", "rollback", "-m", "small", "--reason", "x")
    told = refused(*words, second)
    assert told.endswith("to it: carprice releases approve or override lets it serve")
    assert champion(trained_home) == first
    store.promote("small", second, first, Decision("promoted", ()))
    carprice(*words)
    assert champion(trained_home) == first
    ledger = trained_home.releases / "small" / "ledger.jsonl"
    carprice(*words, second)  # forward again: it has served
    assert champion(trained_home) == second
    ledger.unlink()
    carprice(*words, first)
    assert champion(trained_home) == first, "the pointer alone tells of its predecessors"


def test_an_empty_name_is_no_release(
    trained_home: Home, refused: Callable[..., str], tmp_path: Path
) -> None:
    """As a variable that is not set gives: nothing falls back to the champion or predecessor."""
    store, first = ReleaseStore(trained_home.releases), champion(trained_home)
    store.promote("small", another(trained_home), first, Decision("promoted", ()))
    serving = champion(trained_home)
    for command, *more in (
        ("rollback", "--reason", "x"),
        ("override", "--reason", "x"),
        ("pack", "-o", tmp_path / "x.pack"),
        *((command,) for command in ("show", "verify", "approve", "shadow", "rebuild")),
    ):
        for name in ("", " "):
            told = refused("releases", command, "-m", "small", name, *more)
            assert told.startswith("RELEASE is empty"), command
    assert champion(trained_home) == serving
    assert not (tmp_path / "x.pack").exists()


def test_a_champion_that_is_lost_is_told(
    trained_home: Home, carprice: Callable[..., Result], refused: Callable[..., str]
) -> None:
    """Neither as a market without one, nor by silence."""
    serving, folder = champion(trained_home), trained_home.releases / "small"
    (folder / serving).rename(folder.parent / serving)
    listed = carprice("releases", "list", "-m", "small").stdout
    assert listed.startswith(f"* {serving}  serves by the pointer, but its folder is missing")
    (folder.parent / serving).rename(folder / serving)
    (folder / "champion.json").unlink()
    repair = "run carprice releases repair --market small"
    for told in (
        carprice("releases", "list", "-m", "small").stdout,
        carprice("releases", "list").stdout,
        refused("releases", "show", "-m", "small"),
    ):
        assert "champion.json is gone, but the ledger tells of promotions" in told
        assert repair in told


def test_an_override_is_told_after_a_rollback(
    trained_home: Home, carprice: Callable[..., Result]
) -> None:
    store, first = ReleaseStore(trained_home.releases), champion(trained_home)
    override = {"by": "Ada", "reason": "few cars", "broken": ["r2"]}
    enforced = Decision("promoted", (), {"override": override})
    second, third = another(trained_home), another(trained_home, 2)
    store.promote("small", second, first, enforced)
    store.promote("small", third, second, Decision("promoted", ()))
    assert "OVERRIDDEN" not in carprice("releases", "list").stdout
    store.rollback("small", None, "back")
    told = carprice("releases", "list").stdout
    assert "OVERRIDDEN: by Ada: few cars (rules broken: r2)" in told


def test_unknown_releases_and_markets(trained_home: Home, refused: Callable[..., str]) -> None:
    for command in ("list", "show", "verify"):
        assert "unknown market 'nowhere'" in refused("releases", command, "-m", "nowhere")
    for command in ("show", "verify"):
        told = refused("releases", command, "-m", "small", "../../etc")
        listing = "carprice releases list --market small shows them"
        assert told == f"market small has no release ../../etc: {listing}"
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


def test_list_without_a_market_shows_all(
    trained_home: Home, carprice: Callable[..., Result]
) -> None:
    serving = champion(trained_home)
    release = ReleaseStore(trained_home.releases).open("small", serving)
    lines = carprice("releases", "list").stdout.splitlines()
    heads = {line.split()[0]: line for line in lines if not line.startswith(" ")}
    assert sorted(heads) == ["practice", "practice_eu", "small", "us"]
    for told in (serving, release.head().champion, "R2 0.", " USD ", "0 days", "data until 2"):
        assert told in heads["small"]
    assert "data until –" in heads["us"]
    (last,) = [line for line in lines if "last decision" in line]
    assert "promoted 20" in last
    assert serving in last


def _waiting(home: Home) -> str:
    """The champion of `small` waits for approval again."""
    release = champion(home)
    for file in ("champion.json", "ledger.jsonl"):
        (home.releases / "small" / file).unlink()
    add_market(home, "small", SMALL_MARKET + 'approval = "manual"\n')
    until = datetime.now(UTC) + timedelta(days=2)
    line = {"event": "waiting", "release": release, "until": until.isoformat()}
    ReleaseStore(home.releases).record("small", line)
    return release


def test_approve(
    trained_home: Home,
    carprice: Callable[..., Result],
    refused: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("CARPRICE_APPROVER", raising=False)
    release = _waiting(trained_home)
    words = ("releases", "approve", "-m", "small")
    for listed in (("releases", "list"), ("releases", "list", "-m", "small")):
        assert f"carprice releases approve {release} --market small" in carprice(*listed).stdout
    assert "say who you are" in refused(*words, release)
    (trained_home.root / "settings.toml").write_text('approver = "Ada"\n')
    assert "has no release ffff" in refused(*words, "f" * 32)
    assert champion(trained_home) == ""
    done = carprice(*words, release)
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("market small: promoted: all ")
    assert champion(trained_home) == release
    assert "approved by Ada" in carprice("releases", "show", "-m", "small").stdout
    again = carprice(*words, release)
    assert again.stdout == f"market small: release {release} serves already\n"


def test_a_training_tells_that_its_challenger_waits(trained_home: Home) -> None:
    release = _waiting(trained_home)
    facts = {"challenger": {"release": release, "regressor": "catboost", "bytes": 1}}
    outcome = Outcome(run_id="r", success=True, facts=facts)
    told = training_summary(trained_home, "small", outcome)
    assert any(line.startswith("decision    waiting for approval until 20") for line in told)
    line = {"event": "expired", "release": release}
    ReleaseStore(trained_home.releases).record("small", line)
    told = training_summary(trained_home, "small", outcome)
    assert "decision    none: its wait for approval is over" in told


def test_a_training_tells_what_its_release_leaves_out(trained_home: Home) -> None:
    release = ReleaseStore(trained_home.releases).open("small", champion(trained_home))
    facts = {"challenger": {"release": release.id, "regressor": "catboost", "bytes": 1}}
    outcome = Outcome(run_id="r", success=True, facts=facts)
    assert not any("left out" in line for line in training_summary(trained_home, "small", outcome))
    known = release.provenance()
    known.facts[RECIPE]["judged"]["automl"] = "0" * 32
    (release.path / PROVENANCE).write_bytes(known.to_bytes())
    told = training_summary(trained_home, "small", outcome)
    assert "left out    automl: alone each breaks an absolute rule" in told


def test_what_does_not_wait_cannot_be_approved(
    trained_home: Home, carprice: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CARPRICE_APPROVER", "Ada")
    release = _waiting(trained_home)
    store = ReleaseStore(trained_home.releases)
    store.record("small", {"event": "expired", "release": release})
    done = carprice("releases", "approve", "-m", "small", release)
    assert done.exit_code == 2
    told = done.stderr.splitlines()[-1]
    assert told.endswith(f"release {release} does not wait for approval (none does)")
    assert champion(trained_home) == ""


def test_override(
    trained_home: Home,
    carprice: Callable[..., Result],
    refused: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("CARPRICE_APPROVER", raising=False)
    release = _waiting(trained_home)
    add_market(trained_home, "small", SMALL_MARKET.replace("min_r2 = 0.8", "min_r2 = 0.9999"))
    words = ("releases", "override", "-m", "small", release)
    missing = carprice(*words)
    assert missing.exit_code == 2
    assert "--reason" in missing.stderr
    assert refused(*words, "--reason", " ") == "an override needs a reason"
    assert "say who you are" in refused(*words, "--reason", "the market moved")
    assert champion(trained_home) == ""
    monkeypatch.setenv("CARPRICE_APPROVER", "Ada")
    silent = cannot_answer(trained_home)
    assert "golden case 0" in refused(*words[:-1], silent, "--reason", "the market moved")
    assert champion(trained_home) == ""
    done = carprice(*words, "--reason", "the market moved")
    assert done.exit_code == 0, done.output
    assert "promoted by override of Ada (the market moved), against: R2: " in done.stdout
    assert "OVERRIDE by Ada" in done.stderr
    assert champion(trained_home) == release
    assert "OVERRIDDEN: by Ada: the market moved" in carprice("releases", "list").stdout
    assert "> **OVERRIDDEN** by Ada" in carprice("releases", "show", "-m", "small").stdout
