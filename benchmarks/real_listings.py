"""The three real files as columns, cut into training and test as the benchmarks do.

Imported by the benchmarks beside it; the files are private and stay where they are
(CARPRICE_REAL_DATA, default ../shared/data).
"""

from __future__ import annotations

import os
import tempfile
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from carprice_assets.features.columns import hash64
from carprice_assets.home import PROJECT, Home
from carprice_assets.listings import cleaning, raw, split
from carprice_assets.listings.contract import FEATURE_FIELDS, days, take
from carprice_assets.listings.dataset import DATASET_FIELDS, to_columns
from carprice_assets.listings.warehouse import Warehouse
from carprice_assets.markets import load_market

Cars = dict[str, NDArray[Any]]
NOVEMBER = date(2023, 11, 1)
FILES = {
    "cards": ("carscom-cards", "carscom_2023_cards.parquet", date(2023, 11, 13)),
    "details": ("carscom-details", "carscom_2022_details.csv.gz", date(2022, 10, 1)),
    "export": ("carscom-export", "carscom_2024_export.csv", date(2024, 4, 1)),
}
FOLDS = 5


def data_folder() -> Path:
    """Where the real files are, or would be."""
    return Path(os.environ.get("CARPRICE_REAL_DATA", PROJECT.parent / "shared" / "data"))


def parts(name: str) -> tuple[Cars, Cars]:
    """Training and test part of the file called ``name``, one of :data:`FILES`.

    Of the cards, training is all scrapes before November 2023 and the test what was first seen
    in it; of the others the test is a fifth of the vehicles. Both have ``price`` and
    ``vehicle``; no vehicle of the test is trained on.
    """
    kind, file, day = FILES[name]
    path = data_folder() / file
    if name == "cards":
        with tempfile.TemporaryDirectory(prefix="carprice-cards-") as folder:
            before = before_november(path, Path(folder))
            train = listings(kind, before, date(2023, 10, 31))
        whole = listings(kind, path, day)
        test = take(whole, whole["first_seen"] >= days(NOVEMBER))
        seen = set(train["listing_id"].tolist())
        unseen = np.array([each not in seen for each in test["listing_id"].tolist()])
        return known(train), known(take(test, unseen))
    whole = known(listings(kind, path, day))
    test = fold_of(whole, FOLDS) == 0
    return take(whole, ~test), take(whole, test)


def known(columns: Cars) -> Cars:
    """What a training may know: the features of the contract, ``price`` and ``vehicle``."""
    names = [field.name for field in FEATURE_FIELDS] + ["price", "vehicle"]
    return {name: columns[name] for name in names}


def fold_of(columns: Cars, folds: int, salt: str = "quality") -> NDArray[np.int64]:
    """The fold of each row by its vehicle, shape (rows,)."""
    found = [hash64(f"{salt}:{vehicle}") % folds for vehicle in columns["vehicle"].tolist()]
    return np.array(found, dtype=np.int64)


def listings(kind: str, file: Path, day: date) -> Cars:
    """The clean listings of one file, imported anew, by listing id."""
    with tempfile.TemporaryDirectory(prefix="carprice-bench-") as folder:
        table = _imported(Warehouse(Path(folder) / "bench.duckdb"), kind, file, day)
    return to_columns(table)


def _imported(warehouse: Warehouse, kind: str, file: Path, day: date) -> Any:
    market = load_market(Home.current(), "us")
    names = ", ".join(field.name for field in DATASET_FIELDS)
    with warehouse.connect("benchmark") as connection:
        raw.append(connection, market, kind, file, day)
        cleaning.rebuild(connection, market)
        split.assign(connection, market)
        query = (
            f"SELECT {names}, vehicle, source FROM listings JOIN vehicles"
            " USING (market, listing_id) ORDER BY listing_id"
        )
        return connection.sql(query).to_arrow_table()


def before_november(path: Path, folder: Path) -> Path:
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    table = pq.read_table(path)
    day = table["scrape_date"].cast("string")
    pq.write_table(table.filter(pc.less(day, NOVEMBER.isoformat())), folder / "before.parquet")
    return folder / "before.parquet"
