"""The list: current offers ranked by how likely they are bargains, and those set apart."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from carprice_assets.bargains.comparables import Pool, told
from carprice_assets.bargains.current import Current, dealings
from carprice_assets.bargains.detector import Detector, Offers, Scores
from carprice_assets.bargains.doubts import (
    Dealing,
    car_doubts,
    comparables_doubts,
    dealer_doubts,
    is_grave,
    is_slip,
    lowers,
    payload_doubts,
    price_doubts,
)
from carprice_assets.bargains.valuing import Valued
from carprice_assets.listings.contract import (
    FEATURE_FIELDS,
    Columns,
    from_days,
    row_count,
    take,
)
from carprice_assets.listings.notes import Note
from carprice_assets.markets import Market

LOOKED_AT = 20
"""Times the length of the list that candidates are looked at for doubts, at most."""
ODD = 4.0
"""Times the expected price, above or below, from which on a price is looked at as a slip."""

CAR = tuple(
    field.name for field in FEATURE_FIELDS if field.name not in ("vin", "dealer", "observed_at")
)
"""Fields of a listing that its valuation may be asked for by."""

NotesOf = Callable[[Columns], Sequence[tuple[Note, ...]]]
PayloadsOf = Callable[[Sequence[str]], Mapping[str, str]]
Entry = dict[str, Any]


@dataclass(frozen=True)
class Ranked:
    """A list: bargains the best first, and what is set apart; entries in JSON types."""

    bargains: tuple[Entry, ...]
    apart: tuple[Entry, ...]
    offers: int
    unvalued: int


@dataclass(frozen=True)
class Work:
    """Everything that a list is made of."""

    market: Market
    current: Current
    valued: Valued
    detector: Detector | None
    notes_of: NotesOf
    payloads_of: PayloadsOf
    rejected: Valued
    own: tuple[str, ...] = ()
    """Features of the market's own that the release knows as the market declares them."""

    @cached_property
    def on_sale(self) -> Pool:
        """The current offers, to compare with."""
        return Pool.of(self.current.offers, self.market.distance)

    @cached_property
    def gone(self) -> Pool:
        """What is lately gone, to compare with."""
        return Pool.of(self.current.gone, self.market.distance)


def rank(work: Work) -> Ranked:
    """Rank the current offers of a market.

    A candidate costs less than the low end of its range and saves the market's least share.
    One with a grave doubt stands apart, with slips of typing and rows rejected for their price.
    Offers that are merely dear are in neither part.
    """
    rules, current, valued = work.market.bargains, work.current, work.valued
    offers = current.offers
    price = offers["price"]
    scores = _scores(work)
    ratio = price / valued.expected
    cheap = (ratio <= 1 - rules.min_saving) & (price < valued.low)
    order = np.argsort(-_rank_by(work, scores), kind="stable")
    candidates = [int(row) for row in order if cheap[row]][: LOOKED_AT * rules.limit]
    odd = [int(row) for row in np.flatnonzero(_odd_prices(price, valued) & ~cheap)]
    known = dealings(current, cheap)
    looked = [*candidates, *odd]
    doubts = _doubts(work, looked, known)
    entries = _Entries(work, scores)
    bargains = [row for row in candidates if not is_grave(doubts[row])][: rules.limit]
    for row in bargains:
        others = work.on_sale.alike(offers, row)
        found = comparables_doubts(float(price[row]), others.tolist(), rules.like_comparables)
        doubts[row] += found
    bargains.sort(key=lambda row: lowers(doubts[row]))  # stable: else in the order of the rank
    apart = [row for row in looked if is_grave(doubts[row])]
    # Of a car that is dear, a dealer or a word on its page says nothing here.
    above = price > valued.expected
    apart = [row for row in apart if not above[row] or is_slip(doubts[row])]
    refused = _refused(work, known)
    kept = [entries.of(row, doubts[row]) for row in apart[: rules.limit]]
    return Ranked(
        tuple(entries.of(row, doubts[row]) for row in bargains),
        (*kept, *refused[: rules.limit]),
        len(price),
        int(np.isnan(valued.expected).sum()),
    )


