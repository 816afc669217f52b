"""A site in this process, asked through its ASGI interface, and readers of its pages."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from litestar.testing import TestClient
from selectolax.lexbor import LexborHTMLParser as HTMLParser

from carprice_assets.home import Home
from carprice_assets.practice_market.site import Faults, SiteSettings, create_site

Client = TestClient[Any]
Opener = Callable[..., Client]


@pytest.fixture
def open_site(home: Home) -> Iterator[Opener]:
    """Open a site of 300 cars; settings by keyword, faults too. Redirects are not followed."""
    with ExitStack() as stack:

        def opened(faults: Faults | None = None, **settings: Any) -> Client:
            given = {"market": "small", "size": 300, "per_page": 60} | settings
            app = create_site(SiteSettings(**given), home, faults)
            client = stack.enter_context(TestClient(app, raise_server_exceptions=True))
            client.follow_redirects = False
            return client

        yield opened


@pytest.fixture
def site(open_site: Opener) -> Client:
    return open_site()


@pytest.fixture
def eu_site(open_site: Opener) -> Client:
    return open_site(
        market="eu", template="schema-org", rate=0.92, currency="EUR", distance="km", port=8011
    )


class Pages:
    """What pages hold, for tests to compare."""

    @staticmethod
    def cards(client: Client, page: int = 1, **query: str) -> dict[str, Any]:
        """What the script of a search page fetches."""
        answer = client.get("/shopping/cards", params={"page": str(page), **query})
        assert answer.status_code == 200
        return answer.json()

    @staticmethod
    def ids(found: dict[str, Any]) -> list[str]:
        return [
            HTMLParser(card).css_first(".vehicle-card").attributes["data-listing-id"] or ""
            for card in found["cards"]
        ]

    @staticmethod
    def payload(html: str) -> dict[str, Any]:
        node = HTMLParser(html).css_first("script#initial-activity-data")
        return json.loads(node.text(strip=False))

    @staticmethod
    def linked(html: str) -> list[Any]:
        nodes = HTMLParser(html).css('script[type="application/ld+json"]')
        return [json.loads(node.text(strip=False)) for node in nodes]

    @classmethod
    def car(cls, html: str) -> dict[str, Any]:
        """The schema.org Car of a detail page, wherever it stands."""
        things = [
            thing
            for script in cls.linked(html)
            for thing in script.get("@graph", [script])
            if thing["@type"] == "Car"
        ]
        assert len(things) == 1
        return things[0]

    @staticmethod
    def switch(client: Client, **faults: object) -> None:
        answer = client.post("/practice/faults", json=faults)
        assert answer.status_code == 200, answer.text


@pytest.fixture
def pages() -> type[Pages]:
    return Pages
