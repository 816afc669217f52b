"""The real files: what counts, and that all rows are accounted for. Skips where absent."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from carprice_assets.home import Home
from carprice_assets.listings import cleaning, dataset, raw, split
from carprice_assets.listings.leaks import leaks
from carprice_assets.listings.unstored import clean_file
from carprice_assets.listings.warehouse import Warehouse
from carprice_assets.markets import load_market

COUNTED = 113_915


def test_the_cards_count_as_stated(home: Home, real_data: Path, tmp_path: Path) -> None:
    market = load_market(home, "us")
    with Warehouse.of(home).connect("a test") as con:
        done = raw.append(con, market, "carscom-cards", real_data / "carscom_2023_cards.parquet")
        summary = cleaning.rebuild(con, market)
        split.assign(con, market)
        built = dataset.build(con, market, tmp_path)
        sums = cleaning.accounts(con, market)
        assert leaks(con, market, tmp_path) == []
    assert done.read == 210_051
    assert summary.listings == pytest.approx(COUNTED, rel=0.005)
    assert sums["raw"] == done.new == sums["listings"] + sums["rejected"] + sums["superseded"]
    assert (sums["twice"], sums["strays"], sums["lost"]) == (0, 0, 0)
    assert sum(built.counts.values()) == summary.listings
    for side, share in (("train", 72), ("validation", 8), ("calibration", 8), ("holdout", 12)):
        assert built.counts[side] / summary.listings * 100 == pytest.approx(share, abs=0.5)
    assert built.last_observed == "2023-11-13"
    assert not summary.repairs.unmapped


@pytest.mark.parametrize(
    ("name", "format", "day"),
    [
        ("carscom_2022_details.csv.gz", "carscom-details", date(2022, 10, 1)),
        ("carscom_2024_export.csv", "carscom-export", date(2024, 4, 1)),
    ],
)
def test_the_other_files_are_mostly_good(
    home: Home, real_data: Path, name: str, format: str, day: date
) -> None:
    found = clean_file(load_market(home, "us"), format, real_data / name, day)
    kept = len(found.columns["price"])
    assert kept + found.superseded + sum(found.reasons.values()) == found.read
    assert sum(found.reasons.values()) < 0.05 * found.read
    assert sum(found.repairs.unmapped.values()) < 0.02 * kept
