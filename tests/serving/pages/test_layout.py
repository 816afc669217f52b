"""What all pages have in common: frame, navigation, problems as pages, files of their own."""

from __future__ import annotations

import re
from typing import Any

import pytest
from litestar import Litestar
from litestar.testing import TestClient
from serving_fakes import FakeSource, FakeValuer

from carprice_serving.app import create_app
from carprice_serving.pages.engine import PAGES
from carprice_serving.settings import Settings

BROWSER = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


def test_the_root_leads_to_a_page(client: TestClient[Litestar], settings: Settings) -> None:
    assert client.get("/", follow_redirects=False).headers["location"] == "/value"
    with TestClient(create_app(settings, FakeSource())) as bare:
        assert bare.get("/", follow_redirects=False).headers["location"] == "/markets"


@pytest.mark.parametrize("path", [f"/{page}" for page, _ in PAGES])
def test_a_page_has_the_frame(client: TestClient[Litestar], path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    text = answer.text
    assert text.startswith("<!doctype html>")
    assert '<html lang="en">' in text
    assert text.count("<h1") == 1
    assert f'href="{path}' in text
    assert text.count('aria-current="page"') == 1
    assert "<script>" not in text
    assert " style=" not in text


@pytest.mark.parametrize("path", [f"/{page}" for page, _ in PAGES])
def test_a_page_needs_only_this_service(client: TestClient[Litestar], path: str) -> None:
    text = client.get(path).text
    addresses = re.findall(r'<(?:link|script|img)[^>]* (?:href|src)="([^"]+)"', text)
    assert len(addresses) >= 3
    for address in addresses:
        assert address.startswith("/assets/"), address
        answer = client.get(address)
        assert answer.status_code == 200, address
        assert "immutable" in answer.headers["cache-control"]


def test_pages_are_not_in_the_document(client: TestClient[Litestar]) -> None:
    paths = client.get("/schema/openapi.json").json()["paths"]
    assert not {"/", *(f"/{page}" for page, _ in PAGES)} & set(paths)
    assert not [path for path in paths if path.startswith("/assets")]


def test_a_person_gets_a_page_and_a_program_problem_details(client: TestClient[Litestar]) -> None:
    page = client.get("/nowhere", headers=BROWSER)
    assert page.status_code == 404
    assert page.headers["content-type"].startswith("text/html")
    assert "<h1>" in page.text
    for path, headers in (("/nowhere", {}), ("/api/v1/nowhere/releases", BROWSER)):
        answer = client.get(path, headers=headers)
        assert answer.status_code == 404
        assert answer.headers["content-type"] == "application/problem+json"


def test_a_command_stands_in_a_refusal_as_code(settings: Settings) -> None:
    source = FakeSource()
    source.names = {"us"}
    with TestClient(create_app(settings, source)) as client:
        page = client.get("/value?market=us", headers=BROWSER)
    assert page.status_code == 503
    assert "<code>carprice train --market us</code>" in page.text


def test_texts_are_escaped(settings: Settings) -> None:
    evil = '<script>alert("x")</script>'
    source = FakeSource(us=FakeValuer(), practice=evil)
    with TestClient(create_app(settings, source)) as client:
        text = client.get("/markets").text
    assert evil not in text
    assert "&lt;script&gt;" in text


def test_the_markets_page_tells_the_state_of_each(settings: Settings) -> None:
    source = FakeSource(us=FakeValuer(), practice="r9")
    source.names |= {"empty"}
    with TestClient(create_app(settings, source)) as client:
        text = client.get("/markets").text
    cards: list[Any] = re.findall(r"<article.*?</article>", text, re.DOTALL)
    assert len(cards) == 3
    us, empty, practice = (
        next(card for card in cards if re.search(rf"<h2[^>]*>{name}\b", card))
        for name in ("us", "empty", "practice")
    )
    assert "Answers" in us
    assert "30 Jun 2024" in us
    assert "release r9 is damaged" in practice
    assert "carprice train --market empty" in empty
    assert empty.index("carprice crawl --market empty") < empty.index("carprice train")
    assert "href" not in practice + empty


def test_no_market_at_all(settings: Settings) -> None:
    source = FakeSource()
    source.names = set()
    with TestClient(create_app(settings, source)) as client:
        text = client.get("/markets").text
    assert "There is no market yet" in text
