"""Real listings from the command line to a price: three files in one market, and one alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from carprice_assets.home import Home
from carprice_assets.releases.store import ReleaseStore
from carprice_assets.releases.valuer import Valuer
from carprice_serving.examples import REFERENCE_CARS

pytestmark = pytest.mark.long

FILES = (
    ("carscom_2023_cards.parquet", "carscom-cards", None),
    ("carscom_2022_details.csv.gz", "carscom-details", "2022-10-01"),
    ("carscom_2024_export.csv", "carscom-export", "2024-04-15"),
)
CARDS_LISTINGS = 113_915


def carprice(*words: str | Path) -> subprocess.CompletedProcess[str]:
    """Run the command in a process of its own; its home is the environment's."""
    command = [sys.executable, "-m", "carprice_assets.cli", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, env=dict(os.environ))


@pytest.fixture(scope="module")
def real_home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home below the module's own folder."""
    return Home(tmp_path_factory.mktemp("real") / "home")


@pytest.fixture
def here(real_home: Home, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv("CARPRICE_HOME", str(real_home.root))
    return real_home


def test_import_train_and_score_the_cards(here: Home, real_data: Path) -> None:
    file, name, _ = FILES[0]
    done = carprice("import", real_data / file, "--market", "us", "--format", name)
    assert done.returncode == 0, done.stderr[-2000:]
    done = carprice("train", "--market", "us")
    assert done.returncode == 0, done.stderr[-2000:]
    assert "catboost" in done.stdout
    assert "random_forest" in done.stdout
    assert ReleaseStore(here.releases).champion("us") is not None
    for file, name, day in FILES[1:]:
        words = ["score", real_data / file, "--market", "us", "--format", name, "--json"]
        done = carprice(*words, *(["--scraped-at", day] if day else []))
        assert done.returncode == 0, done.stderr[-2000:]
        table = json.loads(done.stdout)
        assert table["rows"]["All"]["rows"] > 900
        assert table["rows"]["All"]["mae"]["value"] > 0


def test_three_files_together_price_the_four_cars(here: Home, real_data: Path) -> None:
    for file, name, day in FILES:
        words = ["import", real_data / file, "--market", "us", "--format", name]
        done = carprice(*words, *(["--scraped-at", day] if day else []))
        assert done.returncode == 0, done.stderr[-2000:]
    store = ReleaseStore(here.releases)
    before = store.champion("us")
    done = carprice("train", "--market", "us")
    decided = store.ledger("us")[-1]
    assert decided["event"] in {"promoted", "refused"}
    assert (done.returncode == 0) or decided["event"] == "refused", done.stderr[-2000:]
    newest = store.list("us")[-1]
    assert newest.id != before
    valuer = Valuer.load(newest.path)
    together = valuer.value_cars(REFERENCE_CARS, as_of=date(2024, 4, 15))
    for car, valuation in zip(REFERENCE_CARS, together, strict=True):
        assert valuation.price is not None, valuation.errors
        assert 10_000 < valuation.price < 100_000
        (alone,) = valuer.value_cars([car], as_of=date(2024, 4, 15))
        assert alone.price == pytest.approx(valuation.price, rel=1e-6)
