"""What a decision stands on: the scorecards of two releases, and what is known of their data.

Plain figures, None or NaN where one could not be had; the rules refuse what is not known.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, TypeAlias

Figure: TypeAlias = float | None


@dataclass(frozen=True)
class Coverage:
    """How many asking prices lie within their range.

    Attributes
    ----------
    stated
        The share that the ranges are made for.
    share
        The share of all cars judged.
    by_stock_type
        Stock type ('' for unknown) to rows and share. Together they are all rows.
    calibrated
        Cars that the ranges were calibrated on; None where the release does not say.
    """

    stated: Figure
    share: Figure
    by_stock_type: Mapping[str, tuple[int, Figure]]
    calibrated: int | None = None


@dataclass(frozen=True)
class Scorecard:
    """What one release shows on a hold-out; None or NaN where a figure could not be had.

    Attributes
    ----------
    market
        The market's name.
    holdout_hash
        Hash of the vehicles and prices judged on.
    rows
        Cars judged.
    r2, mae, naive_mae
        R2 and mean absolute error of the price, and the naive valuation's error.
    by_stock_type
        Stock type ('' for unknown) to rows, MAE, naive MAE. Together they are all rows.
    by_make
        Make to rows and MAE. Together they are all rows.
    behaviour
        Share of cars that break ``mileage``, ``year`` and ``new``, 0 to 1.
    coverage
        Of the ranges; None where the release gives none.
    serving_differences
        Regressor to the greatest relative difference between it and its serving form, for each
        that the release carries.
    golden_ok
        Whether the golden cases were replayed with the prices expected.
    evidence
        Of a challenger: what is known of its data and of the comparison.
    """

    market: str
    holdout_hash: str
    rows: int | None
    r2: Figure
    mae: Figure
    naive_mae: Figure
    by_stock_type: Mapping[str, tuple[int, Figure, Figure]]
    by_make: Mapping[str, tuple[int, Figure]]
    behaviour: Mapping[str, Figure] = field(default_factory=dict[str, Figure])
    coverage: Coverage | None = None
    serving_differences: Mapping[str, Figure] = field(default_factory=dict[str, Figure])
    golden_ok: bool | None = None
    evidence: Evidence | None = None

    def to_json(self) -> dict[str, Any]:
        """JSON of all figures; NaN becomes null."""
        return jsonable(asdict(self))


@dataclass(frozen=True)
class Evidence:
    """What is known of a challenger besides its figures.

    Attributes
    ----------
    checks
        ``asset:check`` to whether it passed where the challenger's data and features were made;
        None where there is no record of it.
    data_age_days
        Days from the last observation learned from to the day of the decision.
    judgements
        Challengers judged on this hold-out, this one among them.
    chance
        Share of the resamples of the hold-out's vehicles in which the challenger is not better
        than the champion by the margin asked for.
    fresh_rows
        Hold-out cars newer than the data of both releases.
    fresh
        Both scored on those; None where there are too few to decide.
    """

    checks: Mapping[str, bool | None] = field(default_factory=dict[str, bool | None])
    data_age_days: Figure = None
    judgements: int | None = None
    chance: Figure = None
    fresh_rows: int | None = None
    fresh: Fresh | None = None


@dataclass(frozen=True)
class Fresh:
    """Challenger and champion on the cars newer than both, and ``chance`` on those."""

    challenger: Scorecard
    champion: Scorecard
    chance: Figure


def within(value: Any, low: float = -math.inf, high: float = math.inf) -> Figure:
    """The value as a float where it is a finite number in the range, else None."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    number = float(value)
    return number if math.isfinite(number) and low <= number <= high else None


def jsonable(value: Any) -> Any:
    """``value`` in JSON types; what is not finite becomes None."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {str(key): jsonable(each) for key, each in value.items()}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    if isinstance(value, list | tuple):
        return [jsonable(each) for each in value]  # pyright: ignore[reportUnknownVariableType]
    return value
