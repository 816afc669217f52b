"""Days pass when told to, stay over a restart, and take cars away."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest

from carprice_assets.errors import UserError
from carprice_assets.home import Home
from carprice_assets.practice_market import Settings, simulate
from carprice_assets.practice_market.changes import changes
from carprice_assets.practice_market.site import SiteSettings, create_site

MARKET = simulate(Settings(seed=7, size=300))


def test_state_and_date_header(site: Any) -> None:
    state = site.get("/practice/state").json()
    assert (state["day"], state["date"], state["on_sale"]) == (0, "2026-01-05", 300)
    assert site.get("/").headers["date"] == "Mon, 05 Jan 2026 12:00:00 GMT"
    moved = site.post("/practice/advance", json={"days": 28}).json()
    assert (moved["day"], moved["date"]) == (28, "2026-02-02")
    assert moved["on_sale"] == len(MARKET.stock(28))
    assert site.get("/nowhere").headers["date"] == "Mon, 02 Feb 2026 12:00:00 GMT"


def test_day_stays_over_a_restart(open_site: Any, home: Home) -> None:
    open_site().post("/practice/day", json={"day": 9})
    assert json.loads((home.practice / "small" / "day.json").read_text()) == {"day": 9}
    assert open_site().get("/practice/state").json()["day"] == 9


@pytest.mark.parametrize(
    ("path", "body", "said"),
    [
        ("/practice/day", {"day": 366}, "day 366 is outside 0 to 365"),
        ("/practice/day", {"day": -1}, "day -1 is outside 0 to 365"),
        ("/practice/advance", {"days": 400}, "day 400 is outside 0 to 365"),
        ("/practice/day", {"day": "4"}, "Expected `int`"),
        ("/practice/day", {}, "missing required field `day`"),
        ("/practice/faults", {"cutt": 1}, "unknown field `cutt`"),
        ("/practice/faults", {"cut": 1.5}, "<= 1"),
        ("/practice/faults", {"cut": 0.6, "slow": 0.6}, "add up to more than 1"),
        ("/practice/faults", {"layout": "gone"}, "Invalid enum value 'gone'"),
    ],
)
def test_what_cannot_be_done_is_told_in_one_line(
    site: Any, path: str, body: dict[str, object], said: str
) -> None:
    answer = site.post(path, json=body)
    assert answer.status_code == 400
    assert answer.headers["content-type"].startswith("application/problem+json")
    assert said in answer.json()["detail"]
    assert "\n" not in answer.json()["detail"]
    assert site.get("/practice/state").json()["day"] == 0


@pytest.mark.parametrize("kept", ['{"day": 900}', '{"day": "x"}', "[]", "{"])
def test_broken_day_is_named(home: Home, kept: str) -> None:
    path = home.practice / "small" / "day.json"
    path.parent.mkdir(parents=True)
    path.write_text(kept)
    with pytest.raises(UserError, match="day"):
        create_site(SiteSettings("small", size=10), home)


def test_removed_cars_answer_in_three_ways(site: Any) -> None:
    gone = sorted(changes(MARKET, 0, 20).gone)
    site.post("/practice/day", json={"day": 20})
    answers = {each: site.get(f"/vehicledetail/{each}/") for each in gone}
    ways = Counter(answer.status_code for answer in answers.values())
    assert set(ways) == {200, 404, 410}
    assert min(ways.values()) >= len(gone) / 8
    for answer in answers.values():
        assert "<title>Vehicle not found</title>" in answer.text
        assert "This vehicle is no longer available" in answer.text
        assert "initial-activity-data" not in answer.text
    site.post("/practice/day", json={"day": 21})
    for each in gone[:10]:
        if each in changes(MARKET, 0, 21).gone:
            assert site.get(f"/vehicledetail/{each}/").status_code == answers[each].status_code


def test_cars_that_nobody_has_seen_yet_are_unknown(site: Any) -> None:
    for each in sorted(changes(MARKET, 0, 20).new)[:12]:
        assert site.get(f"/vehicledetail/{each}/").status_code == 404
    assert site.get("/vehicledetail/nothing/").status_code == 404


def test_removed_cars_of_the_other_template(eu_site: Any) -> None:
    gone = changes(MARKET, 0, 20).gone
    eu_site.post("/practice/day", json={"day": 20})
    ways = {eu_site.get(f"/cars/{each}").status_code for each in gone}
    assert ways == {200, 404, 410}


def test_home_page_counts_changes_and_moves_on(site: Any) -> None:
    answer = site.post(
        "/practice/advance", headers={"content-type": "application/x-www-form-urlencoded"}
    )
    assert answer.status_code == 303
    assert answer.headers["location"] == "/"
    html = site.get("/").text
    truth = changes(MARKET, 0, 1)
    for label, count in (("New", truth.new), ("Re-priced", truth.changed), ("Gone", truth.gone)):
        assert f"<span>{label}</span><strong>{len(count):,}</strong>" in html
    assert "Tuesday, 6 January 2026" in html
