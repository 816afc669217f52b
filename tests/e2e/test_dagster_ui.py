"""The Dagster UI in Chromium: a person materializes an asset for a market, and looks at it."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import dagster as dg
import pytest
from e2e_run import Run

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
OUTSIDE = re.compile(r"^(https?|wss?)://(?!127\.0\.0\.1[:/]|localhost[:/])")
"""A pattern, not a function: the driver matches it, and other requests never pause."""


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
    from playwright.sync_api import expect

    expect.set_options(timeout=PATIENCE)
    outside: list[str] = []

    def refuse(route: Route) -> None:
        outside.append(route.request.url)
        route.abort()

    opened = browser.new_page(base_url=running.ui, viewport={"width": 1500, "height": 1000})
    opened.set_default_timeout(PATIENCE)
    opened.route(OUTSIDE, refuse)
    opened.on("websocket", lambda s: outside.append(s.url) if OUTSIDE.search(s.url) else None)
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


def only_it(run_id: str) -> dg.RunsFilter:
    """The filter for one run."""
    return dg.RunsFilter(run_ids=[run_id])


def launch_from_ui(page: Page, asset: str, market: str) -> None:
    """What a person does: Materialize, choose the market, launch."""
    from playwright.sync_api import expect

    page.goto(f"/assets/{asset}")
    page.get_by_role("button", name="Materialize").first.click()
    page.get_by_text("Select a partition").click()
    page.get_by_role("menuitem").filter(has=page.get_by_text(market, exact=True)).click()
    # By key: the menu takes several markets, stays open, and may lie over the button.
    launch = page.get_by_role("button", name="Launch 1 run")
    expect(launch).to_be_enabled()  # a key pressed before that goes nowhere
    launch.press("Enter")
    expect(launch).to_be_hidden()


def wait_for(page: Page, condition: Callable[[], object]) -> None:
    """Wait for the instance while the page lives on: its events come only through Playwright."""
    limit = time.monotonic() + RUN_SECONDS
    while not condition():
        assert time.monotonic() < limit, f"still not so after {RUN_SECONDS:.0f} s"
        page.wait_for_timeout(500)


def test_an_asset_is_materialized_from_the_ui(page: Page, instance: dg.DagsterInstance) -> None:
    from playwright.sync_api import expect

    before = newest(instance, "listings", "small")
    known = {run.run_id for run in instance.get_runs()}

    launch_from_ui(page, "listings", "small")

    def launched() -> list[dg.DagsterRun]:
        # Sensors of the daemon begin runs too.
        fresh = [run for run in instance.get_runs() if run.run_id not in known]
        return [run for run in fresh if run.asset_selection == {dg.AssetKey("listings")}]

    wait_for(page, launched)
    (run,) = launched()
    wait_for(page, lambda: instance.get_runs(only_it(run.run_id))[0].is_finished)
    (ended,) = instance.get_runs(only_it(run.run_id))
    assert ended.status == dg.DagsterRunStatus.SUCCESS
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
    row = page.get_by_role("row").filter(has=page.get_by_text("report", exact=True))
    row.get_by_text("[Show Markdown]").click()
    picture = page.get_by_role("img", name="residuals")
    expect(picture).to_be_visible()
    assert picture.evaluate("image => image.naturalWidth") > 300
