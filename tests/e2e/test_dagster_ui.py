"""The Dagster UI in Chromium: a person materializes an asset for a market, and looks at it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import dagster as dg
import pytest
from e2e_run import Run, wait

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Route

pytestmark = pytest.mark.browser

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
]
PATIENCE = 60_000.0
RUN_SECONDS = 180.0
LOCAL = ("127.0.0.1", "localhost", "")


@pytest.fixture(scope="module")
def browser(chromium_path: str) -> Iterator[Browser]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium_path, args=ARGUMENTS)
        yield opened
        opened.close()


@pytest.fixture
def page(browser: Browser, running: Run) -> Iterator[Page]:
    """A page that cannot leave this machine; the test fails where it tried."""
    outside: list[str] = []

    def refuse(route: Route) -> None:
        outside.append(route.request.url)
        route.abort()

    opened = browser.new_page(base_url=running.ui, viewport={"width": 1500, "height": 1000})
    opened.set_default_timeout(PATIENCE)
    opened.route(lambda url: urlsplit(url).hostname not in LOCAL and url[:4] == "http", refuse)
    # Shown once a home, late, and over everything: Dagster's invitation to its community.
    invitation = opened.get_by_role("button", name="Skip", exact=True)
    opened.add_locator_handler(invitation, lambda found: found.click())
    yield opened
    opened.close()
    assert not outside, f"the UI reached for {outside}"


@pytest.fixture
def instance(running: Run) -> Iterator[dg.DagsterInstance]:
    """The instance that the UI shows."""
    with dg.DagsterInstance.from_config(str(running.home.dagster)) as opened:
        yield opened


def newest(instance: dg.DagsterInstance, asset: str, market: str) -> Any:
    """The newest materialization's record, or None."""
    records = instance.fetch_materializations(
        dg.AssetRecordsFilter(asset_key=dg.AssetKey(asset), asset_partitions=[market]), limit=1
    ).records
    return records[0] if records else None


def launch_from_ui(page: Page, asset: str, market: str) -> None:
    """What a person does: Materialize, choose the market, launch."""
    page.goto(f"/assets/{asset}")
    page.get_by_role("button", name="Materialize").first.click()
    page.get_by_text("Select a partition").click()
    page.get_by_role("menuitem").filter(has_text=re.compile(rf"\b{market}\b")).click()
    page.get_by_role("button", name="Launch 1 run").click()


def test_an_asset_is_materialized_from_the_ui(page: Page, instance: dg.DagsterInstance) -> None:
    from playwright.sync_api import expect

    before = newest(instance, "listings", "small")
    known = {run.run_id for run in instance.get_runs()}

    launch_from_ui(page, "listings", "small")

    wait(lambda: {run.run_id for run in instance.get_runs()} - known, RUN_SECONDS)
    (run,) = [run for run in instance.get_runs() if run.run_id not in known]
    wait(lambda: instance.get_run_by_id(run.run_id).is_finished, RUN_SECONDS)  # type: ignore[union-attr]
    ended = instance.get_run_by_id(run.run_id)
    assert ended is not None
    assert ended.status == dg.DagsterRunStatus.SUCCESS
    assert ended.asset_selection == {dg.AssetKey("listings")}
    after = newest(instance, "listings", "small")
    assert after.run_id == run.run_id
    assert after.storage_id > before.storage_id
    assert after.asset_materialization.partition == "small"

    page.goto(f"/runs/{run.run_id}")
    expect(page.get_by_text("Success", exact=True).first).to_be_visible()


def test_an_asset_shows_its_columns_and_figures(page: Page) -> None:
    from playwright.sync_api import expect

    page.goto("/assets/dataset?view=overview")
    expect(page.get_by_text("Listings on four sides")).to_be_visible()
    expect(page.get_by_text("exterior_color", exact=True).first).to_be_visible()
    expect(page.get_by_text("in the market's unit of distance").first).to_be_visible()
    expect(page.get_by_role("columnheader", name="Certified")).to_be_visible()
    expect(page.get_by_role("cell", name="holdout", exact=True).last).to_be_visible()


def test_a_report_shows_its_pictures(page: Page) -> None:
    from playwright.sync_api import expect

    page.goto("/assets/catboost_report?view=partitions&partition=small")
    row = page.get_by_role("row").filter(has_text="residuals")
    row.get_by_text("[Show Markdown]").click()
    picture = page.get_by_role("img", name="residuals")
    expect(picture).to_be_visible()
    assert picture.evaluate("image => image.naturalWidth") > 300
