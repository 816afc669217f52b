"""Quality over five splits: both regressors on the cards file, five salts, whole hold-outs.

One split says little: 236 of the 113,915 cars cost over 300,000 and swing R2 by 0.04. So the
split is drawn anew with five salts, everything is fitted anew on each training part, and the
figures are averaged. The better regressor is the one with the lower mean MAE on *validation*.

    python benchmarks/five_salts.py                     # all five, about 20 minutes on two cores
    python benchmarks/five_salts.py --salts amber       # one of them
    python benchmarks/five_salts.py --drop-outliers     # flagged training rows left out

Needs the real listings (CARPRICE_REAL_DATA, default ../shared/data). Takes no network.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from carprice_assets.artifacts import Artifact, ArtifactStore
from carprice_assets.evaluation.metrics import value
from carprice_assets.evaluation.report import EvaluationReport
from carprice_assets.evaluation.reporting import report_on
from carprice_assets.features.registry import NAMES
from carprice_assets.features.training import encode, fit_transformer
from carprice_assets.home import PROJECT, Home
from carprice_assets.listings import cleaning, raw, split
from carprice_assets.listings.dataset import build, read_side
from carprice_assets.listings.warehouse import Warehouse
from carprice_assets.markets import Market, load_market
from carprice_assets.regressors.registry import REGRESSORS
from carprice_assets.regressors.training import Encoded, fit_regressor

SALTS = ("amber", "birch", "cobalt", "dune", "ember")
BAR = 3_200
FIGURES = ("mae", "r2", "r2_log", "mape", "median_error", "rmse")


def cleaned_warehouse(file: Path, market: Market, folder: Path) -> Path:
    """A warehouse with the file's listings and no split yet."""
    warehouse = Warehouse(folder / "clean.duckdb")
    with warehouse.connect("benchmark") as connection:
        raw.append(connection, market, "carscom-cards", file, date(2023, 11, 13))
        cleaning.rebuild(connection, market)
    return warehouse.path


def dataset_of(market: Market, clean: Path, store: ArtifactStore) -> Artifact:
    """The dataset with the split of the market's salt."""
    with tempfile.TemporaryDirectory(prefix="carprice-salt-") as folder:
        path = Path(folder) / "salt.duckdb"
        shutil.copyfile(clean, path)
        with Warehouse(path).connect("benchmark") as connection:
            split.assign(connection, market)
            return store.put(lambda target: build(connection, market, target))


def reports_of(market: Market, dataset: Artifact, store: ArtifactStore) -> list[EvaluationReport]:
    """Fit and judge every regressor on one split."""
    train = read_side(dataset.path, "train")
    states: dict[str, Artifact] = {}
    begin = time.perf_counter()
    for name in NAMES:
        states[name] = fit_transformer(name, dataset, train, states, store).artifact
    fitted = time.perf_counter() - begin
    size = sum(state.size for state in states.values()) / 1e6
    print(f"  transformers: {fitted:.1f} s, {size:.1f} MB", flush=True)
    encoding = encode(
        states,
        dataset,
        store,
        drop_outliers=market.training.drop_outliers,
        progress=lambda line: None,
    )
    encoded = Encoded.open(encoding.artifact)
    reports: list[EvaluationReport] = []
    for name in REGRESSORS:
        regressor = fit_regressor(
            name,
            encoded,
            store,
            seed=market.training.seed,
            trials=0,
            progress=lambda line: None,
            coverage=market.ranges.coverage,
        )
        reported = report_on(
            name,
            market,
            dataset=dataset,
            feature_set=encoding.artifact,
            regressor=regressor.artifact,
            store=store,
        )
        reports.append(reported.report)
        print(f"  {name}: {regressor.seconds:.0f} s  {reported.report.headline()}", flush=True)
    return reports


def table(found: dict[str, dict[str, EvaluationReport]]) -> None:
    """Mean and spread over the salts, per regressor and stock type, and the verdict."""
    validation: dict[str, float] = {}
    print(f"\n{'':<16}" + "".join(f"{name:>22}" for name in FIGURES))
    for name in REGRESSORS:
        reports = [by_name[name] for by_name in found.values()]
        validation[name] = float(np.mean([value(r.validation, "mae") for r in reports]))
        rows: dict[str, list[Any]] = {name: [r.figures for r in reports]}
        rows |= {
            f"  {kind}": [r.stock_types[kind]["figures"] for r in reports]
            for kind in ("New", "Used", "Certified")
        }
        rows["  naive"] = [r.naive for r in reports]
        for label, figures in rows.items():
            print(f"{label:<16}" + "".join(_mean(figures, key) for key in FIGURES))
    best = min(validation, key=lambda name: validation[name])
    per_salt = {salt: by_name[best].figures["mae"] for salt, by_name in found.items()}
    print(f"\nbest on validation: {best}")
    for salt, mae in per_salt.items():
        print(f"  {salt:<8} MAE {mae['value']:,.0f}  95 % {mae['low']:,.0f} to {mae['high']:,.0f}")
    mean = float(np.mean([mae["value"] for mae in per_salt.values()]))
    verdict = "met" if mean <= BAR else "MISSED"
    print(f"mean MAE {mean:,.0f}, bar {BAR:,}: {verdict}")


def _mean(figures: list[Any], key: str) -> str:
    values = np.array([value(each, key) for each in figures], dtype=np.float64)
    digits = 0 if key in ("mae", "median_error", "rmse") else 4
    spread = values.std(ddof=1) if len(values) > 1 else 0.0
    return f"{f'{values.mean():,.{digits}f} ± {spread:,.{digits}f}':>22}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--salts", default=",".join(SALTS))
    parser.add_argument("--drop-outliers", action="store_true")
    arguments = parser.parse_args()
    data = Path(os.environ.get("CARPRICE_REAL_DATA", PROJECT.parent / "shared" / "data"))
    file = data / "carscom_2023_cards.parquet"
    if not file.exists():
        print(f"real listings are not here: {file}", file=sys.stderr)
        return 0
    market = load_market(Home.current(), "us")
    market = replace(
        market, training=replace(market.training, drop_outliers=arguments.drop_outliers)
    )
    found: dict[str, dict[str, EvaluationReport]] = {}
    with tempfile.TemporaryDirectory(prefix="carprice-bench-") as folder:
        store = ArtifactStore(Path(folder) / "artifacts")
        clean = cleaned_warehouse(file, market, Path(folder))
        for salt in arguments.salts.split(","):
            print(f"salt {salt}", flush=True)
            salted = replace(market, split=replace(market.split, salt=salt))
            dataset = dataset_of(salted, clean, store)
            found[salt] = {report.name: report for report in reports_of(salted, dataset, store)}
    table(found)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
