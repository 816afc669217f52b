"""Scoring a release on a file of listings with prices, by the rules of cleaning."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from carprice_assets.errors import UserError
from carprice_assets.evaluation.behaviour import features_of
from carprice_assets.evaluation.scoring import ScoreTable, score
from carprice_assets.listings.contract import Columns, days
from carprice_assets.listings.declared import declared_alike
from carprice_assets.listings.unstored import clean_file
from carprice_assets.markets import Market
from carprice_assets.releases.valuer import Valuer
from carprice_assets.releases.vehicles import vehicle_hashes


def backtest(
    valuer: Valuer,
    market: Market,
    file: Path,
    file_format: str,
    scraped_at: date | None,
    *,
    known_vehicles: Mapping[str, tuple[str, ...]],
    regressor: str | None = None,
) -> ScoreTable:
    """Value every acceptable listing of ``file`` and compare with its price.

    Days after the release's last observation are clamped to it, as in serving. A file without
    dates is taken as seen on that day unless ``scraped_at`` says otherwise.

    Parameters
    ----------
    known_vehicles
        Listing id and VIN to the vehicles that the warehouse knows them as, for telling which
        rows the release learned from; what it does not know names itself.

    Raises
    ------
    UserError
        Where the file cannot be read, or no row of it can be scored.
    """
    day = scraped_at or valuer.last_observed
    cleaned = clean_file(market, file_format, file, day)
    columns = dict(cleaned.columns)
    if not len(columns["price"]):
        reasons = ", ".join(f"{code} {rows:,}" for code, rows in cleaned.reasons.items())
        raise UserError(f"{file}: no row can be scored: {reasons}")
    clamped = np.minimum(columns["observed_at"], days(valuer.last_observed))
    columns["observed_at"] = clamped
    features = declared_alike(features_of(columns), market.features, valuer.features)
    predictor = valuer.engine.predictor(regressor)
    predicted, low, high = predictor.ranges(features)
    learned = _learned(valuer, columns, known_vehicles)
    told = _ranges_line(predictor.coverage, columns["price"], predicted, low, high, ~learned)
    unsupported = int((predictor.unsupported(features) & ~learned).sum())
    return score(
        columns["price"],
        predicted,
        columns["stock_type"],
        learned,
        currency=valuer.currency,
        rejected={**cleaned.reasons, "superseded": cleaned.superseded},
        notes={
            "file": file.name,
            "market": market.name,
            "release": valuer.release_id,
            "regressor": regressor or valuer.champion,
            "rows": cleaned.read,
            "ranges": told,
            "unsupported": f"{unsupported:,} of the cars scored: served no price",
            "undated rows": f"as of {day.isoformat()}"
            + ("" if scraped_at else ", the release's last observation"),
        },
    )


def _ranges_line(
    coverage: float | None,
    price: NDArray[np.float64],
    predicted: NDArray[np.float64],
    low: NDArray[np.float64],
    high: NDArray[np.float64],
    rows: NDArray[np.bool_],
) -> str:
    """How many of the prices in ``rows`` lie within their ranges, and how wide these are."""
    if coverage is None or not rows.any():
        return "none"
    within = float(np.mean((low <= price)[rows] & (price <= high)[rows]))
    width = float(np.median(((high - low) / predicted)[rows]))
    return f"{within:.1%} of prices within, {coverage:.0%} stated, median width {width:.1%}"


def _learned(
    valuer: Valuer, columns: Columns, known_vehicles: Mapping[str, tuple[str, ...]]
) -> NDArray[np.bool_]:
    """Rows whose vehicle, by listing id or VIN, the release learned from."""
    rows: list[int] = []
    names: list[str] = []
    for key in ("listing_id", "vin"):
        for row, text in enumerate(columns[key]):
            called = known_vehicles.get(text, (text,)) if text else ()
            rows += [row] * len(called)
            names += called
    hashes = vehicle_hashes(valuer.head.data["salt"], names)
    mask = np.zeros(len(columns["price"]), np.bool_)
    mask[np.array(rows, np.intp)[np.isin(hashes, valuer.vehicles())]] = True
    return mask
