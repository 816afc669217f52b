"""The template engine of the pages, and what every page is told."""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256
from http import HTTPStatus
from pathlib import Path
from typing import Any, cast

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from litestar import Response
from litestar.datastructures import CacheControlHeader
from litestar.enums import MediaType
from litestar.router import Router
from litestar.static_files import create_static_files_router

from carprice_serving.openapi import STATIC
from carprice_serving.pages.pictures import range_bar
from carprice_serving.pages.words import FILTERS
from carprice_serving.schemas import Problem
from carprice_serving.valuers import ValuerRegistry

TEMPLATES = Path(__file__).parent / "templates"
FILES = STATIC / "pages"
ADDRESS = "/assets"
A_YEAR = 31_536_000
PAGES: tuple[tuple[str, str], ...] = (
    ("value", "Value a car"),
    ("bargains", "Bargains"),
    ("models", "Models"),
    ("markets", "Markets"),
)
"""Pages by address and title, in the order of the navigation."""


def environment() -> Environment:
    """Templates with every text escaped."""
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    versions = {each.name: _version(each) for each in FILES.iterdir() if each.is_file()}

    def asset(name: str) -> str:
        return f"{ADDRESS}/{name}?v={versions[name]}"

    filters, told = cast("dict[str, Any]", made.filters), cast("dict[str, Any]", made.globals)
    filters |= FILTERS
    told |= {"asset": asset, "range_bar": range_bar, "pages": PAGES}
    return made


@dataclass(frozen=True)
class Pages:
    """Draws pages about the markets of a registry."""

    registry: ValuerRegistry
    templates: Environment = field(default_factory=environment)

    def prepare(self) -> None:
        """Compile every template, so that no request waits for it; takes a tenth of a second."""
        for name in self.templates.list_templates():
            self.templates.get_template(name)

    def render(
        self,
        name: str,
        *,
        page: str = "",
        market: str | None = None,
        status: HTTPStatus = HTTPStatus.OK,
        **told: Any,
    ) -> Response[str]:
        """The page of template ``name``.

        Parameters
        ----------
        page
            Which of :data:`PAGES` it is; marked in the navigation.
        market
            The market that it is about; other pages are linked for the same.
        told
            What the template shows.
        """
        text = self.templates.get_template(name).render(
            page=page,
            market=market,
            markets=self.markets(),
            titled=self.registry.title,
            **told,
        )
        return Response(
            text,
            status_code=status.value,
            media_type=MediaType.HTML,
            headers={"cache-control": "private, no-cache"},
        )

    def refused(self, problem: Problem) -> bytes:
        """What a browser shows that is not let in."""
        return self.templates.get_template("refused.html").render(problem=problem).encode()

    def markets(self) -> list[str]:
        """Markets that can be asked, by name."""
        states = self.registry.states
        return sorted(name for name, state in states.items() if state.valuer is not None)


def page_assets() -> Router:
    """Style, scripts and icon of the pages; their addresses change with their content."""
    return create_static_files_router(
        path=ADDRESS,
        directories=[FILES],
        name="page-assets",
        cache_control=CacheControlHeader(max_age=A_YEAR, public=True, immutable=True),
        include_in_schema=False,
    )


def _version(path: Path) -> str:
    return sha256(path.read_bytes()).hexdigest()[:10]
