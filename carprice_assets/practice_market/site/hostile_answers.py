"""How hostile pages are answered, in either template."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from litestar import MediaType, Response
from litestar.response import Redirect, Stream

from carprice_assets.practice_market.site.gone import not_on_sale
from carprice_assets.practice_market.site.hostile import (
    HUGE_BYTES,
    METADATA_ADDRESS,
    NAME_OF,
    deepened,
)
from carprice_assets.practice_market.site.state import SiteState

CHUNK = b"<!-- " + b"padding " * 8_000 + b"-->\n"


def detail_answer(state: SiteState, listing_id: str, content: bytes) -> Response[Any]:
    """The answer that brings a detail page; a hostile one does its harm."""
    match NAME_OF.get(listing_id):
        case "foreign_address":
            return not_on_sale(state, listing_id)
        case "redirect_to_metadata":
            return Redirect(METADATA_ADDRESS)
        case "redirect_to_other_port":
            return Redirect(f"http://127.0.0.1:{state.faults.hostile_port}/")
        case "huge_page":
            return Stream(_padded(content), media_type=MediaType.HTML)
        case "deep_json":
            content = deepened(content)
        case "wrong_charset":
            # The header goes on to say UTF-8.
            content = content.decode().encode("latin-1", errors="replace")
        case _:
            pass
    return Response(content, media_type=MediaType.HTML)


async def _padded(content: bytes) -> AsyncIterator[bytes]:
    """The page, `HUGE_BYTES` long, with no length told in advance."""
    head, _, tail = content.rpartition(b"</body>")
    yield head
    for _ in range(HUGE_BYTES // len(CHUNK) + 1):
        yield CHUNK
    yield b"</body>" + tail
