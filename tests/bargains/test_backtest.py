"""Past lists followed through later scrapes, and the current offers of a warehouse."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bargains.invented_offers import market

from carprice_assets.bargains.backtest import Followed, follow
from carprice_assets.bargains.current import dealings, read_current, read_payloads
from carprice_assets.bargains.published import BargainList
from carprice_assets.errors import UserError
from carprice_assets.listings.warehouse import Warehouse

START = date(2026, 1, 5)


def day(number: int) -> str:
    return (START + timedelta(days=number)).isoformat()


@pytest.fixture
def con(tmp_path: Path) -> Iterator[Any]:
    with Warehouse(tmp_path / "own.duckdb").connect("a test") as opened:
        yield opened


def add(
    con: Any,
    listing_id: str,
    prices: dict[int, float],
    *,
    last: int,
    gone: int | None = None,
    sighted: bool = True,
    dealer: str | None = None,
    vin: str | None = None,
    model: str = "Civic",
) -> None:
    """A listing with its prices by day, last seen on a day, perhaps gone on another."""
    first, price = min(prices), prices[max(prices)]
    con.execute(
        "INSERT INTO listings (market, listing_id, vin, dealer, url, observed_at, first_seen,"
        " last_seen, delisted_at, price, make, model, year, stock_type, source, row_hash)"
        " VALUES ('own', ?, ?, ?, '', ?, ?, ?, ?, ?, 'Honda', ?, 2020, 'Used', 'payload', ?)",
        [
            *(listing_id, vin, dealer, day(max(prices)), day(first), day(last)),
            *(None if gone is None else day(gone), price, model, abs(hash(listing_id))),
        ],
    )
    before: float | None = None
    for at, asked in sorted(prices.items()):
        change = None if before is None else asked - before
        con.execute(
            "INSERT INTO price_history VALUES ('own', ?, ?, ?, ?)",
            [listing_id, day(at), asked, change],
        )
        before = asked
    if sighted:
        con.execute(
            "INSERT INTO sightings VALUES ('own', 'site', ?, '', NULL, ?, ?, NULL, ?)",
            [listing_id, day(first), day(last), None if gone is None else day(gone)],
        )


def listed(number: int, *bargains: tuple[str, float], apart: tuple[str, float] = ()) -> BargainList:  # type: ignore[assignment]
    def entries(pairs: Any) -> list[dict[str, Any]]:
        return [{"listing_id": name, "price": price} for name, price in pairs]

    pairs = [apart] if apart else []
    content = {"day": day(number), "bargains": entries(bargains), "apart": entries(pairs)}
    return BargainList(f"{number:032}", content)


def test_rises_falls_and_ends_are_counted_beside_their_like(con: Any) -> None:
    add(con, "rose", {0: 10_000, 5: 12_000}, last=20)
    add(con, "fell", {0: 10_000, 5: 9_000}, last=20)
    add(con, "sold", {0: 10_000}, last=3, gone=4)
    add(con, "late", {0: 10_000, 17: 20_000}, last=30, gone=30)
    add(con, "unseen", {0: 10_000}, last=0, sighted=False)
    add(con, "like", {0: 15_000}, last=30)
    add(con, "like too", {0: 15_000}, last=5, gone=6)
    add(con, "unlike", {0: 15_000}, last=30, model="Accord")
    add(con, "trap", {0: 500}, last=30)
    names = ("rose", "fell", "sold", "late", "unseen")
    past = listed(0, *((name, 10_000.0) for name in names), apart=("trap", 500.0))
    proof = follow(con, "own", [past])
    assert proof.lists == 1
    assert proof.bargains == Followed(5, 4, 1, 1, 4, 1)
    assert proof.apart == Followed(1, 1, 0, 0, 1, 0)
    assert proof.like == Followed(2, 2, 0, 0, 2, 1)


def test_without_crawls_how_soon_they_went_is_not_observable(con: Any) -> None:
    add(con, "rose", {0: 10_000, 5: 12_000}, last=20, sighted=False)
    proof = follow(con, "own", [listed(0, ("rose", 10_000.0))])
    assert proof.bargains.gone_share is None
    assert "not observable" in "\n".join(proof.lines)


def test_a_window_that_is_not_over_is_not_observable(con: Any) -> None:
    for number in range(6):
        add(con, f"car{number}", {0: 10_000}, last=1, gone=2)
    add(con, "else", {0: 10_000}, last=10, model="Accord")
    past = listed(0, *((f"car{number}", 10_000.0) for number in range(6)))
    assert follow(con, "own", [past]).bargains.gone_share is None
    add(con, "later", {0: 10_000}, last=14, model="Accord")
    assert follow(con, "own", [past]).bargains.gone_share == 1.0


def test_an_offer_counts_in_the_first_of_its_lists_and_a_day_once(con: Any) -> None:
    add(con, "car", {0: 10_000, 3: 9_000}, last=20)
    past = [listed(0, ("car", 10_000.0)), listed(0, ("car", 1.0)), listed(4, ("car", 9_000.0))]
    proof = follow(con, "own", past)
    assert proof.lists == 2
    assert proof.bargains == Followed(1, 1, 0, 1, 1, 0)


def test_no_list_is_no_proof(con: Any) -> None:
    assert follow(con, "own", []).lines == ["no past list to follow yet"]


def test_current_are_those_not_gone_and_lately_seen(con: Any) -> None:
    add(con, "now", {0: 10_000, 5: 9_500, 9: 9_000}, last=40)
    add(con, "sold", {0: 10_000}, last=30, gone=31)
    add(con, "stale", {0: 10_000}, last=20)
    add(con, "ancient", {-90: 10_000}, last=-80, gone=-79)
    current = read_current(con, market(stale_days=14))
    assert current.offers["listing_id"].tolist() == ["now"]
    assert current.offers["first_price"].tolist() == [10_000]
    assert current.offers["drops"].tolist() == [2]
    assert sorted(current.gone["listing_id"]) == ["sold", "stale"]
    assert np.isnan(current.gone["delisted_at"]).sum() == 1
    longer = read_current(con, market(stale_days=30))
    assert sorted(longer.offers["listing_id"]) == ["now", "stale"]


def test_raised_and_reposted_listings_count_against_their_dealer(con: Any) -> None:
    add(con, "raised", {0: 10_000, 5: 13_000}, last=40, dealer="Loud")
    add(con, "a little", {0: 10_000, 5: 11_000}, last=40, dealer="Loud")
    add(con, "first", {0: 10_000}, last=3, dealer="Loud", vin="V1")
    add(con, "again", {5: 14_000}, last=40, dealer="Loud", vin="V1")
    add(con, "fair", {0: 10_000}, last=3, dealer="Quiet", vin="V2")
    add(con, "fairly", {5: 9_000}, last=40, dealer="Quiet", vin="V2")
    current = read_current(con, market())
    assert dict(current.raised) == {"Loud": (2, 4)}
    known = dealings(current, current.offers["price"] < 9_500)
    assert (known["Loud"].offers, known["Loud"].low_offers) == (3, 0)
    assert (known["Quiet"].offers, known["Quiet"].low_offers) == (1, 1)


def test_a_market_without_listings_says_so(con: Any) -> None:
    with pytest.raises(UserError, match="no listings yet"):
        read_current(con, market())


def test_payloads_are_found_by_hash(con: Any) -> None:
    con.execute(
        "INSERT INTO raw_listings VALUES ('own', 'payload', 's', '2026-01-05', 'a', '', 1,"
        """ '{"title": "a"}', 7)"""
    )
    assert read_payloads(con, "own", ["7", "8"]) == {"7": '{"title": "a"}'}
