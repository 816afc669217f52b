"""Makes ``format-<n>.tar.gz``: the store of a small practice market, by the code that is imported.

    PYTHONPATH=.:tests .venv/bin/python tests/samples/releases/make.py FILE

Kept samples are never made again: they are what a version of the project wrote. A change of the
release format adds one, made before the change by the code as it was.
"""

from __future__ import annotations

import gzip
import sys
import tarfile
import tempfile
from pathlib import Path

from tests_support import add_market, train_in_process

from carprice_assets.home import Home
from carprice_assets.releases.rules import Decision
from carprice_assets.releases.store import ReleaseStore

MARKET = "sample"
SETTINGS = """
title = "Sample market"
currency = "USD"
distance = "mi"

[sources.practice]
seed = 5
size = 700
days = {days}

[regressors.catboost]
iterations = 60
learning_rate = 0.2
depth = 4

[regressors.random_forest]
n_estimators = 4

[promotion]
min_r2 = 0.5
max_naive_ratio = 3.0
min_holdout = 50
min_stock_type = 200
max_mileage_violations = 1.0
max_year_violations = 1.0
max_new_violations = 1.0
"""


def plain(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
    """The entry without owner and time; neither locks nor work folders."""
    if Path(entry.name).name in (".lock", ".tmp"):
        return None
    entry.uid = entry.gid = entry.mtime = 0
    entry.uname = entry.gname = ""
    return entry


def main(target: Path) -> None:
    """Train twice, promote both, and write the market's folder of releases to ``target``."""
    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder))
        store = ReleaseStore(home.releases)
        for days in (5, 7):
            add_market(home, MARKET, SETTINGS.format(days=days))
            train_in_process(home, MARKET)
            newest = store.list(MARKET)[-1].id
            if store.champion(MARKET) != newest:  # the first is still better
                store.promote(MARKET, newest, store.champion(MARKET), Decision("promoted", ()))
        with (
            gzip.GzipFile(target, "wb", mtime=0) as file,
            tarfile.open(fileobj=file, mode="w") as t,
        ):
            t.add(home.releases / MARKET, MARKET, filter=plain)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
