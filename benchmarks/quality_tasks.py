"""The rows that ``quality.py`` compares regressors on, in the forms that each side takes."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from real_listings import (
    FILES,
    FOLDS,
    NOVEMBER,
    Cars,
    before_november,
    data_folder,
    fold_of,
    listings,
)

from carprice_assets.artifacts import Artifact, ArtifactStore
from carprice_assets.features.columns import hash64
from carprice_assets.files import canonical_json
from carprice_assets.home import Home
from carprice_assets.listings.contract import FEATURE_FIELDS, days, from_days, take
from carprice_assets.listings.dataset import EXTRA
from carprice_assets.listings.dataset import FILES as SIDES
from carprice_assets.markets import Market, load_market

VALIDATION, CALIBRATION = 5, 5
"""Per cent of the training vehicles; the rest is trained on. Rivals get them all."""
NO_FEATURE = {"listing_id", "url", "price", "vehicle", "source", "title", "last_seen"}


@dataclass(frozen=True)
class Task:
    """One cut of one file: columns of ``train`` and ``test``, each with the raw ``title``."""

    file: str
    fold: int
    train: Cars
    test: Cars

    @property
    def name(self) -> str:
        return self.file if self.fold < 0 else f"{self.file}-{self.fold}"

    @property
    def key(self) -> str:
        """A hash of the rows: what a rival said of them holds as long as they are the same."""
        digest = hashlib.sha256()
        for side in (self.train, self.test):
            for name in sorted(side):
                values = side[name]
                data = values.tobytes() if values.dtype != object else "\n".join(values).encode()
                digest.update(name.encode() + data)
        return digest.hexdigest()[:16]


def tasks(file: str) -> Iterator[Task]:
    """The cuts of one of :data:`FILES`.

    The cards by time: all scrapes before November 2023 against what was first seen in it. Of
    the details a fifth of the vehicles is held out; the export is cut five times.
    """
    kind, name, day = FILES[file]
    path = data_folder() / name
    whole = listings(kind, path, day)
    if file == "cards":
        yield _cards(path, whole, day)
        return
    whole["title"] = _run_together(whole)
    fold = fold_of(whole, FOLDS)
    for one in range(FOLDS if file == "export" else 1):
        yield Task(file, one if file == "export" else -1, take(whole, fold != one),
                   take(whole, fold == one))  # fmt: skip


def _cards(path: Path, whole: Cars, day: date) -> Task:
    with tempfile.TemporaryDirectory(prefix="carprice-cards-") as folder:
        before = before_november(path, Path(folder))
        train = listings("carscom-cards", before, date(2023, 10, 31))
    seen = set(train["listing_id"].tolist())
    fresh = np.array([each not in seen for each in whole["listing_id"].tolist()])
    test = take(whole, fresh & (whole["first_seen"] >= days(NOVEMBER)))
    titles = _raw_titles(path)
    for side in (train, test):
        side["title"] = np.array([titles.get(i, "") for i in side["listing_id"].tolist()], object)
    return Task("cards", -1, train, test)


def _raw_titles(path: Path) -> dict[str, str]:
    """Listing id to the title of its first card, as the scraper left it."""
    import pyarrow.parquet as pq

    table = pq.read_table(path, columns=["url", "title", "scrape_date"]).sort_by("scrape_date")
    titles: dict[str, str] = {}
    for url, title in zip(table["url"].to_pylist(), table["title"].to_pylist()):
        _, _, rest = (url or "").partition("/vehicledetail/")
        if rest and title:
            titles.setdefault(rest.partition("/")[0], title)
    return titles


def _run_together(cars: Cars) -> NDArray[Any]:
    rows = zip(*(cars[name].tolist() for name in ("year", "make", "model", "trim")))
    return np.array([f"{y:.0f} {make} {m} {t}".strip() for y, make, m, t in rows], object)


def write_frames(task: Task, folder: Path) -> None:
    """``train.parquet`` with ``price`` and ``test.parquet`` without: all that a listing says."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder.mkdir(parents=True, exist_ok=True)
    named = [n for n in task.train if n not in NO_FEATURE and _any(task.train[n])]
    for side, cars in (("train", task.train), ("test", task.test)):
        table: dict[str, Any] = {name: _arrow(cars[name]) for name in [*named, "title"]}
        if side == "train":
            table["price"] = _arrow(cars["price"])
        pq.write_table(pa.table(table), folder / f"{side}.parquet")


def _any(values: NDArray[Any]) -> bool:
    """Whether a column holds anything."""
    return any(values.tolist()) if values.dtype == object else bool(np.isfinite(values).any())


def _arrow(values: NDArray[Any]) -> Any:
    import pyarrow as pa

    if values.dtype == object:
        return pa.array([each or None for each in values.tolist()], pa.string())
    return pa.array(values, pa.float64(), from_pandas=True)


def market_of(file: str) -> Market:
    """The platform's own settings for the United States, under the file's name."""
    return replace(load_market(Home.current(), "us"), name=f"bench_{file}")


def dataset_of(task: Task, market: Market, store: ArtifactStore) -> Artifact:
    """A dataset whose hold-out is the test, its days taken back to the last one learned from.

    A release values as of its last observation, so that is what is asked of it here too.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    share = np.array([hash64(f"side:{v}") % 100 for v in task.train["vehicle"].tolist()])
    last = float(np.nanmax(task.train["observed_at"]))
    test = dict(task.test) | {"observed_at": np.minimum(task.test["observed_at"], last)}
    sides: dict[str, Cars] = {
        "train": take(task.train, share < 100 - VALIDATION - CALIBRATION),
        "validation": take(
            task.train, (share >= 100 - VALIDATION - CALIBRATION) & (share < 100 - CALIBRATION)
        ),
        "calibration": take(task.train, share >= 100 - CALIBRATION),
        "holdout": test,
        "set_aside": take(task.train, np.zeros(len(share), bool)),
    }
    names = [field.name for field in FEATURE_FIELDS] + ["price", "listing_id", *EXTRA]

    def build(folder: Path) -> None:
        for side in SIDES:
            columns = {name: _arrow(sides[side][name]) for name in names}
            pq.write_table(pa.table(columns), folder / f"{side}.parquet")
        head = {
            "format": 1,
            "market": market.name,
            "salt": market.split.salt,
            "counts": {side: len(sides[side]["price"]) for side in SIDES},
            "last_observed": from_days(last).isoformat(),
            "data_version": task.key,
            "cleaning": market.cleaning,
        }
        (folder / "dataset.json").write_bytes(canonical_json(head))

    return store.put(build)
