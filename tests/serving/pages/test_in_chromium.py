"""Every page in Chromium: narrow and wide, light and dark, with and without its script."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest
from axe import violations
from listening import listening
from serving_fakes import FakeSource, FakeValuer, stock

from carprice_assets.home import Home
from carprice_serving import keys
from carprice_serving.app import create_app
from carprice_serving.pages.engine import PAGES
from carprice_serving.settings import Settings

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page

pytestmark = pytest.mark.browser

F150 = "market=us&make=Ford&model=F-150"
STATES = [
    *(f"/{page}" for page, _ in PAGES),
    "/value?market=us&make=Ford",
    f"/value?{F150}&msrp=31000&asking_price=27000",
    f"/value?{F150}&msrp=31000&asking_price=99000&exterior_color=Oxford+White+Metallic",
    f"/value?{F150}&year=1x&asking_price=much",
    "/value?market=us&make=Nobody&model=F-150",
    "/value?market=nowhere",
    "/nowhere",
]
"""Addresses of pages and of their states."""
LOOKS = {
    "360 px": {"viewport": {"width": 360, "height": 740}, "color_scheme": "light"},
    "360 px, dark": {"viewport": {"width": 360, "height": 740}, "color_scheme": "dark"},
    "wide": {"viewport": {"width": 1280, "height": 900}, "color_scheme": "light"},
    "wide, dark": {"viewport": {"width": 1280, "height": 900}, "color_scheme": "dark"},
}
BROADER = """() => { return [...document.querySelectorAll("body *")]
  .filter(e => !e.closest("svg, .unseen, .skip") && e.getClientRects().length && !scrolls(e)
    && e.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
  .map(e => e.outerHTML.slice(0, 120));
function scrolls(e) {
  for (let up = e.parentElement; up; up = up.parentElement)
    if (["auto", "scroll"].includes(getComputedStyle(up).overflowX)) return true;
  return false;
}}"""
"""What reaches beyond the screen, but for tables that scroll by themselves."""
SMALL = """() => [...document.querySelectorAll("button, input:not([type=hidden]), select, nav a")]
  .filter(e => e.getClientRects().length && e.getBoundingClientRect().height < 24)
  .map(e => e.outerHTML.slice(0, 120))"""


def source() -> FakeSource:
    """Two markets that answer, one that cannot and one without champion."""
    known = stock(
        {"mileage": 40_200.0, "trim": "XLT SuperCrew 4x4 with a long name of its package"},
        {"mileage": 50_000.0, "price": 28_000.0, "drivetrain": "Four-wheel Drive"},
        {"year": 2018.0, "mileage": 90_000.0, "price": 20_000.0, "trim": "Lariat"},
        {"year": 2024.0, "mileage": 5.0, "price": 50_000.0, "stock_type": "New"},
        {"model": "Maverick", "year": 2024.0},
        {"make": "Kia", "model": "Rio", "year": 2015.0},
        {"make": "Nobodi", "model": "F-150"},
    )
    abroad = FakeValuer(market="abroad", currency="EUR", distance="km", comparables=known)
    found = FakeSource(us=FakeValuer(comparables=known), abroad=abroad, broken="r9")
    found.names |= {"empty"}
    return found


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    settings = Settings(home=Home(tmp_path_factory.mktemp("home")), spool_megabytes=0)
    with listening(create_app(settings, source())) as found:
        yield found


@pytest.fixture
def page(address: str, open_context: Callable[..., BrowserContext]) -> Page:
    return open_context(base_url=address, **LOOKS["wide"]).new_page()


@pytest.mark.parametrize("look", LOOKS)
def test_axe_finds_nothing(
    address: str, open_context: Callable[..., BrowserContext], axe_core: str, look: str
) -> None:
    page = open_context(base_url=address, **LOOKS[look]).new_page()
    found: dict[str, list[str]] = {}
    for state in STATES:
        page.goto(state)
        page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
        if wrong := violations(page, axe_core):
            found[state] = wrong
    assert not found


def test_axe_would_find_something(page: Page, axe_core: str) -> None:
    page.goto("/value")
    page.evaluate("document.querySelector('label[for=f-make]').remove()")
    assert any("select-name" in each for each in violations(page, axe_core))


@pytest.mark.parametrize("look", LOOKS)
def test_nothing_is_broader_than_the_screen(
    address: str, open_context: Callable[..., BrowserContext], look: str
) -> None:
    page = open_context(base_url=address, **LOOKS[look]).new_page()
    for state in STATES:
        page.goto(state)
        page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), state
        assert page.evaluate(BROADER) == [], state
        assert page.evaluate(SMALL) == [], state


def test_a_car_is_valued(page: Page) -> None:
    from playwright.sync_api import expect

    page.goto("/value?market=us")
    before = page.evaluate("performance.timeOrigin")
    make = page.get_by_label("Make")
    make.select_option("Ford")
    page.get_by_label("Model").select_option("F-150")
    expect(page.get_by_label("Year")).to_have_value("2020")
    expect(page.get_by_label("Mileage")).to_have_value("45000")
    expect(page.get_by_role("status")).to_contain_text("usual of Ford F-150")
    assert page.evaluate("performance.timeOrigin") == before, "lists come without a new page"
    assert "make" not in page.url

    page.get_by_label("Asking price").fill("8,000")
    page.get_by_role("button", name="Value this car").click()
    result = page.get_by_role("region", name="Valuation")
    expect(result).to_contain_text("$10,000")
    expect(result).to_contain_text("Great")
    expect(result).to_contain_text("Nearest known listings")
    assert page.url.endswith("#result")
    assert page.evaluate("document.title") == "2020 Ford F-150 · carprice"

    page.goto(page.url.replace("Ford", "ford"))  # as it would be shared
    expect(result).to_contain_text("Great")
    expect(page.get_by_label("Asking price")).to_have_value("8,000")


def test_what_was_typed_stays_when_the_model_changes(page: Page) -> None:
    from playwright.sync_api import expect

    page.goto(f"/value?{F150}")
    page.get_by_label("Asking price").fill("25000")
    page.get_by_label("Make").select_option("Kia")
    expect(page.get_by_label("Model")).to_have_value("")
    page.get_by_label("Model").select_option("Rio")
    expect(page.get_by_label("Year")).to_have_value("2015")
    expect(page.get_by_label("Asking price")).to_have_value("25000")


def test_it_works_without_script(address: str, open_context: Callable[..., BrowserContext]) -> None:
    from playwright.sync_api import expect

    page = open_context(base_url=address, java_script_enabled=False).new_page()
    page.goto("/value?market=us")
    page.get_by_label("Make").select_option("Ford")
    page.get_by_role("button").click()
    page.get_by_label("Model").select_option("F-150")
    page.get_by_role("button").click()
    result = page.get_by_role("region", name="Valuation")
    expect(result).to_contain_text("$10,000")
    page.get_by_label("Asking price").fill("15000")
    page.get_by_role("button", name="Value this car").click()
    expect(result).to_contain_text("Overpriced")


def test_the_keyboard_is_enough(page: Page) -> None:
    from playwright.sync_api import expect

    page.goto("/value?market=us")
    page.keyboard.press("Tab")
    expect(page.get_by_text("Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_label("Make")).to_be_focused()
    page.keyboard.type("Fo")
    expect(page.get_by_label("Model")).to_be_visible()
    expect(page.get_by_label("Make")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_label("Model")).to_be_focused()
    page.keyboard.type("F-")
    expect(page.get_by_label("Year")).to_be_visible()
    expect(page.get_by_label("Model")).to_be_focused()
    page.get_by_label("Asking price").press("Enter")
    expect(page.get_by_role("region", name="Valuation")).to_contain_text("$10,000")


def test_a_wrong_field_is_one_click_away(page: Page) -> None:
    from playwright.sync_api import expect

    page.goto(f"/value?{F150}&year=1x")
    expect(page.get_by_role("alert")).to_contain_text("Year")
    page.get_by_role("alert").get_by_role("link", name="Year").click()
    assert page.evaluate("location.hash") == "#f-year"
    year = page.get_by_label("Year")
    expect(year).to_have_attribute("aria-invalid", "true")
    described: Any = year.get_attribute("aria-describedby")
    expect(page.locator(f"#{described.split()[0]}")).to_be_visible()


def test_the_market_is_switched(page: Page) -> None:
    from playwright.sync_api import expect

    page.goto("/value?market=us")
    page.get_by_role("navigation", name="Market").get_by_role("link", name="abroad").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("abroad")
    page.goto("/value?market=abroad&make=Ford&model=F-150")
    expect(page.get_by_role("region", name="Valuation")).to_contain_text("€10,000")


def test_a_browser_gives_the_key_as_password(
    tmp_path_factory: pytest.TempPathFactory, open_context: Callable[..., BrowserContext]
) -> None:
    from playwright.sync_api import expect

    home = Home(tmp_path_factory.mktemp("guarded"))
    key = keys.add(home, "someone")
    settings = Settings(home=home, spool_megabytes=0, keys="required", poll_seconds=0.05)
    with listening(create_app(settings, source())) as address:
        login = {"username": "whoever", "password": key}
        page = open_context(base_url=address, http_credentials=login).new_page()
        page.goto("/value?market=us")
        page.get_by_label("Make").select_option("Ford")
        page.get_by_label("Model").select_option("F-150")
        page.get_by_role("button", name="Value this car").click()
        expect(page.get_by_role("region", name="Valuation")).to_contain_text("$10,000")
        other = open_context(
            base_url=address, http_credentials={"username": "whoever", "password": "wrong"}
        ).new_page()
        for _ in range(2):
            answer = other.goto("/value?market=us")
            assert answer is not None
            assert answer.status == 401
            time.sleep(0.01)
        expect(other.get_by_role("heading")).to_have_text("A key is needed")


def test_it_prints(page: Page) -> None:
    page.goto(f"/value?{F150}")
    page.emulate_media(media="print")
    assert not page.get_by_role("button").is_visible()
    assert page.get_by_role("region", name="Valuation").is_visible()