def _scores(work: Work) -> Scores | None:
    if work.detector is None:
        return None
    return work.detector.scores(_offers(work.valued, work.current.offers["price"]))


def _offers(valued: Valued, price: NDArray[np.float64]) -> Offers:
    return Offers(valued.features, price, valued.expected, valued.low)


def _rank_by(work: Work, scores: Scores | None) -> NDArray[np.float64]:
    """The combination, or without a detector the residual in its range; the higher the better."""
    if scores is not None:
        found = scores.rank_by
    else:
        valued, price = work.valued, work.current.offers["price"]
        width = np.log(valued.expected) - np.log(valued.low)
        found = -(np.log(price) - np.log(valued.expected)) / np.maximum(width, 1e-3)
    return np.where(np.isfinite(found), found, -np.inf)


def _odd_prices(price: NDArray[np.float64], valued: Valued) -> NDArray[np.bool_]:
    """Offers whose price may be no price, whatever its sign: those far from the expected one."""
    return np.abs(np.log(price) - np.log(valued.expected)) > np.log(ODD)


def _doubts(work: Work, rows: Sequence[int], known: Mapping[str, Dealing]) -> dict[int, list[Note]]:
    """Doubts about each of ``rows`` of the current offers."""
    offers, valued = work.current.offers, work.valued
    chosen = take(offers, np.array(rows, np.intp))
    notes = work.notes_of(chosen)
    payloads = work.payloads_of([str(each) for each in chosen["row_hash"]])
    found: dict[int, list[Note]] = {}
    for place, row in enumerate(rows):
        car = car_doubts(
            float(offers["mileage"][row]), str(offers["stock_type"][row]), notes[place]
        )
        expected, low = float(valued.expected[row]), float(valued.low[row])
        if is_grave(car):  # unsupported: what is expected of it says nothing
            expected = low = float("nan")
        each = price_doubts(
            float(offers["price"][row]),
            expected,
            low,
            too_cheap=work.market.bargains.too_cheap,
            very_cheap=work.market.bargains.very_cheap,
        )
        each += payload_doubts(payloads.get(str(offers["row_hash"][row]), "{}"))
        each += car
        each += dealer_doubts(known.get(str(offers["dealer"][row]), Dealing()))
        if valued.known[row]:
            each.append(Note("learned_from", "price", "its own price took part in the training"))
        found[row] = each
    return found


def _refused(work: Work, known: Mapping[str, Dealing]) -> list[Entry]:
    """Entries of rows whose price no car can have."""
    rows = work.current.rejected
    if not row_count(rows):
        return []
    valued, entries = work.rejected, _Entries(work, None, rows, work.rejected)
    notes = work.notes_of(rows)
    payloads = work.payloads_of([str(each) for each in rows["row_hash"]])
    found: list[Entry] = []
    for row in range(row_count(rows)):
        price, car = float(rows["price"][row]), car_doubts(0.0, "", notes[row])
        expected, low = float(valued.expected[row]), float(valued.low[row])
        if car:  # unsupported, as among the current offers
            expected = low = float("nan")
        slips = price_doubts(price, expected, low, too_cheap=work.market.bargains.too_cheap)
        if price > work.market.listings.price_high and not is_slip(slips):
            continue  # a dear car, or one of which nothing can be said
        doubts = [Note("price_rejected", "price", f"{price:,.0f} is no price of a car"), *slips]
        doubts += payload_doubts(payloads.get(str(rows["row_hash"][row]), "{}"))
        doubts += [*car, *dealer_doubts(known.get(str(rows["dealer"][row]), Dealing()))]
        found.append(entries.of(row, doubts))
    return found


