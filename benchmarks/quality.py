"""Quality: all regressors, untuned LightGBM and AutoGluon on the same rows of three real files.

    python benchmarks/quality.py                          # everything: about two hours
    python benchmarks/quality.py --files details          # one file
    python benchmarks/quality.py --rivals lightgbm        # without AutoGluon's 25 minutes
    python benchmarks/quality.py --home DIR               # keep what rivals said, and go on
    python benchmarks/quality.py --files export --seconds 1500   # 25 minutes for each fold

The cards by time: trained on the scrapes before November 2023, tested on what was first seen in
it. The details with a fifth of the vehicles held out, the export in five folds. No row is left
out of a test. Rivals run in an environment of their own, made here on first use, on the same
rows, with the raw title and every column of the listing (of which LightGBM does better without
title, dealer and VIN). Needs the real listings (CARPRICE_REAL_DATA, default ../shared/data) and,
once, the package registry.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from quality_tasks import Task, dataset_of, market_of, tasks, write_frames
from real_listings import FILES, FOLDS, data_folder

from carprice_assets.artifacts import Artifact, ArtifactStore
from carprice_assets.evaluation.report import EvaluationReport
from carprice_assets.evaluation.reporting import report_on
from carprice_assets.features.registry import NAMES
from carprice_assets.features.training import encode, fit_transformer
from carprice_assets.listings.contract import STOCK_TYPES
from carprice_assets.listings.dataset import read_side
from carprice_assets.regressors.costs import peak_memory
from carprice_assets.regressors.predictor import Predictor
from carprice_assets.regressors.registry import ALL
from carprice_assets.regressors.training import Encoded, fit_regressor

HERE = Path(__file__).parent
RIVALS = ("lightgbm", "autogluon")
PACKAGES = ("autogluon.tabular[all]>=1.6,<1.7", "ray>=2.43,<2.59", "pyarrow")
REFERENCE = {name: f"{name}, reference" for name in ("tensorflow_network", "pytorch_network")}
"""The reference's own architecture, to show what the present one gains."""
SECONDS = 25 * 60
RESAMPLES = 2_000
FEW = 30
"""Cars of a stock type below which its coverage says nothing."""
Prices = NDArray[np.float64]


def say(text: str) -> None:
    print(text, flush=True)


def limit(file: str) -> int:
    """Seconds that AutoGluon gets for one cut: 25 minutes for all of a file's together."""
    return SECONDS // (FOLDS if file == "export" else 1)


def rivals_python(home: Path) -> Path:
    """The rivals' interpreter; made with its packages on first use."""
    python = home / "rivals-env" / "bin" / "python"
    if not (home / "rivals-env" / "ready").exists():
        say("making the rivals' environment (several minutes) ...")
        subprocess.run(
            [sys.executable, "-m", "venv", "--clear", str(home / "rivals-env")], check=True
        )
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", *PACKAGES], check=True)
        (home / "rivals-env" / "ready").touch()
    return python


def by_rival(name: str, task: Task, home: Path, seconds: int) -> tuple[Prices, dict[str, Any]]:
    """A rival's prices of the test rows and what it took; kept in ``home`` by the rows' hash."""
    folder = home / "rivals" / f"{task.name}-{task.key}"
    known = folder / f"{name}.json"
    if not known.exists() or json.loads(known.read_text())["limit"] != seconds:
        write_frames(task, folder)
        python = rivals_python(home)
        with (folder / f"{name}.log").open("wb") as log:
            subprocess.run(
                [str(python), str(HERE / "rivals.py"), name, str(folder), str(seconds)],
                check=True, stdout=log, stderr=subprocess.STDOUT,
            )  # fmt: skip
    facts = json.loads(known.read_text())
    return np.load(folder / f"{name}.npy"), facts


