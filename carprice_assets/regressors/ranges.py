"""Ranges: how far off a price may be, wider where the regressor knows less.

Split conformal prediction (Vovk, Gammerman, Shafer, 2005; Lei et al., 2018) with a learned
scale (Papadopoulos et al., 2002) and a quantile for each stock type (Vovk's Mondrian groups).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from carprice_assets.errors import UserError
from carprice_assets.features.base import Block
from carprice_assets.features.category_codes import CODE, WORD
from carprice_assets.files import canonical_json, read_json
from carprice_assets.regressors.oblivious import ObliviousTrees
from carprice_assets.regressors.serving import load_catboost, run_catboost, save_catboost

FOLDER, HEAD, MODEL = "range", "ranges.json", "scale.cbm"
FORMAT = 1
LEAST_GROUP = 100
"""Calibration cars of a stock type from which on it has a quantile of its own."""
ALL = ""
FLOOR = 0.02
"""Added to a residual of the log price before its logarithm is learned: what a price is off by
chance is no news of how far it may be off."""
SHARPNESS = 1.5
"""Power of the learned scale, which floor and boosting draw together: with it each fifth of the
ranges of real cars, from the narrowest to the widest, holds 89 to 93 % of the prices."""
REACH = 5.0
"""Largest distance of an end from the price, in log price: ends stay finite and above 0."""
TREES, ROWS_A_TREE = 300, 30
# Measured on real cards: a quantile of the residuals gives ranges 4 % narrower in the median than
# their mean, an outer one 1 % narrower than that of the coverage; all features 3 % narrower than a
# dozen, a fifth of them a tree no worse than all; more trees or fits, no gain.
PARAMETERS: Mapping[str, Any] = {
    "learning_rate": 0.08,
    "depth": 6,
    "l2_leaf_reg": 10.0,
    "rsm": 0.2,
}
EXPECTED, FROM_MSRP = "price_expected", "price_from_msrp"

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Scale:
    """How far off prices usually are: a CatBoost model of the logarithm of the residual.

    ``names`` are those of the matrix's columns that it reads, ``places`` where they stand;
    beside them it reads the price itself and how far that lies from what such cars and such
    list prices usually ask. Codes, whose order means nothing, are left out.
    """

    model: Any
    names: tuple[str, ...]
    places: NDArray[np.intp]
    trees: ObliviousTrees | None = None

    @classmethod
    def fit(
        cls,
        features: Block,
        names: Sequence[str],
        residual: Floats,
        predicted: Floats,
        *,
        coverage: float,
        seed: int,
        threads: int,
    ) -> Scale:
        """Learn from prices of rows that the regressor had not seen.

        Parameters
        ----------
        features
            float32 (rows, features).
        residual
            Absolute residual of the log price, (rows,).
        predicted
            Prices, (rows,).
        """
        import catboost

        wanted = tuple(name for name in names if not name.startswith((CODE, WORD)))
        scale = cls.reading(None, wanted, names)
        model: Any = catboost.CatBoost(
            {
                **PARAMETERS,
                "iterations": min(TREES, max(1, len(features) // ROWS_A_TREE)),
                "loss_function": f"Quantile:alpha={(1 + coverage) / 2:g}",
                "random_seed": seed,
                "thread_count": threads,
                "allow_writing_files": False,
            }
        )
        table = scale.inputs(features, predicted)
        model.fit(catboost.Pool(table, np.log(residual + FLOOR)), verbose=False)
        return cls(model, wanted, scale.places)

    @classmethod
    def reading(cls, model: Any, wanted: Sequence[str], names: Sequence[str]) -> Scale:
        """The scale that reads ``wanted`` from matrices whose columns are called ``names``.

        Raises
        ------
        UserError
            For a feature that is not among ``names``.
        """
        places = {name: place for place, name in enumerate(names)}
        if missing := [name for name in wanted if name not in places]:
            raise UserError(f"ranges: fitted on the feature {missing[0]!r}, which is not there")
        trees = None if model is None else ObliviousTrees.of(model)
        at = np.array([places[name] for name in wanted], np.intp)
        return cls(model, tuple(wanted), at, trees)

    def of(self, features: Block, predicted: Floats) -> Floats:
        """The scale of each row, (rows,), for the whole matrix and its prices."""
        logs = run_catboost(self.model, self.inputs(features, predicted), self.trees)
        return np.exp(SHARPNESS * logs)

    def inputs(self, features: Block, predicted: Floats) -> Block:
        """What the model reads, float32 (rows, columns)."""
        log_price = np.log(predicted)
        estimates = [features[:, at].astype(np.float64) for at in self._estimates]
        parts = [log_price, *(log_price - estimate for estimate in estimates)]
        if len(estimates) > 1:
            parts.append(np.abs(estimates[0] - estimates[1]))
        table = np.empty((len(features), len(self.places) + len(parts)), np.float32)
        table[:, : len(self.places)] = features.take(self.places, axis=1)
        for at, part in enumerate(parts, len(self.places)):
            table[:, at] = part
        return table

    @cached_property
    def _estimates(self) -> list[int]:
        """Columns of the two usual prices, where the matrix has them."""
        wanted = [name for name in (EXPECTED, FROM_MSRP) if name in self.names]
        return [int(self.places[self.names.index(name)]) for name in wanted]


@dataclass(frozen=True)
class Ranges:
    """Ends of a range from a price: price × exp(∓ quantile × scale).

    Attributes
    ----------
    coverage
        Share of cars whose asking price lies within the range.
    quantiles
        Stock type to the quantile of residual over scale; the empty text for all others.
    """

    scale: Scale
    coverage: float
    quantiles: Mapping[str, float]

    def ends(
        self, features: Block, stock_type: Sequence[str] | NDArray[Any], price: Floats
    ) -> tuple[Floats, Floats]:
        """Low and high of each row, (rows,), around its price; NaN where the price is."""
        other = self.quantiles[ALL]
        quantile = np.array([self.quantiles.get(kind, other) for kind in stock_type], np.float64)
        reach = np.minimum(quantile * self.scale.of(features, price), REACH)
        return price * np.exp(-reach), price * np.exp(reach)

    def save(self, folder: Path) -> None:
        """Write ``range/`` below ``folder``."""
        below = folder / FOLDER
        below.mkdir()
        save_catboost(self.scale.model, below / MODEL)
        head = {
            "format": FORMAT,
            "coverage": self.coverage,
            "quantiles": dict(self.quantiles),
            "feature_names": list(self.scale.names),
        }
        (below / HEAD).write_bytes(canonical_json(head))

    @staticmethod
    def features(folder: Path) -> tuple[str, ...]:
        """The features that the ranges in ``folder`` read; none where it has no ranges."""
        return tuple((_head(folder) or {}).get("feature_names", ()))

    @classmethod
    def load(cls, folder: Path, names: Sequence[str]) -> Ranges | None:
        """The ranges of the serving form in ``folder``, or None where it has none.

        Raises
        ------
        UserError
            Where they are of another format, malformed, or fitted on a feature that is not
            among ``names``.
        """
        below = folder / FOLDER
        table = _head(folder)
        if table is None:
            return None
        if table.get("format") != FORMAT:
            raise UserError(f"{below / HEAD}: not of format {FORMAT}, which this program reads")
        try:
            coverage = float(table["coverage"])
            quantiles = {str(kind): float(value) for kind, value in table["quantiles"].items()}
            wanted = tuple(table["feature_names"])
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise UserError(f"{below / HEAD}: malformed: {error}") from error
        sound = all(math.isfinite(each) and each > 0 for each in quantiles.values())
        if not (0 < coverage < 1 and ALL in quantiles and sound):
            raise UserError(f"{below / HEAD}: malformed: coverage or quantiles")
        scale = Scale.reading(load_catboost(below / MODEL), wanted, names)
        return cls(scale, coverage, quantiles)


def _head(folder: Path) -> dict[str, Any] | None:
    below = folder / FOLDER
    return cast("dict[str, Any]", read_json(below / HEAD)) if below.is_dir() else None


def conformal(
    residual: Floats, scale: Floats, stock_type: NDArray[Any], coverage: float
) -> dict[str, float]:
    """Quantiles of residual over scale for each stock type with enough cars, and for all.

    The k-th smallest of n ratios, k = ceil((n + 1) coverage), and the largest where k is beyond
    n: few cars give the widest range that was seen. There must be one car at least.
    """
    ratio = residual / scale
    quantiles = {ALL: _quantile(ratio, coverage)}
    for kind in sorted(set(stock_type.tolist()) - {ALL}):
        own = ratio[stock_type == kind]
        if len(own) >= LEAST_GROUP:
            quantiles[kind] = _quantile(own, coverage)
    return quantiles


def _quantile(ratio: Floats, coverage: float) -> float:
    rank = min(math.ceil((len(ratio) + 1) * coverage), len(ratio))
    return max(float(np.sort(ratio)[rank - 1]), FLOOR)
