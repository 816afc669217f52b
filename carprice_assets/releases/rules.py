"""The promotion rules: whether a challenger may serve, with a reason for every rule.

A rule is *absolute* where it holds without a champion, and so is every rule that cannot be
judged because a figure is missing, NaN, out of range or of another market or hold-out. What
remains is relative: the champion is better, which is a normal end of a training.

``docs/promotion-rules.md`` has a row for each of :data:`RULES`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from carprice_assets.markets.market import PromotionRules
from carprice_assets.releases.decision import Decision, Reason, unjudged
from carprice_assets.releases.facts import (
    Coverage,
    Evidence,
    Figure,
    Fresh,
    Scorecard,
    jsonable,
    within,
)

RULES: Mapping[str, str] = {
    "judged": "the challenger can be loaded and scored",
    "named": "market and hold-out are stated",
    "holdout_rows": "enough hold-out cars to judge",
    "consistent": "stock types, makes and coverage add up to the whole",
    "r2": "R2 of the price",
    "naive": "error against the naive valuation's, overall and for each stock type",
    "behaviour": "prices move the right way with mileage, age and New",
    "coverage": "ranges hold the share that they state, overall and for each stock type",
    "serving_form": "each carried regressor prices as its serving form does",
    "golden_cases": "the golden cases give their prices again",
    "checks": "leak and drift checks of the data and features passed",
    "data_age": "the data is not too old",
    "judgements": "the hold-out has not been judged on too often",
    "same_market": "champion and challenger are of one market",
    "same_holdout": "champion and challenger were scored on the same cars",
    "fresh": "cars newer than both releases' data decide where there are enough",
    "improvement": "lower error than the champion's",
    "significance": "the improvement is not chance",
    "slice_loss": "no stock type and no large make is much worse",
}
"""Every rule and what it asks; a reason's name begins with one of these."""

REQUIRED_CHECKS = (
    "raw_listings:layout_drift",
    "raw_listings:crawl_whole",
    "dataset:no_leakage",
    "feature_set:no_price_leak",
    "feature_set:encoders_learned_from_training_alone",
)
"""Checks, as ``asset:check``, that must have passed where the challenger's parts were made."""

TOLERANCE = 1e-6
"""Relative difference that rounding may make between a total and its slices."""

SAMPLING_ERRORS = 3.0
"""Standard errors of a coverage that are no news: its limit is wider by so many."""

BEHAVIOUR = ("mileage", "year", "new")


def decide(challenger: Scorecard, champion: Scorecard | None, rules: PromotionRules) -> Decision:
    """Judge ``challenger`` by ``rules``, and against ``champion`` where one serves.

    Both scorecards must come from the same hold-out vehicles, none of them in either's
    training. Pure: the same figures give the same decision.
    """
    reasons = [*fit_reasons(challenger, rules), *_known(challenger.evidence, rules)]
    if champion is not None:
        reasons += _against(challenger, champion, challenger.evidence or Evidence(), rules)
    passed = all(reason.passed for reason in reasons)
    return Decision("promoted" if passed else "refused", tuple(reasons))


def fit_reasons(card: Scorecard, rules: PromotionRules) -> Iterator[Reason]:
    """The absolute rules that a regressor can be judged by alone."""
    named = bool(card.market) and bool(card.holdout_hash)
    told = "market and hold-out are " + ("stated" if named else "not both stated")
    yield Reason("named", named, True, None, None, told)
    yield _at_least("holdout_rows", "cars in the hold-out", card.rows, rules.min_holdout)
    yield _slices_add_up("challenger", card)
    yield _at_least("r2", "R2", within(card.r2, high=1.0), rules.min_r2)
    yield _naive("all", card.mae, card.naive_mae, rules)
    for name, (rows, mae, naive_mae) in sorted(card.by_stock_type.items()):
        if _judged(rows, rules.min_stock_type):
            yield _naive(name or "unknown", mae, naive_mae, rules)
    limits = (
        rules.max_mileage_violations,
        rules.max_year_violations,
        rules.max_new_violations,
    )
    for key, limit in zip(BEHAVIOUR, limits, strict=True):
        share = within(card.behaviour.get(key), low=0.0, high=1.0)
        yield _at_most(f"behaviour:{key}", f"share of cars that break '{key}'", share, limit)
    yield from _coverage(card, rules)
    yield from _serving_forms(card.serving_differences, rules)
    golden = card.golden_ok is True
    told = "hold" if golden else "do not hold or were not replayed"
    yield Reason("golden_cases", golden, True, None, None, f"golden cases {told}")


