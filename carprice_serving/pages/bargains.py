"""The page *Bargains*: the present list of a market, filtered and ordered as by the API."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from litestar import Request, Response, get
from litestar.handlers import HTTPRouteHandler
from msgspec import structs

from carprice_assets.listings import normalise
from carprice_assets.releases.rating import FIELD as ASKING_PRICE
from carprice_serving.bargain_choice import (
    FIELDS,
    MOST,
    SORTS,
    Wanted,
    answer,
    read_wanted,
)
from carprice_serving.bargain_lists import BargainLists
from carprice_serving.bargain_schemas import Bargain, BargainsAnswer
from carprice_serving.known_names import unknown_names
from carprice_serving.pages.engine import Pages
from carprice_serving.pages.form import MARKET
from carprice_serving.valuations import Valuations

SAVINGS = (0.10, 0.15, 0.20, 0.25, 0.30)
"""Distances of the price below the expected one that the form offers."""
ORDERS = dict(
    zip(
        SORTS,
        ("The best first", "Largest saving", "Largest saving in per cent", "Lowest price",
         "Newest on sale", "Newest model year", "Lowest mileage"),
        strict=True,
    )
)  # fmt: skip
LABELS = {
    "make": "make",
    "model": "model",
    "max_price": "price up to",
    "min_saving": "below expected by",
    "min_year": "model year from",
    "sort": "order",
}
"""Fields of the form, as they are called in a sentence."""


@dataclass(frozen=True)
class Choices:
    """What the form offers.

    Attributes
    ----------
    make, model
        What is chosen, in the list's own spelling.
    makes, models
        Names in the list with the number of their offers; models of the make that is chosen.
    savings
        Shares, with the one that the address names among them.
    """

    make: str = ""
    model: str = ""
    makes: tuple[tuple[str, int], ...] = ()
    models: tuple[tuple[str, int], ...] = ()
    savings: tuple[float, ...] = SAVINGS


def bargains_page(pages: Pages, valuations: Valuations, lists: BargainLists) -> HTTPRouteHandler:
    """The handler of ``/bargains``."""

    @get("/bargains", include_in_schema=False)
    async def bargains(request: Request[Any, Any, Any]) -> Response[str]:
        query = request.query_params.dict()
        market = valuations.market(query.get("market", [""])[-1])
        if market is None:
            return pages.render("bargains.html", page="bargains", found=None)
        wanted, errors = read_wanted(query)
        listed = partial(_listed, lists, market, wanted)
        found, choices = await valuations.aside(listed)
        given = {name: query.get(name, [""])[-1].strip() for name in LABELS}
        return pages.render(
            "bargains.html",
            page="bargains",
            market=market,
            status=HTTPStatus.UNPROCESSABLE_ENTITY if errors else HTTPStatus.OK,
            found=found,
            wanted=wanted,
            given=given,
            filtered=any(value for name, value in given.items() if name != "sort"),
            errors={each.field: each.message for each in errors},
            unknown=unknown_names(query, {*FIELDS, MARKET}, "this page"),
            choices=choices,
            labels=LABELS,
            orders=ORDERS,
            steps=_steps(market, given, wanted, found.total),
            value_address=partial(_value_address, market),
        )

    return bargains


def _listed(lists: BargainLists, market: str, wanted: Wanted) -> tuple[BargainsAnswer, Choices]:
    """What is wanted, with all that stands apart, and what else could be chosen."""
    found = answer(lists, market, wanted)
    apart = answer(lists, market, replace(wanted, apart=True, offset=0, limit=MOST)).apart
    shown = lists.present(market)
    offers = (*shown.bargains, *shown.apart) if shown else ()
    return structs.replace(found, apart=apart), _choices(offers, wanted)


def _choices(offers: Sequence[Bargain], wanted: Wanted) -> Choices:
    make = normalise.make(wanted.make)
    makes = Counter(each.make for each in offers)
    models = Counter(each.model for each in offers if each.make == make)
    return Choices(
        make,
        normalise.model(make, wanted.model),
        tuple(sorted(makes.items())),
        tuple(sorted(models.items())),
        tuple(sorted({*SAVINGS, wanted.min_saving} - {0.0})),
    )


def _steps(
    market: str, given: Mapping[str, str], wanted: Wanted, total: int
) -> dict[str, str | None]:
    """Addresses of the entries before and after those shown, and of the last ones.

    None where there are none.
    """

    def at(offset: int) -> str:
        fields = {"market": market, **given, "offset": str(offset) if offset else ""}
        if wanted.limit != Wanted.limit:
            fields["limit"] = str(wanted.limit)
        return "/bargains?" + urlencode({name: text for name, text in fields.items() if text})

    before = wanted.offset - wanted.limit
    after = wanted.offset + wanted.limit
    return {
        "before": at(max(before, 0)) if wanted.offset else None,
        "after": at(after) if after < total else None,
        "last": at((total - 1) // wanted.limit * wanted.limit) if total else None,
    }


def _value_address(market: str, offer: Bargain) -> str:
    """The page *Value a car* for this very car.

    What its listing does not state is named empty: the page then fills in nothing usual. A list
    of an older version knows six fields alone, and of the others the page takes what is usual.
    """
    names = ("make", "model", "year", "trim", "mileage", "stock_type")
    car = offer.car or {name: getattr(offer, name) or None for name in names}
    told = {name: "" if value is None else value for name, value in car.items()}
    return "/value?" + urlencode({"market": market, **told, ASKING_PRICE: offer.price})
