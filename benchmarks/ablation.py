"""What each transformer is worth: the error of one regressor with it switched off.

One run, same rows, same seeds, one line a transformer: its columns are left out of what the
regressor sees, as `features_off` of a market's TOML does; what other transformers make of them
stays. The regressor is CatBoost with few, quick trees, so that the lines tell features apart and
not its tuning. Positive changes are what would be lost.

    python benchmarks/ablation.py                       # all three files
    python benchmarks/ablation.py --files details       # one of them
    python benchmarks/ablation.py --off price_expected  # single features beside the transformers

Needs the real listings (CARPRICE_REAL_DATA, default ../shared/data). Takes no network.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parent))

from real_listings import FILES, Cars, data_folder, fold_of, parts

from carprice_assets.errors import UserError
from carprice_assets.features.feature_set import matrix
from carprice_assets.features.fit import fit_all, training_blocks
from carprice_assets.features.registry import MATRIX
from carprice_assets.features.switches import switched_off
from carprice_assets.listings.contract import take
from carprice_assets.regressors.base import FitSettings, Side
from carprice_assets.regressors.registry import REGRESSORS
from carprice_assets.regressors.training import threads

QUICK = {"iterations": 700, "learning_rate": 0.1, "depth": 6}
SEED, VALIDATION, RESAMPLES = 20_260_101, 10, 500
LARGE, SEEDS = 20_000, 3
"""Training cars up to which the errors of three fits are averaged: few cars, much chance."""
Prices = NDArray[np.float64]


@dataclass(frozen=True)
class Encoded:
    """The three sides of one file as every transformer encodes them.

    ``columns`` names the features of each transformer in the matrix's order.
    """

    columns: dict[str, tuple[str, ...]]
    train: Side
    validation: Side
    test: Side


@dataclass(frozen=True)
class Line:
    """What one fit came to: features seen and each test car's mean absolute error, (rows,)."""

    name: str
    features: int
    errors: Prices
    log_errors: Prices


def encoded(train: Cars, test: Cars) -> Encoded:
    """All transformers fitted on nine tenths of ``train``; the last one stops the fits."""
    tenth = fold_of(train, VALIDATION, "validation") == 0
    learned, rest = take(train, ~tenth), take(train, tenth)
    fitted = fit_all(learned, learned["price"], only=MATRIX)
    sides = [matrix(training_blocks(fitted, learned, learned["price"]))]
    for side in (rest, test):
        have = dict(side)
        for name, transformer in fitted.items():
            have[name] = transformer.transform(have)
        sides.append(matrix(have))
    prices = (learned["price"], rest["price"], test["price"])
    columns = {name: fitted[name].feature_names for name in MATRIX}
    return Encoded(columns, *(Side(block, price) for block, price in zip(sides, prices)))


def line(data: Encoded, name: str, off: Sequence[str]) -> Line:
    """Fit without the features that ``off`` names, and judge on the test cars."""
    gone = switched_off(off, data.columns)
    every = [feature for names in data.columns.values() for feature in names]
    kept = [place for place, feature in enumerate(every) if feature not in gone]
    sides = [Side(side.features[:, kept], side.price) for side in (data.train, data.validation)]
    names = tuple(every[place] for place in kept)
    errors: list[Prices] = []
    logs: list[Prices] = []
    for seed in range(SEED, SEED + (1 if len(data.train.price) > LARGE else SEEDS)):
        regressor = REGRESSORS["catboost"]()
        settings = FitSettings(seed, names, threads=threads(), parameters=QUICK)
        regressor.fit(*sides, settings, lambda line: None)
        prices = regressor.predict(data.test.features[:, kept])
        errors.append(np.abs(prices - data.test.price))
        logs.append(np.abs(np.log(prices / data.test.price)))
    return Line(name, len(kept), np.mean(errors, axis=0), np.mean(logs, axis=0))


def told(found: Line, whole: Line) -> str:
    """One row of the table: error, and how much of it came by switching off, with its 95 %."""
    change = (found.errors.mean() / whole.errors.mean() - 1) * 100
    rng = np.random.default_rng(SEED)
    rows = rng.integers(0, len(whole.errors), (RESAMPLES, len(whole.errors)))
    drawn = [found.errors[r].mean() / whole.errors[r].mean() * 100 - 100 for r in rows]
    low, high = np.quantile(drawn, [0.025, 0.975])
    return (
        f"| {found.name} | {whole.features - found.features} | {found.errors.mean():,.0f}"
        f" | {np.median(found.errors):,.0f} | {found.log_errors.mean():.4f}"
        f" | {change:+.2f} % | {low:+.2f} to {high:+.2f} |"
    )


def ablate(data: Encoded, single: Sequence[str] = ()) -> None:
    """Print the table of one file; what gives no column there is left out."""
    print("| off | features | MAE | median | log MAE | MAE change | 95 % |")
    print("|---|---|---|---|---|---|---|")
    whole = line(data, "none", ())
    print(told(whole, whole), flush=True)
    for name in (*(name for name in MATRIX if data.columns[name]), *single):
        print(told(line(data, name, [name]), whole), flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", default=",".join(FILES))
    parser.add_argument("--off", default="", help="single features, with commas")
    arguments = parser.parse_args()
    names = arguments.files.split(",")
    if unknown := set(names) - set(FILES):
        print(f"ablation: no file is called {min(unknown)!r}: {', '.join(FILES)}", file=sys.stderr)
        return 2
    for name in names:
        if not (path := data_folder() / FILES[name][1]).exists():
            print(f"real listings are not here: {path}", file=sys.stderr)
            return 0
        begin = time.perf_counter()
        data = encoded(*parts(name))
        rows = [len(side.price) for side in (data.train, data.validation, data.test)]
        seconds = time.perf_counter() - begin
        print(f"\n{name}: {rows[0]:,} cars learned, {rows[1]:,} validation, {rows[2]:,} test;"
              f" encoded in {seconds:.0f} s")  # fmt: skip
        try:
            ablate(data, [each for each in arguments.off.split(",") if each])
        except UserError as error:
            print(f"ablation: {error}", file=sys.stderr)
            return 2
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