def _coverage(card: Scorecard, rules: PromotionRules) -> Iterator[Reason]:
    found = card.coverage or Coverage(None, None, {})
    whole = _shares_add_up(found, card)
    told = "add up to the whole" if whole else "do not add up to the whole, or are missing"
    yield Reason("consistent:coverage", whole, True, None, None, f"the coverages {told}")
    # Ranges learn how wide to be from so many cars for each that they are judged on.
    calibrated, rows = _count(found.calibrated), _count(card.rows)
    ratio = calibrated / rows if calibrated and rows else None
    limit = rules.max_coverage_error
    yield _covered("all", found.stated, card.rows, found.share, limit, ratio)
    limit = rules.max_stock_type_coverage_error
    for name, (rows, share) in sorted(found.by_stock_type.items()):
        if _judged(rows, rules.min_stock_type):
            yield _covered(name or "unknown", found.stated, rows, share, limit, ratio)


def _covered(
    name: str, stated: Figure, rows: int | None, share: Figure, limit: float, ratio: Figure
) -> Reason:
    """Coverage within ``limit`` and :data:`SAMPLING_ERRORS` of what is stated.

    A standard error is that of a share of the cars judged, and of as many as ``ratio`` times
    those that the ranges were calibrated on: a conformal range of few cars is off by chance too.
    """
    wanted, found = within(stated, low=0.0, high=1.0), within(share, low=0.0, high=1.0)
    count = _count(rows)
    off, allowed = None, limit
    if wanted is not None and count is not None:
        cars = 1 / count + (1 / (ratio * count) if ratio else 0.0)
        allowed = limit + SAMPLING_ERRORS * math.sqrt(wanted * (1 - wanted) * cars)
        off = None if found is None else abs(found - wanted)
    passed = off is not None and off <= allowed
    told = (
        f"coverage of the ranges, {name}: {_told(found)} of {_told(count)} cars, must be"
        f" {_told(wanted)} within {allowed:.3f}"
    )
    return Reason(f"coverage:{name}", passed, True, off, allowed, told)


def _serving_forms(differences: Mapping[str, Figure], rules: PromotionRules) -> Iterator[Reason]:
    limit = rules.max_serving_difference
    for name, value in sorted(differences.items()) or [("none", None)]:
        what = f"difference of the serving form of {name}"
        yield _at_most(f"serving_form:{name}", what, within(value, low=0.0), limit)


def _known(evidence: Evidence | None, rules: PromotionRules) -> Iterator[Reason]:
    """The rules on data, checks and hold-out; whatever is not known fails."""
    known = evidence or Evidence()
    for name in sorted({*REQUIRED_CHECKS, *known.checks}):
        passed = known.checks.get(name)
        told = "passed" if passed is True else "failed"
        if passed is None:
            asset = name.partition(":")[0]
            told = f"has no record for this release's data: materialize {asset} again"
        yield Reason(f"checks:{name}", passed is True, True, None, None, f"check {name} {told}")
    age = within(known.data_age_days)
    yield _at_most("data_age", "days since the last observation", age, rules.max_data_age_days)
    what = "challengers judged on this hold-out, this one included"
    yield _at_most("judgements", what, _count(known.judgements), rules.max_judgements)


