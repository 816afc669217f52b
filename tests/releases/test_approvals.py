"""Waits for a person, approvals and overrides: what they ask for, and what stays of them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import release_kit

from carprice_assets.errors import UserError
from carprice_assets.home import Home
from carprice_assets.markets.promotion import PromotionRules
from carprice_assets.releases.approvals import approver, begin, expire, waits
from carprice_assets.releases.card import model_card
from carprice_assets.releases.decision import Decision, Reason
from carprice_assets.releases.gate import Judged, approve, override, settle
from carprice_assets.releases.overview import overview
from carprice_assets.releases.store import Conflict, ReleaseStore

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
AUTOMATIC = PromotionRules()
MANUAL = PromotionRules(approval="manual", approval_days=7)
YES = Decision("promoted", (Reason("r2", True, True, 0.95, 0.9, "R2: 0.95"),), {"against": None})
NO = Decision("refused", (Reason("r2", False, True, 0.5, 0.9, "R2: 0.5, must be at least 0.9"),))
ADA = {"by": "Ada", "now": NOW}


@pytest.fixture
def store(tmp_path: Path) -> ReleaseStore:
    return ReleaseStore(tmp_path / "releases", clock=lambda: NOW)


@pytest.fixture
def staged(store: ReleaseStore) -> list[str]:
    return [store.stage("us", release_kit.tiny(n), {"run": "r"}).id for n in range(2)]


def judged(release: str, decision: Decision = YES, run: str = "run-1") -> Judged:
    return Judged("us", release, decision, None, run)


def events(store: ReleaseStore) -> list[str]:
    return [line["event"] for line in store.ledger("us")]


def test_an_automatic_market_promotes_at_once(store: ReleaseStore, staged: list[str]) -> None:
    assert settle(store, judged(staged[0]), AUTOMATIC, NOW).status == "promoted"
    assert store.champion("us") == staged[0]
    assert store.ledger("us")[-1]["decision"]["run"] == "run-1"


def test_a_refusal_is_recorded_and_nothing_moves(store: ReleaseStore, staged: list[str]) -> None:
    for rules in (AUTOMATIC, MANUAL):
        assert settle(store, judged(staged[0], NO), rules, NOW).status == "refused"
    assert store.champion("us") is None
    assert events(store) == ["refused", "refused"]


def test_a_manual_market_waits_until_a_person_approves(
    store: ReleaseStore, staged: list[str]
) -> None:
    settled = settle(store, judged(staged[0]), MANUAL, NOW)
    assert settled.status == "waiting"
    assert settled.line == "waiting for approval until 2026-03-08 12:00 UTC: 1 rules hold"
    assert store.champion("us") is None
    later = NOW + timedelta(days=3)
    again = settle(store, judged(staged[0], run="run-2"), MANUAL, later)
    assert again.wait == settled.wait  # asked again, it waits no longer than before
    assert events(store) == ["waiting"]
    done = approve(store, judged(staged[0], run="run-3"), by="Ada", now=later)
    assert done.status == "promoted"
    assert store.champion("us") == staged[0]
    assert events(store) == ["waiting", "approved", "promoted"]
    line = store.ledger("us")[-1]
    assert line["decision"]["approval"] == {
        "by": "Ada",
        "waited_since": "2026-03-01T12:00:00+00:00",
    }
    assert waits(store.ledger("us")) == []


def test_only_what_waits_can_be_approved(store: ReleaseStore, staged: list[str]) -> None:
    with pytest.raises(UserError, match=rf"release {staged[0]} does not wait .* \(none does\)"):
        approve(store, judged(staged[0]), **ADA)
    settle(store, judged(staged[1]), MANUAL, NOW)
    with pytest.raises(UserError, match=staged[1]):
        approve(store, judged(staged[0]), **ADA)
    assert store.champion("us") is None


def test_a_wait_ends_and_is_recorded_once(store: ReleaseStore, staged: list[str]) -> None:
    settle(store, judged(staged[0]), MANUAL, NOW)
    late = NOW + timedelta(days=7)
    assert expire(store, "us", late - timedelta(seconds=1)) == []
    with pytest.raises(UserError, match="is over"):
        approve(store, judged(staged[0]), by="Ada", now=late)
    assert events(store) == ["waiting", "expired"]
    assert expire(store, "us", late) == []
    assert store.champion("us") is None
    # Judged again, it may wait again.
    assert settle(store, judged(staged[0]), MANUAL, late).wait
    assert waits(store.ledger("us"))[0].until == late + timedelta(days=7)


def test_a_wait_of_unknown_end_is_over(store: ReleaseStore, staged: list[str]) -> None:
    store.record("us", {"event": "waiting", "release": staged[0], "until": "soon"})
    assert expire(store, "us", NOW) == [staged[0]]


def test_an_approval_lifts_no_rule(store: ReleaseStore, staged: list[str]) -> None:
    settle(store, judged(staged[0]), MANUAL, NOW)
    with pytest.raises(UserError, match="passes no longer: refused: R2"):
        approve(store, judged(staged[0], NO), **ADA)
    assert events(store) == ["waiting", "refused"]
    assert waits(store.ledger("us")) == []


def test_an_approval_against_another_champion_is_a_conflict(
    store: ReleaseStore, staged: list[str]
) -> None:
    settle(store, judged(staged[0]), MANUAL, NOW)
    store.promote("us", staged[1], None, YES)
    with pytest.raises(Conflict):
        approve(store, judged(staged[0]), **ADA)
    assert store.champion("us") == staged[1]
    assert [wait.release for wait in waits(store.ledger("us"))] == [staged[0]]


def test_two_approvals_at_once_have_one_winner(store: ReleaseStore, staged: list[str]) -> None:
    for each in staged:
        settle(store, judged(each), MANUAL, NOW)
    told: list[str] = []
    ready = threading.Barrier(2)

    def one(release: str) -> None:
        ready.wait()
        try:
            approve(store, judged(release), **ADA)
            told.append("won")
        except Conflict:
            told.append("lost")

    threads = [threading.Thread(target=one, args=(each,)) for each in staged]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(told) == ["lost", "won"]
    assert events(store).count("promoted") == 1


def test_an_override_stands_in_ledger_card_and_overview_for_ever(
    tmp_path: Path, store: ReleaseStore
) -> None:
    builds = [release_kit.builder(tmp_path, tilt) for tilt in (0.0, 5.0)]
    first, second = (store.stage("us", build, {"run": "r"}).id for build in builds)
    override(store, judged(first, NO), by="Ada", reason=" prices doubled\n overnight ")
    assert store.champion("us") == first
    assert events(store) == ["overridden", "promoted"]
    said, moved = store.ledger("us")
    assert (said["by"], said["reason"]) == ("Ada", "prices doubled overnight")
    assert said["decision"]["status"] == "refused"
    expected = {"by": "Ada", "reason": "prices doubled overnight", "broken": ["r2"]}
    assert moved["decision"]["override"] == expected
    (row,) = [each for each in overview(Home(tmp_path), NOW) if each.market == "us"]
    assert "Ada: prices doubled overnight" in row.overridden
    assert any("OVERRIDDEN" in line for line in row.lines())
    store.promote("us", second, first, YES)
    card = model_card(store.open("us", first), store.ledger("us"))
    assert "> **OVERRIDDEN** by Ada: prices doubled overnight (rules broken: r2)" in card
    assert "OVERRIDDEN" not in model_card(store.open("us", second), store.ledger("us"))
    (row,) = [each for each in overview(Home(tmp_path), NOW) if each.market == "us"]
    assert row.overridden == ""  # of what serves now


def _torn(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


REFUSED: dict[str, tuple[str, Callable[[ReleaseStore, str], None], str]] = {
    "no reason": (" \n ", lambda store, release: None, "an override needs a reason"),
    "damaged": (
        "why",
        lambda store, release: _torn(store.open("us", release).content / "big.npy"),
        "is refused: ",
    ),
    "champion already": (
        "why",
        lambda store, release: store.promote("us", release, None, YES),
        "serves",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_an_override_that_is_refused_leaves_no_trace(
    store: ReleaseStore, staged: list[str], case: str
) -> None:
    reason, prepare, told = REFUSED[case]
    prepare(store, staged[0])
    before = store.champion("us")
    with pytest.raises(UserError, match=told):
        override(store, judged(staged[0], NO), by="Ada", reason=reason)
    assert store.champion("us") == before
    assert "overridden" not in events(store)


def test_who_approves_comes_from_a_setting(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CARPRICE_APPROVER", raising=False)
    with pytest.raises(UserError, match="say who you are: set CARPRICE_APPROVER, or 'approver"):
        approver(home)
    home.root.mkdir(parents=True)
    settings = home.root / "settings.toml"
    settings.write_text('approver = " Grace Hopper "\n')
    assert approver(home) == "Grace Hopper"
    monkeypatch.setenv("CARPRICE_APPROVER", "Ada")
    assert approver(home) == "Ada"
    monkeypatch.setenv("CARPRICE_APPROVER", "  ")
    assert approver(home) == "Grace Hopper"
    for broken, said in (
        ("approver = 7", "say who"),
        ("approver", "no TOML"),
        ("x = 1", "say who"),
    ):
        settings.write_text(broken)
        with pytest.raises(UserError, match=said):
            approver(home)
    for name in ("a\nb", "x" * 101, "\x1b[31m"):
        monkeypatch.setenv("CARPRICE_APPROVER", name)
        with pytest.raises(UserError, match="one line"):
            approver(home)


def test_waits_in_the_order_they_began(store: ReleaseStore, staged: list[str]) -> None:
    for each in reversed(staged):
        begin(store, "us", each, YES, days=3, now=NOW, run="r")
    assert [wait.release for wait in waits(store.ledger("us"))] == staged[::-1]
    (row,) = [each for each in overview(Home(store.root.parent), NOW) if each.market == "us"]
    assert any(f"releases approve {staged[1]} --market us" in line for line in row.lines())


def test_a_broken_market_hides_no_other(tmp_path: Path, store: ReleaseStore) -> None:
    for market in ("aa", "zz"):
        named = replace(release_kit.MARKET, name=market)
        release = store.stage(market, release_kit.builder(tmp_path, 0.0, named), {"run": "r"})
        store.promote(market, release.id, None, YES)
    for broken, good in (("aa", "zz"), ("zz", "aa")):
        pointer = store.root / broken / "champion.json"
        before = pointer.read_bytes()
        pointer.write_text("{")
        rows = {row.market: row for row in overview(Home(tmp_path), NOW)}
        assert rows[broken].problem
        assert any("PROBLEM" in line for line in rows[broken].lines())
        assert not rows[good].problem
        assert (rows[good].mae, rows[good].r2) == (3000.0, 0.95)
        pointer.write_bytes(before)
