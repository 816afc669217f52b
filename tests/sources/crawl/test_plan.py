"""What to fetch, when the search is over, when the crawler is not welcome any more; all pure."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from carprice_assets.sources.crawl.answers import INTERSTITIAL, OK, Answer
from carprice_assets.sources.crawl.known import Known
from carprice_assets.sources.crawl.plan import plan_cards, plan_missing, why_fetch
from carprice_assets.sources.crawl.progress import Progress, duration
from carprice_assets.sources.crawl.search import Search
from carprice_assets.sources.crawl.welcome import LAYOUT_PAGES, Layout, StoppedError, Welcome
from carprice_assets.sources.sites.base import Card

DAY = date(2026, 1, 31)


def known(fingerprint="f", days=1, delisted=False, url="u"):
    return Known(url, fingerprint, None if days is None else DAY - timedelta(days), delisted)


@pytest.mark.parametrize(
    ("before", "full", "why"),
    [
        (None, False, "new"),
        (known(delisted=True), False, "new"),
        (known(days=None), False, "new"),
        (known("other"), False, "changed"),
        (known(days=30), False, "aged"),
        (known(days=29), False, None),
        (known(), True, "full"),
        (known("other"), True, "changed"),
    ],
)
def test_why_a_detail_is_fetched(before, full, why):
    assert why_fetch(Card("a", "u", "f"), before, day=DAY, refetch_days=30, full=full) == why


def test_no_address_is_planned_twice():
    cards = [Card("a", "u1", ""), Card("b", "u1", ""), Card("c", "u2", ""), Card("d", "u3", "")]

    pages = plan_cards(cards, {}, planned={"u2"}, day=DAY, refetch_days=30, full=False)

    assert [(page.listing_id, page.url) for page in pages] == [("a", "u1"), ("d", "u3")]


def test_known_listings_without_a_card_are_looked_for():
    listings = {name: known(url=f"u{name}") for name in "abcd"} | {"x": known(delisted=True)}

    missing = plan_missing(listings, {"a", "b", "c"}, set(), full=False)

    assert [(page.listing_id, page.why) for page in missing.pages] == [("d", "missing")]
    assert plan_missing(listings, {"a", "b"}, {"ud"}, full=False).pages[0].listing_id == "c"


def test_a_search_that_lost_more_than_half_is_not_believed():
    listings = {name: known() for name in "abcd"}

    assert not plan_missing(listings, {"a", "b"}, set(), full=False).collapsed
    missing = plan_missing(listings, {"a"}, set(), full=False)
    assert missing.collapsed.startswith("3 of 4 known")
    assert missing.pages == ()
    asked = plan_missing(listings, {"a"}, set(), full=True)
    assert not asked.collapsed
    assert [page.listing_id for page in asked.pages] == ["b", "c", "d"]


def searched(*pages, max_pages=100):
    search = Search(max_pages)
    for number, ids in enumerate(pages, 1):
        assert search.over is None
        if isinstance(ids, str):
            search.add({"number": number, "state": "done", "strangers": [],
                        "cards": [{"listing_id": i} for i in ids]})  # fmt: skip
        else:
            search.add({"number": number, "strangers": [], "cards": [], **ids})
    return search


FAILED = {"state": "failed", "reason": "http_500"}


@pytest.mark.parametrize(
    ("pages", "over"),
    [
        (["ab", "cd"], None),
        (["ab", ""], (True, "empty page")),
        (["ab", "ab", "ba"], (True, "no new listings")),
        (["ab", "ab", "abc", "ab"], None),
        ([""], (True, "empty page")),
        (["ab", FAILED], None),
        (["ab", FAILED, "cd", ""], (False, "page 2 failed (http_500); empty page")),
        ([FAILED, FAILED, "a"], None),
        (["ab", {"state": "gone"}], (False, "page 2 not found")),
        (["ab", {"state": "done", "strangers": ["http://x"]}], None),
    ],
)
def test_the_end_of_a_search(pages, over):
    search = searched(*pages)

    assert search.over == over
    assert search.next == len(pages) + 1


def test_a_search_is_given_up_after_three_failed_pages():
    complete, why = searched("ab", FAILED, FAILED, FAILED).over
    assert not complete
    assert why.endswith("3 pages running")


def test_a_search_is_cut_at_the_limit_but_may_end_there():
    assert searched("ab", "cd", max_pages=2).over == (False, "max_pages (2)")
    assert searched("ab", "", max_pages=2).over == (True, "empty page")


def refusal(status):
    return Answer("refused" if status != 429 else "wait", f"http_{status}")


def test_three_refusals_in_a_row_end_a_crawl():
    welcome = Welcome()
    welcome.note(refusal(403), "u", 1, 2)
    welcome.note(refusal(429), "u", 3, 4)
    with pytest.raises(StoppedError, match="refused with 403, 429, 451") as raised:
        welcome.note(refusal(451), "u", 5, 6)
    assert raised.value.stop.state == "refused"


@pytest.mark.parametrize("good", [OK, Answer("gone")])
def test_a_good_answer_between_refusals_forgives(good):
    welcome = Welcome()
    for moment in range(0, 20, 2):
        welcome.note(refusal(403), "u", moment, moment)
        welcome.note(refusal(403), "u", moment, moment)
        welcome.note(good, "u", moment, moment + 1)


def test_faults_of_the_server_are_no_refusals():
    welcome = Welcome()
    for moment in range(10):
        welcome.note(Answer("again", "http_500"), "u", moment, moment)
        welcome.note(Answer("wait", "http_503"), "u", moment, moment)


def test_requests_on_their_way_at_a_429_count_once():
    welcome = Welcome()
    for _ in range(8):
        welcome.note(refusal(429), "u", 1, 2)
    welcome.note(refusal(429), "u", 3, 4)
    with pytest.raises(StoppedError):
        welcome.note(refusal(429), "u", 5, 6)


def test_an_interstitial_ends_a_crawl_at_once():
    with pytest.raises(StoppedError, match="interstitial at u"):
        Welcome().note(INTERSTITIAL, "u", 0, 0)


def test_details_without_data_running_end_a_crawl():
    layout = Layout()
    for _ in range(LAYOUT_PAGES - 1):
        layout.note("no_data")
    layout.note("")
    for _ in range(LAYOUT_PAGES - 1):
        layout.note("no_data")
    layout.note("http_500")
    with pytest.raises(StoppedError, match="layout: 20 details") as raised:
        layout.note("no_data")
    assert raised.value.stop.state == "partial"


def test_a_line_of_progress():
    progress = Progress(begun=0.0, settled=40)
    given = {"searches": 3, "cards": 60, "failed": 2}

    assert progress.line(20.0, planned=100, left=50, searching=True, **given) == (
        "search pages 3 so far, cards 60; details 50 of 100 found so far; 2.0 a second; failed 2;"
        " at least 25 s left"
    )
    progress.settled = 90  # five a second since, and that alone says when it ends
    assert progress.line(30.0, planned=100, left=10, searching=False, **given) == (
        "search pages 3, cards 60; details 90 of 100; 5.0 a second; failed 2; 2 s left"
    )
    assert [duration(s) for s in (89, 90, 5400)] == ["89 s", "2 min", "1.5 h"]


def test_the_rate_is_that_of_the_last_minute():
    progress = Progress(begun=0.0)
    given = {"searches": 9, "cards": 900, "planned": 900, "failed": 0, "searching": False}
    for now in range(0, 301, 10):
        progress.settled = max(now - 240, 0) * 5  # nothing for four minutes, then five a second
        line = progress.line(float(now), left=600, **given)
    assert "; 5.0 a second; failed 0; 2 min left" in line


def test_a_line_of_progress_before_there_is_a_detail():
    line = Progress(begun=0.0).line(
        10.0, searches=4, cards=80, planned=0, left=0, failed=0, searching=True
    )
    assert line == "search pages 4 so far, cards 80; failed 0"