def _against(
    card: Scorecard, champion: Scorecard, evidence: Evidence, rules: PromotionRules
) -> Iterator[Reason]:
    """The champion's part: on the cars newer than both where there are enough, else on all."""
    yield from _comparable(card, champion)
    rows, fresh = evidence.fresh_rows, evidence.fresh
    every = card.rows if type(card.rows) is int else 0
    count = rows if type(rows) is int and 0 <= rows <= every else None
    enough = count is not None and count >= rules.min_fresh
    usable = count is not None and (
        not enough or (fresh is not None and fresh.challenger.rows == rows)
    )
    told = f"hold-out cars newer than both releases' data: {_told(rows)}"
    told += f", from {rules.min_fresh:g} on they decide" if usable else ", not scored"
    yield Reason("fresh", usable, True, within(rows), rules.min_fresh, told)
    compared, chance = (card, champion), evidence.chance
    if enough and isinstance(fresh, Fresh):
        compared, chance = (fresh.challenger, fresh.champion), fresh.chance
        for reason in _comparable(*compared):
            yield replace(reason, rule=f"{reason.rule}:fresh")
    yield from _relative(*compared, rules)
    figure, limit = within(chance, low=0.0, high=1.0), rules.max_chance
    told = (
        f"chance that the improvement is none: {_told(figure)} of the resamples, must be at"
        f" most {limit:g}"
    )
    passed = figure is not None and figure <= limit
    yield Reason("significance", passed, figure is None, figure, limit, told)


def _comparable(challenger: Scorecard, champion: Scorecard) -> Iterator[Reason]:
    """What must agree before two scorecards may be compared: absolute rules all."""
    same = challenger.market == champion.market
    told = f"champion is of market {champion.market!r}, challenger of {challenger.market!r}"
    yield Reason("same_market", same, True, None, None, told)
    same = bool(champion.holdout_hash) and champion.holdout_hash == challenger.holdout_hash
    same = same and champion.rows == challenger.rows
    same = same and _counts(champion.by_stock_type) == _counts(challenger.by_stock_type)
    same = same and _counts(champion.by_make) == _counts(challenger.by_make)
    told = "is the same" if same else "differs"
    told = f"the hold-out that champion and challenger were scored on {told}"
    yield Reason("same_holdout", same, True, None, None, told)
    yield _slices_add_up("champion", champion)


def _relative(card: Scorecard, champion: Scorecard, rules: PromotionRules) -> Iterator[Reason]:
    gain = _gain(card.mae, champion.mae)
    known = gain is not None
    passed = known and gain > 0 and gain >= rules.min_improvement
    told = (
        f"MAE {_told(card.mae)} against the champion's {_told(champion.mae)} on"
        f" {_told(card.rows)} cars, must be lower by {rules.min_improvement:.1%} at least"
    )
    yield Reason("improvement", passed, not known, gain, rules.min_improvement, told)
    for name, (rows, mae, _) in sorted(card.by_stock_type.items()):
        if _judged(rows, rules.min_stock_type):
            other = champion.by_stock_type.get(name, (0, None, None))[1]
            yield _slice(f"stock type {name or 'unknown'}", mae, other, rules)
    for name, (rows, mae) in sorted(card.by_make.items()):
        if _judged(rows, rules.min_make):
            other = champion.by_make.get(name, (0, None))[1]
            yield _slice(f"make {name or 'unknown'}", mae, other, rules)


def _slice(name: str, mae: Figure, other: Figure, rules: PromotionRules) -> Reason:
    gain = _gain(mae, other)
    loss = None if gain is None else 0.0 - gain
    passed = loss is not None and loss <= rules.max_slice_loss
    told = (
        f"{name}: MAE {_told(mae)} against the champion's {_told(other)}, may be worse"
        f" by {rules.max_slice_loss:.1%} at most"
    )
    return Reason(f"slice_loss:{name}", passed, loss is None, loss, rules.max_slice_loss, told)