class _Entries:
    """Makes entries of the current offers, or of others that are given."""

    def __init__(
        self,
        work: Work,
        scores: Scores | None,
        offers: Columns | None = None,
        valued: Valued | None = None,
    ) -> None:
        self.work, self.scores = work, scores
        self.offers = work.current.offers if offers is None else offers
        self.valued = work.valued if valued is None else valued
        self.on_sale, self.gone = work.on_sale, work.gone

    def of(self, row: int, doubts: Sequence[Note]) -> Entry:
        """The entry of one offer, in JSON types."""
        offers, valued = self.offers, self.valued
        price = float(offers["price"][row])
        supported = not any(doubt.code == "unsupported" for doubt in doubts)
        expected, low, high = (
            float(each[row]) if supported else float("nan")
            for each in (valued.expected, valued.low, valued.high)
        )
        first = float(offers["first_price"][row])
        dropped = float(offers["last_drop"][row])
        entry: Entry = {
            "listing_id": str(offers["listing_id"][row]),
            "url": str(offers["url"][row]),
            "make": str(offers["make"][row]),
            "model": str(offers["model"][row]),
            **told(offers, row),
            "dealer": str(offers["dealer"][row]),
            "expected": _whole(expected),
            "low": _whole(low),
            "high": _whole(high),
            "saving": _whole(expected - price),
            "saving_share": _rounded(1 - price / expected, 4),
            "days_on_sale": _days_seen(offers, row),
            "first_seen": from_days(float(offers["first_seen"][row])).isoformat(),
            "last_seen": from_days(float(offers["last_seen"][row])).isoformat(),
            "first_price": _whole(first),
            "drops": int(offers["drops"][row]),
            "last_drop": None if np.isnan(dropped) else from_days(dropped).isoformat(),
            "car": self._car(row),
            "doubts": [{"code": n.code, "field": n.field, "message": n.message} for n in doubts],
            "comparables": self._comparables(row),
        }
        return entry | self._found(row)

    def _car(self, row: int) -> Entry:
        """The car as a request for its valuation states it, None for what is not known.

        VIN and dealer are left out: a list is shown to people whom neither concerns.
        """
        names = [name for name in (*CAR, *self.work.own) if name in self.offers]
        return {name: _stated(self.offers[name][row]) for name in names}

    def _comparables(self, row: int) -> dict[str, list[Entry]]:
        now = [
            told(self.on_sale.columns, each)
            | {"days_on_sale": _days_seen(self.on_sale.columns, each)}
            for each in self.on_sale.nearest(self.offers, row)
        ]
        gone: list[Entry] = []
        for each in self.gone.nearest(self.offers, row):
            left = float(self.gone.columns["delisted_at"][each])
            seen = from_days(float(self.gone.columns["last_seen"][each])).isoformat()
            delisted = None if np.isnan(left) else from_days(left).isoformat()
            gone.append(told(self.gone.columns, each) | {"last_seen": seen, "delisted": delisted})
        return {"on_sale": now, "gone": gone}

    def _found(self, row: int) -> Entry:
        """What the detector says of an offer."""
        if self.scores is None or self.work.detector is None:
            return {"score": None, "residual_in_range": None, "evidence": {}}
        chosen = np.array([row], np.intp)
        valued = self.valued
        alone = Offers(
            valued.features[chosen],
            self.offers["price"][chosen],
            valued.expected[chosen],
            valued.low[chosen],
        )
        return {
            "score": _rounded(float(self.scores.score[row]), 4),
            "residual_in_range": _rounded(float(self.scores.in_range[row]), 3),
            "evidence": self.work.detector.evidence(alone)[0],
        }


def _days_seen(offers: Columns, row: int) -> int:
    """Days from the first sight of an offer to the last: nobody knows of the days after."""
    return int(float(offers["last_seen"][row]) - float(offers["first_seen"][row]))


def _stated(value: Any) -> str | float | None:
    """A word, a number, or None for the empty word and NaN."""
    if isinstance(value, str):
        return value or None
    number = float(value)
    if not np.isfinite(number):
        return None
    return int(number) if number.is_integer() else round(number, 6)


def _whole(value: float) -> int | None:
    return round(value) if np.isfinite(value) else None


def _rounded(value: float, digits: int) -> float | None:
    return round(value, digits) if np.isfinite(value) else None