def by_us(
    task: Task, names: list[str], store: ArtifactStore, reference: bool
) -> dict[str, tuple[Prices, EvaluationReport]]:
    """Each regressor's prices of the test rows and its report, the defaults taken."""
    market = market_of(task.file)
    dataset = dataset_of(task, market, store)
    train = read_side(dataset.path, "train")
    began = time.perf_counter()
    states: dict[str, Artifact] = {}
    for name in NAMES:
        states[name] = fit_transformer(name, dataset, train, states, store).artifact
    encoding = encode(states, dataset, store, drop_outliers=False, progress=lambda line: None)
    encoded = Encoded.open(encoding.artifact)
    say(f"  features: {time.perf_counter() - began:.0f} s, {len(encoded.feature_names)}")
    found: dict[str, tuple[Prices, EvaluationReport]] = {}
    members: dict[str, Artifact] = {}
    holdout = read_side(dataset.path, "holdout")

    def judge(shown: str, name: str, parameters: dict[str, Any]) -> Artifact:
        fitted = fit_regressor(
            name, encoded, store, seed=market.training.seed, trials=0,
            progress=lambda line: None, parameters=parameters,
            coverage=market.ranges.coverage, members=members if name == "ensemble" else None,
        )  # fmt: skip
        report = report_on(
            name, market, dataset=dataset, feature_set=encoding.artifact,
            regressor=fitted.artifact, store=store,
        ).report  # fmt: skip
        features, serving = encoding.artifact.path / "features", fitted.artifact.path / "serving"
        prices = Predictor.load(features, serving)({k: holdout[k] for k in holdout if k != "price"})
        found[shown] = (prices, report)
        say(f"  {shown}: {fitted.seconds:.0f} s  {report.headline()}")
        return fitted.artifact

    for name in names:
        fitted = judge(name, name, {})
        if name != "ensemble":
            members[name] = fitted
    if reference:
        for name, shown in REFERENCE.items():
            if name in names:
                judge(shown, name, {"architecture": "reference"})
    say(f"  all: {time.perf_counter() - began:.0f} s, peak memory {peak_memory():,.0f} MB")
    return found


def line(name: str, price: Prices, true: Prices, stock: NDArray[Any]) -> str:
    off = np.abs(price - true)
    logs = np.abs(np.log(price / true))
    kinds = [
        f"{off[stock == k].mean():>9,.0f}" if (stock == k).any() else " " * 9 for k in STOCK_TYPES
    ]
    r2 = 1 - ((price - true) ** 2).sum() / ((true - true.mean()) ** 2).sum()
    return (
        f"{name:<30}{off.mean():>9,.0f}{''.join(kinds)}{np.median(off):>9,.0f}"
        f"{(off / true).mean():>9.2%}{logs.mean():>9.4f}{r2:>8.3f}"
    )


def bootstrap(first: Prices, second: Prices, true: Prices) -> tuple[float, float]:
    """95 % interval of the difference of the mean absolute errors, first less second, paired."""
    gain = np.abs(first - true) - np.abs(second - true)
    draws = np.random.default_rng(1)
    means = [gain[draws.integers(0, len(gain), len(gain))].mean() for _ in range(RESAMPLES)]
    return float(np.percentile(means, 2.5)), float(np.percentile(means, 97.5))


def verdict(file: str, prices: dict[str, Prices], true: Prices) -> None:
    """The bars of the file, each with its figure."""
    mae = {name: float(np.abs(price - true).mean()) for name, price in prices.items()}
    ours = {name: value for name, value in mae.items() if name in ALL}

    def told(what: str, met: bool) -> None:
        say(f"{'met   ' if met else 'MISSED'}  {what}")

    if "autogluon" in mae and "ensemble" in ours:
        ratio = ours["ensemble"] / mae["autogluon"]
        least = min((n for n in ours if n != "ensemble"), key=lambda n: ours[n])
        if file == "cards":
            told(f"ensemble {1 - ratio:.1%} below AutoGluon (6 %)", ratio <= 0.94)
            told(f"best single, {least}: {ours[least]:,.0f}, below AutoGluon's"
                 f" {mae['autogluon']:,.0f}", ours[least] < mae["autogluon"])  # fmt: skip
        elif file == "details":
            told(f"ensemble {1 - ratio:.1%} below AutoGluon (0 %)", ratio <= 1.0)
        else:
            low, high = bootstrap(prices["ensemble"], prices["autogluon"], true)
            told(f"ensemble less AutoGluon, paired: {low:,.0f} to {high:,.0f}", low <= 0)
    if "lightgbm" in mae and "ensemble" in ours:
        ratio = ours["ensemble"] / mae["lightgbm"]
        if file == "details":
            told(f"ensemble {1 - ratio:.1%} below untuned LightGBM (5 %)", ratio <= 0.95)
        if file == "export":
            for what, of in (("median error", lambda p: np.median(np.abs(p - true))),
                             ("log MAE", lambda p: np.abs(np.log(p / true)).mean())):  # fmt: skip
                mine, other = of(prices["ensemble"]), of(prices["lightgbm"])
                told(f"{what} {mine:,.4g} below LightGBM's {other:,.4g}", mine < other)
    for name, shown in REFERENCE.items():
        if shown in mae:
            gain = 1 - mae[name] / mae[shown]
            told(f"{name} {gain:.1%} below the reference's architecture (15 %)", gain >= 0.15)


