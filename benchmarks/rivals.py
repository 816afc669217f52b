"""What a user would pick instead, in an environment of its own: untuned LightGBM, AutoGluon.

Started by ``quality.py`` as ``python rivals.py RIVAL FOLDER SECONDS``. Reads ``train.parquet`` and
``test.parquet`` in FOLDER (the raw title, every listing column, ``price`` in the first alone),
writes ``<rival>.npy``, the prices of the test rows, and ``<rival>.json`` with what it took.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

SEED = 1
LEFT_OUT = ("vin", "title", "dealer")


def lightgbm(train: pd.DataFrame, test: pd.DataFrame, seconds: int) -> np.ndarray:
    """500 trees, else all defaults, on the log price; texts are native categories.

    The best of sixteen untuned ways on the cards: with 100 trees, with title or dealer, or with
    words as plain numbers it errs by 3 to 110 % more.
    """
    from lightgbm import LGBMRegressor

    del seconds  # it takes a minute
    features = [name for name in test.columns if name not in LEFT_OUT]
    for name in features:
        if train[name].dtype == object or isinstance(train[name].dtype, pd.StringDtype):
            kind = pd.CategoricalDtype(sorted(train[name].dropna().unique()))
            train[name], test[name] = train[name].astype(kind), test[name].astype(kind)
    model = LGBMRegressor(n_estimators=500, random_state=SEED, n_jobs=2, verbose=-1)
    model.fit(train[features], np.log(train["price"]))
    return np.exp(model.predict(test[features]))


def autogluon(train: pd.DataFrame, test: pd.DataFrame, seconds: int) -> np.ndarray:
    """``good_quality`` for so many seconds, mean absolute error of the log price."""
    os.environ.update(RAY_worker_niceness="0")  # else anything else on the machine starves them
    from autogluon.tabular import TabularPredictor

    train = train.assign(log_price=np.log(train.pop("price")))
    with tempfile.TemporaryDirectory(prefix="autogluon-") as folder:
        predictor = TabularPredictor(
            label="log_price",
            problem_type="regression",
            eval_metric="mean_absolute_error",
            path=folder,
            verbosity=2,
        )
        predictor.fit(train, presets="good_quality", time_limit=seconds)
        print(predictor.leaderboard().to_string(), flush=True)
        return np.exp(predictor.predict(test).to_numpy(dtype=np.float64))


RIVALS = {"lightgbm": lightgbm, "autogluon": autogluon}


def main() -> int:
    name, folder, seconds = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    train = pd.read_parquet(folder / "train.parquet")
    test = pd.read_parquet(folder / "test.parquet")
    began = time.perf_counter()
    prices = RIVALS[name](train, test, seconds)
    facts = {
        "seconds": round(time.perf_counter() - began, 1),
        "limit": seconds,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "threads": len(os.sched_getaffinity(0)),
    }
    np.save(folder / f"{name}.npy", prices)
    (folder / f"{name}.json").write_text(json.dumps(facts))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
