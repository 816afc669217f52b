"""The page of models: the release that serves, its figures, plots, card, and what was decided."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import partial
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from litestar.testing import TestClient
from serving_fakes import FakeSource
from serving_releases import CAR, PARTS
from told_release import PNG, stage_two

from carprice_assets.home import Home
from carprice_assets.releases.store import ReleaseStore
from carprice_serving.app import create_app
from carprice_serving.champions import HomeReleases
from carprice_serving.settings import Settings

BROWSER = {"accept": "text/html"}


@pytest.fixture
def staged(home: Home, tmp_path: Path) -> list[str]:
    """Ids of the two releases."""
    return stage_two(home, tmp_path)


@pytest.fixture
def ask(home: Home, staged: list[str]) -> Iterator[Callable[[str], Any]]:
    """Ask as a browser does."""
    app = create_app(Settings(home=home), HomeReleases(home, PARTS))
    with TestClient(app, raise_server_exceptions=False) as client:
        yield partial(client.get, headers=BROWSER)


def section(text: str, title: str) -> str:
    """The part of the page below a heading."""
    return text.partition(f">{title}</h2>")[2].partition("</section>")[0]


def row(text: str, name: str) -> list[str]:
    """Cells of the row that ``name`` begins."""
    found = next(each for each in text.split("<tr")[1:] if re.search(rf'"row">{name}\b', each))
    cells = re.findall(r"<td[^>]*>(.*?)</td>", found, re.DOTALL)
    return [re.sub(r"<[^>]+>", "", cell).strip() for cell in cells]


def test_the_release_in_service_with_its_leaderboard(
    ask: Callable[[str], Any], staged: list[str]
) -> None:
    text = unescape(ask("/models?market=us").text)
    assert "In service since" in text
    assert staged[0] in text
    board = section(text, "Leaderboard")
    assert "champion" in board
    assert row(board, "catboost") == [
        "$2,100 $1,890 to $2,310", "$1,500", "$2,600", "$1,050", "8.1\N{NARROW NO-BREAK SPACE}%",
        "$4,200", "0.900 0.810 to 0.990", "0.910", "91.2\N{NARROW NO-BREAK SPACE}%",
        "43.0\N{NARROW NO-BREAK SPACE}%", "12.6\N{NARROW NO-BREAK SPACE}%",
    ]  # fmt: skip
    assert row(board, "naive valuation")[:3] == ["$5,200 $4,680 to $5,720", "$3,000", "$5,200"]
    where = section(text, "Where it errs")
    assert row(where, "Ford")[:3] == ["40", "$1,900 $1,500 to –", "$4,100"]
    assert row(where, "20,000 mi more")[:2] == ["54", "2.0\N{NARROW NO-BREAK SPACE}%"]


def test_the_card_is_that_of_the_command(
    home: Home, ask: Callable[[str], Any], staged: list[str]
) -> None:
    from carprice_assets.releases.card import card_of, model_card

    store = ReleaseStore(home.releases)
    release = store.open("us", staged[0])
    card = card_of(release, store.ledger("us"))
    told = section(unescape(ask("/models").text), "Model card")
    markdown = model_card(release, store.ledger("us"))
    for each in card.sections:
        assert f"<summary>{each.title or 'What it is'}</summary>" in told
        assert f"## {each.title}" in markdown or not each.title
        for cells in each.table.rows if each.table else ():
            for cell in cells[1:]:
                assert cell in told
    assert "run-1" in told
    assert "<small>" not in told


def test_decisions_and_releases(ask: Callable[[str], Any], staged: list[str]) -> None:
    text = unescape(ask("/models?market=us").text)
    decisions = section(text, "Decisions").split('<li class="card">')[1:]
    assert len(decisions) == 2
    refused, promoted = decisions
    assert "Refused" in refused
    assert "R2: 0.5, must be at least 0.9" in refused
    assert refused.index("Broken: ") < refused.index("Holds: ")
    assert "All is named" in refused
    assert "Promoted" in promoted
    releases = section(text, "Releases")
    assert [each for each in staged if each[:12] in releases] == staged
    assert releases.count("champion") == 1
    assert row(releases, f'<a href="/models\\?market=us&release={staged[0]}')[3] == "$2,100"


def test_another_release_by_its_address(ask: Callable[[str], Any], staged: list[str]) -> None:
    answer = ask(f"/models?market=us&release={staged[1]}")
    text = unescape(answer.text)
    assert answer.status_code == 200
    assert "Not in service" in text
    assert f"Release <code>{staged[1][:12]}</code>" in text
    for unknown in ("f" * 32, "..", "x/y"):
        answer = ask(f"/models?market=us&release={unknown}")
        assert answer.status_code == 404
        assert "has no release" in unescape(answer.text)
    assert ask("/models?market=mars").status_code == 404


def test_plots_are_shown_and_given(
    home: Home, ask: Callable[[str], Any], staged: list[str]
) -> None:
    plots = section(unescape(ask("/models").text), "Plots")
    addresses = re.findall(r'<img src="([^"]+)" alt="([^"]+)"', plots)
    base = f"/models/us/{staged[0]}/catboost"
    assert addresses == [
        (f"{base}/predicted_against_true.png", "Predicted against true prices, catboost"),
        (f"{base}/residuals.png", "Residuals by price, catboost"),
    ]
    given = ask(addresses[1][0])
    assert (given.content, given.headers["content-type"]) == (PNG, "image/png")
    assert "immutable" in given.headers["cache-control"]
    for wrong in ("report.md", "nothing.png", "..%2f..%2fmanifest.json", "%2e%2e"):
        assert ask(f"{base}/{wrong}").status_code == 404
    for path in (f"/models/us/{'f' * 32}/catboost/residuals.png", f"/models/mars/{staged[0]}/a/b"):
        assert ask(path).status_code == 404
    file = home.releases / "us" / staged[0] / "reports" / "catboost" / "residuals.png"
    file.chmod(0o644)
    file.write_bytes(b"changed")
    assert ask(addresses[1][0]).status_code == 404
    file.unlink()
    assert ask(addresses[1][0]).status_code == 404


def test_a_damaged_release_is_told_without_its_place(
    home: Home, ask: Callable[[str], Any], staged: list[str]
) -> None:
    path = home.releases / "us" / staged[1] / "content" / "release.json"
    path.chmod(0o644)
    path.write_text("{")
    answer = ask(f"/models?release={staged[1]}")
    assert answer.status_code == 200
    assert "release.json" in answer.text
    assert str(home.root) not in answer.text
    assert "Leaderboard" not in answer.text
    assert 'id="decisions"' in answer.text


def test_where_there_is_nothing_the_page_says_so(
    ask: Callable[[str], Any], settings: Settings
) -> None:
    assert "carprice train --market practice" in ask("/models?market=practice").text
    with TestClient(create_app(settings, FakeSource())) as bare:
        assert "No market has a champion yet" in bare.get("/models").text


def test_a_release_without_figures_is_shown(ask: Callable[[str], Any], staged: list[str]) -> None:
    answer = ask(f"/models?release={staged[1]}")
    assert answer.status_code == 200
    assert row(section(answer.text, "Leaderboard"), "catboost") == ["–"] * 9


def test_live_errors_are_told(home: Home, staged: list[str]) -> None:
    app = create_app(Settings(home=home), HomeReleases(home, PARTS))
    with TestClient(app) as client:
        assert 'id="live"' not in client.get("/models").text
        body = {"cars": [CAR], "cars_real_price": [20_000]}
        assert client.post("/api/v1/us/valuations", json=body).status_code == 200
        live = section(unescape(client.get("/models").text), "Live error")
    assert row(live, "catboost")[1] == "1"
    assert row(live, "catboost")[2] == "$210"
