"""What turns a regressor's prices into answers: the order guard and the ranges, fitted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from carprice_assets.features.feature_set import FeatureSet
from carprice_assets.listings.contract import row_count, text_array
from carprice_assets.listings.dataset import read_side
from carprice_assets.regressors.base import Progress, Side
from carprice_assets.regressors.order import Order
from carprice_assets.regressors.predictor import Predictor
from carprice_assets.regressors.ranges import Ranges, Scale, conformal
from carprice_assets.regressors.serving import load_serving_form


def fit_answering(
    serving: Path,
    *,
    dataset: Path,
    features: Path,
    unseen: Side,
    predicted: NDArray[np.float64],
    coverage: float,
    seed: int,
    threads: int,
    progress: Progress,
) -> None:
    """Write ``order.json`` and ``range/`` beside the serving form in ``serving``.

    The order guard learns its limits from the training side, the scale of the ranges from
    prices that the regressor gave to rows it had not seen, and their quantiles from the
    calibration side, in order, as it will be answered.

    Parameters
    ----------
    dataset, features
        Folders of the dataset and of the saved feature set.
    unseen, predicted
        Encoded rows and the prices that a fit without them gave, (rows,).
    coverage
        Share of asking prices that the ranges shall hold.

    Raises
    ------
    UserError
        Where the training side has no model year.
    """
    order = Order.of(read_side(dataset, "train"))
    order.save(serving)
    feature_set = FeatureSet.load(features)
    names = feature_set.feature_names
    residual = np.abs(np.log(unseen.price) - np.log(predicted))
    scale = Scale.fit(
        unseen.features,
        names,
        residual,
        predicted,
        coverage=coverage,
        seed=seed,
        threads=threads,
    )
    predictor = Predictor(feature_set, load_serving_form(serving, names), order)
    cars = read_side(dataset, "calibration")
    price, scales = np.empty(0), np.empty(0)
    for block, part in predictor.priced(cars):
        price, scales = np.append(price, part), np.append(scales, scale.of(block, part))
    off, kinds = np.abs(np.log(cars["price"]) - np.log(price)), cars["stock_type"]
    if not len(off):  # a market so small that no car fell to calibration
        off, scales = residual, scale.of(unseen.features, predicted)
        kinds = text_array([""] * len(off))
    quantiles = conformal(off, scales, kinds, coverage)
    Ranges(scale, coverage, quantiles).save(serving)
    told = ", ".join(f"{kind or 'all'} {value:.2f}" for kind, value in quantiles.items())
    progress(f"ranges of {coverage:.0%} from {row_count(cars):,} calibration cars: {told}")
