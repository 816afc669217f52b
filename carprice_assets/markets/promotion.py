"""The limits of the gate, as the table ``[promotion]`` of a market states them."""

from __future__ import annotations

from dataclasses import dataclass

from carprice_assets.errors import UserError

APPROVALS = ("automatic", "manual")


@dataclass(frozen=True)
class PromotionRules:
    """Limits of the gate. Absolute rules hold always, the others where a champion serves.

    Attributes
    ----------
    min_r2
        R2 on the whole hold-out, at least.
    max_naive_ratio
        MAE over the naive valuation's MAE, for every stock type that can be judged, at most.
    min_holdout
        Hold-out cars, at least; fewer cannot be judged.
    min_stock_type
        Cars of one stock type in the hold-out from which that type is judged.
    min_improvement
        Relative MAE gain over the champion on the same vehicles, at least.
    max_slice_loss
        Relative MAE by which one stock type or large make may be worse than the champion's.
    min_make
        Cars of one make in the hold-out from which that make is judged.
    max_mileage_violations, max_year_violations, max_new_violations
        Share of cars whose price rises with more mileage, rises with one year more of age, or
        is lower as New than as Used, at most. The defaults leave room above what ordered prices
        show on real listings (0.6 %, 1.9 %, 0 %).
    max_coverage_error, max_stock_type_coverage_error
        How far the share of hold-out prices within their range may be from the share that the
        ranges are made for, over all cars and for each stock type that can be judged; three
        standard errors come on top, of the cars judged and of those calibrated on.
    max_serving_difference
        Relative difference between a regressor and its serving form, at most.
    max_chance
        Share of the resamples of the hold-out in which the challenger is not better than the
        champion by ``min_improvement``, at most.
    min_fresh
        Hold-out cars newer than the data of both releases from which on those decide.
    max_judgements
        Challengers judged on one and the same hold-out, at most: who picks the best of many by
        the hold-out has learned from it.
    max_data_age_days
        Days from the last observation learned from to the decision, at most. The default lets
        files of past years be learned from; a market that prices today's cars wants weeks.
    approval
        ``automatic``, or ``manual``: a challenger that passes waits for `releases approve`.
    approval_days
        Days after which a wait for approval ends.
    """

    min_r2: float = 0.90
    max_naive_ratio: float = 0.90
    min_holdout: int = 100
    min_stock_type: int = 50
    min_improvement: float = 0.0
    max_slice_loss: float = 0.05
    min_make: int = 300
    max_mileage_violations: float = 0.05
    max_year_violations: float = 0.05
    max_new_violations: float = 0.05
    max_coverage_error: float = 0.02
    max_stock_type_coverage_error: float = 0.04
    max_serving_difference: float = 1e-4
    max_chance: float = 0.05
    min_fresh: int = 300
    max_judgements: int = 20
    max_data_age_days: int = 3_650
    approval: str = "automatic"
    approval_days: int = 14


_NOT_BELOW_0 = (
    "max_naive_ratio",
    "min_improvement",
    "max_slice_loss",
    "max_mileage_violations",
    "max_year_violations",
    "max_new_violations",
    "max_coverage_error",
    "max_stock_type_coverage_error",
    "max_serving_difference",
)


def check_promotion(where: str, rules: PromotionRules) -> None:
    """Refuse limits that cannot be meant.

    Raises
    ------
    UserError
        Naming the key.
    """
    if rules.approval not in APPROVALS:
        raise UserError(
            f"{where}: promotion.approval must be {' or '.join(map(repr, APPROVALS))}, got"
            f" {rules.approval!r}"
        )
    for name in ("approval_days", "max_judgements", "min_fresh"):
        if getattr(rules, name) < 1:
            raise UserError(f"{where}: promotion.{name} must be 1 or more")
    if rules.min_r2 >= 1:
        raise UserError(f"{where}: promotion.min_r2 must be below 1")
    for name in _NOT_BELOW_0:
        if getattr(rules, name) < 0:
            raise UserError(f"{where}: promotion.{name} must be 0 or more")
    if not 0 < rules.max_chance < 1:
        raise UserError(f"{where}: promotion.max_chance must be above 0 and below 1")