def _slices_add_up(whose: str, card: Scorecard) -> Reason:
    """Slices must be all rows with the same MAE: a slice left out would dodge its rule."""
    stock = {key: (rows, mae) for key, (rows, mae, _) in card.by_stock_type.items()}
    naive = {key: (rows, mae) for key, (rows, _, mae) in card.by_stock_type.items()}
    passed = (
        _add_up(stock, card.rows, card.mae)
        and _add_up(naive, card.rows, card.naive_mae)
        and _add_up(card.by_make, card.rows, card.mae)
    )
    told = "add up to the whole" if passed else "do not add up to the whole, or are missing"
    told = f"the {whose}'s stock types and makes {told}"
    return Reason(f"consistent:{whose}", passed, True, None, None, told)


def _shares_add_up(coverage: Coverage, card: Scorecard) -> bool:
    """Coverages of the stock types must be those of the same cars as the errors'."""
    same = _counts(coverage.by_stock_type) == _counts(card.by_stock_type)
    return same and _add_up(coverage.by_stock_type, card.rows, coverage.share)


def _add_up(slices: Mapping[str, tuple[int, Figure]], rows: int | None, mean: Figure) -> bool:
    total = within(mean, low=0.0)
    if type(rows) is not int or total is None:
        return False
    sum_rows, sum_values = 0, 0.0
    for count, value in slices.values():
        known = within(value, low=0.0)
        if type(count) is not int or count <= 0 or known is None:
            return False
        sum_rows += count
        sum_values += count * known
    return sum_rows == rows and math.isclose(sum_values, rows * total, rel_tol=TOLERANCE)


def _naive(name: str, mae: Figure, naive_mae: Figure, rules: PromotionRules) -> Reason:
    error, naive = within(mae, low=0.0), within(naive_mae, low=0.0)
    ratio = error / naive if error is not None and naive else None
    told = f"MAE over the naive valuation's, {name}"
    return _at_most(f"naive:{name}", told, ratio, rules.max_naive_ratio)


def _at_least(rule: str, what: str, figure: Figure, limit: float) -> Reason:
    return _absolute_reason(rule, what, figure, limit, "at least", lambda f: f >= limit)


def _at_most(rule: str, what: str, figure: Figure, limit: float) -> Reason:
    return _absolute_reason(rule, what, figure, limit, "at most", lambda f: f <= limit)


def _absolute_reason(  # the one place that makes these reasons
    rule: str, what: str, figure: Figure, limit: float, word: str, holds: Callable[[float], bool]
) -> Reason:
    known = within(figure)
    passed = known is not None and holds(known)
    told = f"{what}: {_told(known)}, must be {word} {limit:g}"
    return Reason(rule, passed, True, known, limit, told)


def _count(rows: Any) -> int | None:
    """A number of cars, where it is one."""
    return rows if type(rows) is int and rows > 0 else None


def _judged(rows: int, least: int) -> bool:
    """Large enough to be judged; a slice of unknown size is judged, and fails."""
    return type(rows) is not int or rows >= least


def _gain(mae: Figure, other: Figure) -> Figure:
    """Relative MAE gain over ``other``; None where either is unknown or absurd."""
    error, reference = within(mae, low=0.0), within(other, low=0.0)
    if error is None or reference is None:
        return None
    if reference == 0.0:
        return 0.0 if error == 0.0 else -math.inf
    return 1.0 - error / reference


def _counts(slices: Mapping[str, tuple[Any, ...]]) -> dict[str, int]:
    return {name: values[0] for name, values in slices.items()}


def _told(figure: Figure) -> str:
    known = within(figure)
    return "missing" if known is None else f"{known:,.6g}"


__all__ = [
    "REQUIRED_CHECKS",
    "RULES",
    "Coverage",
    "Decision",
    "Evidence",
    "Figure",
    "Fresh",
    "Reason",
    "Scorecard",
    "decide",
    "fit_reasons",
    "jsonable",
    "unjudged",
    "within",
]
