"""The truth of a day's changes is what two scrapes bring."""

from __future__ import annotations

import pytest

from carprice_assets.practice_market import Market, scrape
from carprice_assets.practice_market.changes import changes


@pytest.mark.parametrize(("before", "after"), [(0, 1), (3, 11), (11, 3), (5, 5)])
def test_equal_to_two_scrapes(market: Market, before: int, after: int) -> None:
    was, now = (
        {found.listing_id: found.payload for found in scrape(market, day)}
        for day in (before, after)
    )
    found = changes(market, before, after)
    assert found.new == now.keys() - was.keys()
    assert found.gone == was.keys() - now.keys()
    both = was.keys() & now.keys()
    assert found.changed == {each for each in both if was[each] != now[each]}
    assert found.unchanged == both - found.changed


def test_a_price_that_nobody_sees_changes_nothing(market: Market) -> None:
    was, now = ({car.listing_id: car for car in market.stock(day)} for day in (0, 20))
    unseen = {
        found.listing_id
        for found in scrape(market, 0)
        if found.payload["price"] is None and found.listing_id in now
    }
    repriced = {each for each in unseen if was[each].price != now[each].price}
    assert repriced
    assert not repriced & changes(market, 0, 20).changed


def test_ever_listed(market: Market) -> None:
    seen: set[str] = set()
    for day in range(9):
        seen |= {car.listing_id for car in market.stock(day)}
        assert market.ever_listed(day) == seen
    with pytest.raises(ValueError, match="day 31"):
        market.ever_listed(31)
