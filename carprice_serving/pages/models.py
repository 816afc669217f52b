"""The page *Models*: what a market's releases are, what they scored and what was decided."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import Any

from litestar import Request, Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from carprice_assets.errors import UserError
from carprice_serving.bodies import single_values
from carprice_serving.pages.engine import Pages
from carprice_serving.problems import RequestProblem, field_problem
from carprice_serving.release_details import Decision, ReleaseDetails
from carprice_serving.schemas import ReleaseFacts
from carprice_serving.valuations import Valuations

LIMIT = 20
"""Releases and lines of the ledger that are shown."""
TITLES = {
    "predicted_against_true": "Predicted against true prices",
    "residuals": "Residuals by price",
    "coverage_by_price": "Coverage of the ranges by price",
    "importances": "What the regressor looks at most",
    "training_curves": "Error over the rounds of training",
    "search": "Search of the settings",
}
KINDS = {"stock_type": "Stock type", "price": "Price", "age": "Age in years", "make": "Make"}
QUESTIONS = {
    "mileage": ("20,000 {unit} more", "the price rises"),
    "year": ("one model year older", "the price rises"),
    "new": ("Used instead of New", "the price rises"),
}
EVENTS = {"promoted": "well", "rolled_back": "bad", "refused": "bad", "overridden": "bad"}
"""Events of the ledger that are marked."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Shown:
    """What the page shows of one market.

    Attributes
    ----------
    release
        Id of the release that the page is about; empty without any.
    details, problem
        What it is, or why that cannot be read.
    serving, champion
        Ids of what answers and of what the champion pointer names; empty without.
    """

    release: str
    details: ReleaseDetails | None
    problem: str
    serving: str
    champion: str
    releases: list[ReleaseFacts]
    decisions: list[Decision]


def models_pages(pages: Pages, valuations: Valuations) -> list[HTTPRouteHandler]:
    """The handlers of ``/models`` and of the pictures on it."""

    @get("/models", include_in_schema=False)
    async def models(request: Request[Any, Any, Any]) -> Response[str]:
        query = single_values(request.query_params.dict())
        market = valuations.market(query.get("market", ""))
        if market is None:
            return pages.render("models.html", page="models", shown=None)
        found = await valuations.aside(partial(shown, valuations, market, query.get("release", "")))
        state = valuations.registry.states[market]
        return pages.render(
            "models.html",
            page="models",
            market=market,
            shown=found,
            state=state,
            live=valuations.live_errors.figures(market),
            titles=TITLES,
            kinds=KINDS,
            questions=QUESTIONS,
            events=EVENTS,
        )

    @get("/models/{market:str}/{release:str}/{regressor:str}/{name:str}", include_in_schema=False)
    async def picture(
        market: FromPath[str], release: FromPath[str], regressor: FromPath[str], name: FromPath[str]
    ) -> Response[bytes]:
        valuations.require_market(market)
        path = f"{regressor}/{name}"
        read = partial(valuations.registry.picture, market, release, path)
        try:
            data = await valuations.aside(read)
        except UserError as error:
            logger.warning("%s", error)
            told = f"release {release[:40]} has no picture {path[:80]}"
            raise RequestProblem(HTTPStatus.NOT_FOUND, "unknown-picture", told) from None
        # What a release is never changes, and neither does a picture of it.
        headers = {"cache-control": "private, max-age=31536000, immutable"}
        return Response(data, media_type="image/png", headers=headers)

    return [models, picture]


def shown(valuations: Valuations, market: str, release: str) -> Shown:
    """What the page shows of ``market``: of ``release``, else of what serves, else of the latest.

    Raises
    ------
    RequestProblem
        404 for a release that the market does not have.
    """
    registry = valuations.registry
    valuer = registry.states[market].valuer
    serving = valuer.release_id if valuer else ""
    listed, problem = registry.releases(market, LIMIT), ""
    champion = next((each.release for each in listed.releases if each.champion), "")
    chosen = release or serving or champion or next((each.release for each in listed.releases), "")
    details: ReleaseDetails | None = None
    if chosen:
        try:
            details = registry.details(market, chosen)
        except UserError as error:
            facts: Mapping[str, ReleaseFacts] = {each.release: each for each in listed.releases}
            if chosen not in facts and chosen not in (serving, champion):
                told = f"market {market} has no release {chosen[:40]!r}"
                raise field_problem(
                    "unknown-release", "release", told, HTTPStatus.NOT_FOUND
                ) from None
            logger.warning("%s", error)
            problem = (facts[chosen].problem if chosen in facts else None) or "it cannot be read"
    return Shown(
        chosen, details, problem, serving, champion, listed.releases,
        registry.decisions(market, LIMIT),
    )  # fmt: skip
