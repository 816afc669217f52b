"""The proof: what became of the offers of past lists in later scrapes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from carprice_assets.bargains.published import BargainList

if TYPE_CHECKING:
    import duckdb

WINDOW = 14
"""Days that each list is followed."""
LEAST = 5
"""Offers below which a share is not told."""


@dataclass(frozen=True)
class Followed:
    """What became of one group of offers within :data:`WINDOW` days after their list.

    Attributes
    ----------
    offers
        In the group.
    seen_again
        Seen on a later day of the window, so that their price is known.
    rose, fell
        Of those, whose price was higher or lower at the last such sight.
    observable
        Of a site whose crawls tell when a listing is gone, with the whole window gone by.
    gone
        Of the observable ones, known to be gone within the window.
    """

    offers: int
    seen_again: int
    rose: int
    fell: int
    observable: int
    gone: int

    @property
    def gone_share(self) -> float | None:
        """Share gone of the observable ones; None where too few are observable."""
        return self.gone / self.observable if self.observable >= LEAST else None


@dataclass(frozen=True)
class Proof:
    """Past lists followed: bargains, those set apart, and offers like the bargains.

    ``like`` are offers of the same make, model and kind of stock that were on sale on the
    list's day and stood on no part of it.
    """

    lists: int
    bargains: Followed
    apart: Followed
    like: Followed

    def to_json(self) -> dict[str, Any]:
        """JSON types."""
        return asdict(self)

    @property
    def lines(self) -> list[str]:
        """For people."""
        if not self.lists:
            return ["no past list to follow yet"]
        groups = (("bargains", self.bargains), ("set apart", self.apart), ("their like", self.like))
        lines = [f"{self.lists} past lists, each followed for {WINDOW} days"]
        for name, group in groups:
            lines.append(
                f"{name:<11} {group.offers:>6,}  seen again {group.seen_again:,}: price rose"
                f" {group.rose:,}, fell {group.fell:,}; {_gone(group)}"
            )
        return lines


def _gone(group: Followed) -> str:
    share = group.gone_share
    if share is None:
        return f"how soon they went is not observable ({group.observable:,} offers)"
    return f"gone {group.gone:,} of {group.observable:,} ({share:.0%})"


def follow(con: duckdb.DuckDBPyConnection, market: str, lists: Sequence[BargainList]) -> Proof:
    """Follow the offers of ``lists`` through the market's later scrapes.

    The first list of a day counts, and an offer in the first of its lists alone: a car that
    stays listed for weeks is one car.
    """
    rows: list[tuple[str, str, str, float]] = []
    met: set[str] = set()
    days: set[str] = set()
    for each in lists:
        if each.day in days:
            continue
        days.add(each.day)
        for group, entries in (("bargains", each.bargains), ("apart", each.apart)):
            for entry in entries:
                if entry["listing_id"] not in met:
                    met.add(entry["listing_id"])
                    rows.append((group, entry["listing_id"], each.day, float(entry["price"])))
    if not rows:
        nothing = Followed(0, 0, 0, 0, 0, 0)
        return Proof(len(days), nothing, nothing, nothing)
    found = _followed(con, market, rows)
    return Proof(len(days), found["bargains"], found["apart"], found["like"])


def _followed(
    con: duckdb.DuckDBPyConnection, market: str, rows: Sequence[tuple[str, str, str, float]]
) -> dict[str, Followed]:
    groups, ids, days, prices = zip(*rows)
    named = {"groups": groups, "ids": ids, "days": days, "prices": prices}
    con.execute(_LISTED, {name: list(values) for name, values in named.items()})
    con.execute(_LIKE, {"market": market})
    try:
        table = con.execute(_FOLLOWED, {"market": market, "span": WINDOW}).fetchall()
    finally:
        con.execute("DROP TABLE IF EXISTS temp.listed")
    nothing = Followed(0, 0, 0, 0, 0, 0)
    found = dict.fromkeys(("bargains", "apart", "like"), nothing)
    return found | {row[0]: Followed(*(int(each) for each in row[1:])) for row in table}


_LISTED = """
CREATE OR REPLACE TEMP TABLE listed AS
SELECT unnest($groups::TEXT[]) AS kind, unnest($ids::TEXT[]) AS listing_id,
  unnest($days::TEXT[])::DATE AS day, unnest($prices::DOUBLE[]) AS price
"""
_LIKE = """
INSERT INTO temp.listed
WITH mine AS (SELECT * FROM listings WHERE market = $market),
wanted AS (
  SELECT DISTINCT make, model, coalesce(stock_type, '') = 'New' AS is_new, day
  FROM temp.listed JOIN mine USING (listing_id) WHERE kind = 'bargains'),
others AS (
  SELECT mine.listing_id, min(wanted.day) AS day
  FROM mine JOIN wanted ON mine.make = wanted.make AND mine.model = wanted.model
    AND (coalesce(mine.stock_type, '') = 'New') = wanted.is_new
  WHERE mine.first_seen <= wanted.day AND mine.last_seen >= wanted.day
    AND mine.listing_id NOT IN (SELECT listing_id FROM temp.listed)
  GROUP BY mine.listing_id)
SELECT 'like', others.listing_id, others.day,
  coalesce(
    (SELECT arg_max(h.price, h.observed_at) FROM price_history AS h
     WHERE h.market = $market AND h.listing_id = others.listing_id AND h.observed_at <= others.day),
    (SELECT any_value(m.price) FROM mine AS m WHERE m.listing_id = others.listing_id))
FROM others
"""
_FOLLOWED = """
WITH mine AS (SELECT * FROM listings WHERE market = $market),
reach AS (SELECT max(last_seen) AS last FROM mine),
sighted AS (SELECT DISTINCT listing_id FROM sightings WHERE market = $market),
later AS (
  SELECT listed.listing_id, arg_max(h.price, h.observed_at) AS price
  FROM temp.listed AS listed JOIN price_history AS h
    ON h.market = $market AND h.listing_id = listed.listing_id
    AND h.observed_at > listed.day AND h.observed_at <= listed.day + $span::INT
  GROUP BY listed.listing_id),
joined AS (
  SELECT kind, mine.last_seen > listed.day AS again,
    coalesce(later.price, listed.price) AS after, listed.price AS before,
    sighted.listing_id IS NOT NULL AND reach.last >= listed.day + $span::INT AS observable,
    coalesce(mine.delisted_at <= listed.day + $span::INT, false) AS gone
  FROM temp.listed AS listed CROSS JOIN reach
  LEFT JOIN mine USING (listing_id) LEFT JOIN later USING (listing_id)
  LEFT JOIN sighted USING (listing_id))
SELECT kind, count(*), count(*) FILTER (again), count(*) FILTER (again AND after > before + 0.5),
  count(*) FILTER (again AND after < before - 0.5), count(*) FILTER (observable),
  count(*) FILTER (observable AND gone)
FROM joined GROUP BY kind
"""
