"""Routes that both templates have: home page, robots.txt, static files, pictures."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from litestar import MediaType, Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from carprice_assets.practice_market.site.faults import Faults
from carprice_assets.practice_market.site.gone import notice_page
from carprice_assets.practice_market.site.home_page import home_page
from carprice_assets.practice_market.site.pictures import picture
from carprice_assets.practice_market.site.state import SiteState

STATIC = Path(__file__).with_name("static")
TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".woff": "font/woff",
}
CACHED = {"cache-control": "public, max-age=3600"}
DISALLOWED = ("/practice/", "/account/", "/shopping/compare/", "/api/")


def common_routes(state: SiteState) -> list[HTTPRouteHandler]:
    """All routes but those of the template and of control."""

    @get("/")
    async def home() -> Response[bytes]:
        return Response(home_page(state), media_type=MediaType.HTML)

    @get("/robots.txt")
    async def robots() -> Response[bytes]:
        status, text = robots_txt(state.faults)
        return Response(text.encode(), status_code=status, media_type=MediaType.TEXT)

    @get("/static/{name:str}")
    async def static(name: FromPath[str]) -> Response[bytes]:
        content = _static_files().get(name)
        if content is None:
            return notice_page(state, "Not found", "There is no such file", 404)
        return Response(content, media_type=TYPES[Path(name).suffix], headers=CACHED)

    @get("/images/{listing_id:str}/{name:str}")
    async def image(listing_id: FromPath[str], name: FromPath[str]) -> Response[bytes]:
        return Response(picture(state, listing_id, name), media_type=TYPES[".svg"], headers=CACHED)

    @get(["/account/", "/account/{rest:path}", "/shopping/compare/", "/api/{rest:path}"])
    async def private() -> Response[bytes]:
        return notice_page(state, "Sign in", "This part is for members only", 200)

    return [home, robots, static, image, private]


def robots_txt(faults: Faults) -> tuple[int, str]:
    """Status and text of robots.txt."""
    match faults.robots:
        case "500":
            return 500, "Something went wrong"
        case "missing":
            return 404, "Not found"
        case "disallow_all":
            lines = ["Disallow: /"]
        case _:
            lines = [f"Disallow: {path}" for path in DISALLOWED]
    if faults.robots_delay is not None:
        lines.append(f"Crawl-delay: {faults.robots_delay:g}")
    return 200, "\n".join(["User-agent: *", *lines]) + "\n"


@cache
def _static_files() -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in STATIC.iterdir() if path.suffix in TYPES}
