"""Bargains and models in Chromium: every state narrow and wide, light and dark."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest
from axe import violations
from listening import listening
from serving_lists import content
from serving_releases import PARTS
from test_in_chromium import BROADER, LOOKS, SMALL
from told_release import stage_two

from carprice_assets.bargains.published import publish
from carprice_assets.home import Home
from carprice_assets.releases.store import ReleaseStore
from carprice_serving.app import create_app
from carprice_serving.champions import HomeReleases
from carprice_serving.settings import Settings

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page

pytestmark = pytest.mark.browser

LONG = "Ultimate Calligraphy Launch Edition with Extended Range Package"
STATES = (
    "/bargains?market=us",
    "/bargains?market=us&make=Honda&model=Civic&sort=newest",
    "/bargains?market=us&max_price=cheap&min_year=20&min_saving=x&sort=y&offset=z",
    "/bargains?market=us&make=Lada",
    "/bargains?market=us&limit=1&offset=1",
    "/bargains?market=us&offset=90",
    "/bargains?market=practice",
    "/bargains?market=nowhere",
    "/models?market=us",
    "/models?market=us&release={second}",
    "/models?market=us&release=nothing",
    "/models?market=practice",
)
EVIDENCE = {
    "plain_autoencoder": {"price": -2.4, "bodystyle": 1.9, "model": -3.1},
    "l1_autoencoder": {"price": -1.8},
}


def told() -> dict[str, Any]:
    """A list with evidence and a long name."""
    made = content()
    for entry in made["bargains"]:
        entry |= {"evidence": EVIDENCE, "score": 0.71, "residual_in_range": -2.9}
    made["bargains"][0] |= {"trim": LONG}
    return made


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """Where the service listens, and the id of the release that was refused."""
    home = Home(tmp_path_factory.mktemp("home"))
    ids = stage_two(home, tmp_path_factory.mktemp("inputs"))
    publish(ReleaseStore(home.releases), "us", told())
    app = create_app(Settings(home=home, spool_megabytes=0), HomeReleases(home, PARTS))
    with listening(app) as found:
        yield found, ids[1]


@pytest.fixture
def page(address: tuple[str, str], open_context: Callable[..., BrowserContext]) -> Page:
    return open_context(base_url=address[0], **LOOKS["wide"]).new_page()


@pytest.mark.parametrize("look", LOOKS)
def test_axe_finds_nothing_and_nothing_is_broader_than_the_screen(
    address: tuple[str, str],
    open_context: Callable[..., BrowserContext],
    axe_core: str,
    look: str,
) -> None:
    page = open_context(base_url=address[0], **LOOKS[look]).new_page()
    found: dict[str, list[str]] = {}
    for state in STATES:
        page.goto(state.format(second=address[1]))
        page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), state
        assert page.evaluate(BROADER) == [], state
        assert page.evaluate(SMALL) == [], state
        if wrong := violations(page, axe_core):
            found[state] = wrong
    assert not found


def test_bargains_are_filtered(page: Page) -> None:
    from playwright.sync_api import expect

    page.goto("/bargains?market=us")
    cards = page.get_by_role("article")
    expect(cards).to_have_count(4)
    page.get_by_label("Make").select_option("Honda")
    page.get_by_role("button", name="Show").click()
    expect(cards).to_have_count(3)
    assert "make=Honda" in page.url
    page.get_by_label("Model", exact=True).select_option("Civic")
    page.get_by_label("Price up to").fill("$14,500")
    page.get_by_role("button", name="Show").click()
    expect(cards).to_have_count(1)
    expect(cards.first).to_contain_text("2019 Honda Civic EX")
    expect(page.get_by_label("Price up to")).to_have_value("$14,500")
    page.get_by_label("Make").select_option("Volkswagen")
    expect(page.get_by_label("Model", exact=True)).to_have_value("")  # a Civic is no Volkswagen
    page.get_by_role("button", name="Show").click()
    expect(cards.first).to_contain_text("2020 Volkswagen Golf")
    page.get_by_role("link", name="All", exact=True).click()
    expect(cards).to_have_count(4)
    page.get_by_label("Order").select_option("year")
    page.get_by_role("button", name="Show").click()
    expect(cards.first).to_contain_text("2021 Honda Accord")


def test_the_range_is_drawn_with_the_asking_price_below_it(page: Page) -> None:
    page.goto("/bargains?market=us")
    card = page.get_by_role("article").filter(has_text="2019 Honda Civic EX")
    band, asking = card.locator("svg .band"), card.locator("svg line.asking")
    left, at = band.bounding_box(), asking.bounding_box()
    assert left
    assert at
    assert left["width"] > 50
    assert at["x"] + at["width"] < left["x"]


def test_those_set_apart_are_folded(page: Page) -> None:
    from playwright.sync_api import expect

    page.goto("/bargains?market=us")
    apart = page.get_by_role("article").filter(has_text="Ford Focus")
    expect(apart).to_have_count(0)  # no role while it is folded
    page.get_by_text("more likely no bargains").click()
    expect(apart).to_be_visible()
    expect(apart).to_contain_text("Its page says 'salvage'")


def test_a_bargain_is_valued_by_the_keyboard(page: Page) -> None:
    from playwright.sync_api import expect

    page.goto("/bargains?market=us")
    card = page.get_by_role("article").filter(has_text="2019 Honda Civic EX")
    summary = card.get_by_text("Comparables", exact=False).first
    summary.focus()
    page.keyboard.press("Enter")
    expect(card.get_by_role("table").first).to_be_visible()
    link = card.get_by_role("link", name="Value it")
    link.focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/value?**")
    assert "asking_price=14000" in page.url


def test_it_works_without_script(
    address: tuple[str, str], open_context: Callable[..., BrowserContext]
) -> None:
    from playwright.sync_api import expect

    page = open_context(base_url=address[0], java_script_enabled=False).new_page()
    page.goto("/bargains?market=us")
    page.get_by_label("Make").select_option("Volkswagen")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_role("article")).to_have_count(1)
    page.goto("/models?market=us")
    expect(page.get_by_role("row", name="catboost")).not_to_have_count(0)


def test_plots_are_drawn_and_a_decision_is_opened(page: Page) -> None:
    from playwright.sync_api import expect

    page.goto("/models?market=us")
    plot = page.get_by_role("img", name="Residuals by price, catboost")
    plot.scroll_into_view_if_needed()
    expect(plot).to_be_visible()
    page.wait_for_function("e => e.naturalWidth > 600", arg=plot.element_handle())
    page.get_by_text("2 rules").click()
    expect(page.get_by_text("R2: 0.5, must be at least 0.9").last).to_be_visible()
    page.get_by_role("region", name="Releases").get_by_role("link").first.click()
    expect(page.get_by_text("Not in service")).to_be_visible()


def test_they_print(page: Page) -> None:
    page.goto("/bargains?market=us")
    page.emulate_media(media="print")
    assert not page.get_by_role("button").is_visible()
    assert page.get_by_role("article").first.is_visible()
