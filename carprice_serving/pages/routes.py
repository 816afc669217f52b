"""The routes of all pages; none is in the OpenAPI document."""

from __future__ import annotations

from litestar import get
from litestar.handlers import HTTPRouteHandler
from litestar.response import Redirect

from carprice_serving.bargain_lists import BargainLists
from carprice_serving.pages.bargains import bargains_page
from carprice_serving.pages.engine import Pages
from carprice_serving.pages.markets import markets_page
from carprice_serving.pages.models import models_pages
from carprice_serving.pages.value import value_pages
from carprice_serving.valuations import Valuations


def page_routes(
    pages: Pages, valuations: Valuations, lists: BargainLists
) -> list[HTTPRouteHandler]:
    """The handler of each page, and ``/`` that leads to the first that has something to show."""

    @get("/", include_in_schema=False, sync_to_thread=False)
    def root() -> Redirect:
        return Redirect("/value" if pages.markets() else "/markets")

    return [
        root,
        *value_pages(pages, valuations),
        bargains_page(pages, valuations, lists),
        *models_pages(pages, valuations),
        markets_page(pages, valuations),
    ]
