"""Answers for cars that are no longer on sale, and for ids that never were."""

from __future__ import annotations

from litestar import MediaType, Response

from carprice_assets.practice_market.site.draws import pick
from carprice_assets.practice_market.site.frame import page, search_path
from carprice_assets.practice_market.site.state import SiteState

TITLE = "Vehicle not found"
NOTICE = "This vehicle is no longer available"
STATUSES = (404, 410, 200)


def gone_status(listing_id: str) -> int:
    """The status with which a removed car answers: always the same one of `STATUSES`."""
    return pick(STATUSES, "gone", listing_id)


def not_on_sale(state: SiteState, listing_id: str) -> Response[bytes]:
    """The answer for a listing id that is not on sale."""
    status = gone_status(listing_id) if listing_id in state.stock.known else 404
    return notice_page(state, TITLE, NOTICE, status)


def notice_page(state: SiteState, title: str, notice: str, status: int) -> Response[bytes]:
    """A page with nothing but a notice."""
    body = (
        f'<section class="notice"><h1>{notice}</h1><p>It may have been sold, or its dealer has'
        f' taken it off.</p><p><a class="button" href="{search_path(state.settings)}">'
        "See the cars for sale</a></p></section>"
    )
    content = page(state.settings, title, body)
    return Response(content, status_code=status, media_type=MediaType.HTML)