def ranges_and_behaviour(reports: dict[str, list[EvaluationReport]]) -> None:
    """Ranges and behaviour of each regressor; of several folds the means."""
    heads = ("coverage", "least type", "width", "of const.", "miles", "years", "New", "MSRP")
    say(f"\n{'':<30}{''.join(f'{head:>11}' for head in (*heads, 'unsupported'))}")
    for name, each in reports.items():
        ranges = [report.ranges for report in each if report.ranges]
        least = [
            min(part["coverage"] for part in found["slices"]["stock_type"] if part["rows"] >= FEW)
            for found in ranges
        ]
        cells = [
            [found["coverage"] for found in ranges],
            least,
            [found["width"] for found in ranges],
            [found["width_ratio"] for found in ranges],
        ]
        for key in ("mileage_violations", "year_violations", "new_violations", "msrp_change"):
            cells.append([report.behaviour[key] for report in each])
        cells.append([report.unsupported for report in each])
        say(f"{name:<30}" + "".join(f"{_percent(values):>11}" for values in cells))


def _percent(values: list[Any]) -> str:
    known = [float(value) for value in values if value is not None]
    return f"{np.mean(known):.1%}" if known else "–"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", default=",".join(FILES))
    parser.add_argument("--rivals", default=",".join(RIVALS))
    parser.add_argument("--regressors", default=",".join(ALL))
    parser.add_argument("--no-reference", action="store_true")
    parser.add_argument("--home", type=Path)
    parser.add_argument("--seconds", type=int, help="AutoGluon's for each cut")
    arguments = parser.parse_args()
    if not data_folder().is_dir():
        print(f"real listings are not here: {data_folder()}", file=sys.stderr)
        return 0
    home = arguments.home or Path(tempfile.mkdtemp(prefix="carprice-quality-"))
    names = [name for name in ALL if name in arguments.regressors.split(",")]
    for file in arguments.files.split(","):
        true: list[Prices] = []
        stock: list[NDArray[Any]] = []
        prices: dict[str, list[Prices]] = {}
        reports: dict[str, list[EvaluationReport]] = {}
        for task in tasks(file):
            say(f"\n== {task.name}: {len(task.train['price']):,} cars to train on,"
                f" {len(task.test['price']):,} to test")  # fmt: skip
            true.append(task.test["price"])
            stock.append(task.test["stock_type"].astype(str))
            for rival in filter(None, arguments.rivals.split(",")):
                price, facts = by_rival(rival, task, home, arguments.seconds or limit(file))
                prices.setdefault(rival, []).append(price)
                say(f"  {rival}: {facts}")
            with tempfile.TemporaryDirectory(prefix="carprice-quality-") as folder:
                found = by_us(task, names, ArtifactStore(Path(folder)), not arguments.no_reference)
            for name, (price, report) in found.items():
                prices.setdefault(name, []).append(price)
                reports.setdefault(name, []).append(report)
        truth, kinds = np.concatenate(true), np.concatenate(stock)
        whole = {name: np.concatenate(each) for name, each in prices.items()}
        heads = ("MAE", *STOCK_TYPES, "median", "MAPE", "log MAE", "R2")
        say(f"\n{file}, {len(truth):,} cars{'':<11}" + "".join(f"{h:>9}" for h in heads))
        for name in sorted(whole, key=lambda n: float(np.abs(whole[n] - truth).mean())):
            say(line(name, whole[name], truth, kinds))
        verdict(file, whole, truth)
        ranges_and_behaviour(reports)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
