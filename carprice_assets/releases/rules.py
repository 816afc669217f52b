"""The promotion rules: whether a challenger may serve, with a reason for every rule.

A rule is *absolute* where it holds without a champion, and so is every rule that cannot be
judged because a figure is missing, NaN, out of range or of another market or hold-out. What
remains is relative: the champion is better, which is a normal end of a training.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, TypeAlias

from carprice_assets.markets.market import PromotionRules

Figure: TypeAlias = float | None
TOLERANCE = 1e-6
"""Relative difference that rounding may make between a total and its slices."""

BEHAVIOUR = ("mileage", "year", "new")


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
    serving_difference
        Greatest relative difference between the regressor and its serving form.
    golden_ok
        Whether the golden cases were replayed with the prices expected.
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
    serving_difference: Figure = None
    golden_ok: bool | None = None

    def to_json(self) -> dict[str, Any]:
        """JSON of all figures; NaN becomes null."""
        return _jsonable(asdict(self))


@dataclass(frozen=True)
class Reason:
    """One rule's outcome: ``figure`` against ``limit``, told in ``message``."""

    rule: str
    passed: bool
    absolute: bool
    figure: Figure
    limit: Figure
    message: str


@dataclass(frozen=True)
class Decision:
    """Whether a challenger serves; ``reasons`` holds every rule, passed or not."""

    status: Literal["promoted", "refused"]
    reasons: tuple[Reason, ...]

    @property
    def failed(self) -> tuple[Reason, ...]:
        """The reasons of a refusal."""
        return tuple(reason for reason in self.reasons if not reason.passed)

    @property
    def absolute_broken(self) -> bool:
        """True where an absolute rule is broken or cannot be judged.

        A refusal without it means that the champion is simply still better.
        """
        return any(reason.absolute for reason in self.failed)

    @property
    def line(self) -> str:
        """The decision in one line."""
        if not self.failed:
            return f"{self.status}: all {len(self.reasons)} rules hold"
        return f"{self.status}: " + "; ".join(reason.message for reason in self.failed)

    def to_json(self) -> dict[str, Any]:
        """JSON for the ledger; NaN becomes null."""
        reasons = [_jsonable(asdict(reason)) for reason in self.reasons]
        return {"status": self.status, "reasons": reasons}


def decide(challenger: Scorecard, champion: Scorecard | None, rules: PromotionRules) -> Decision:
    """Judge ``challenger`` by ``rules``, and against ``champion`` where one serves.

    Both scorecards must come from the same hold-out vehicles, none of them in either's
    training. Pure: the same figures give the same decision.
    """
    reasons = list(_absolute(challenger, rules))
    if champion is not None:
        reasons += _comparable(challenger, champion)
        reasons += _relative(challenger, champion, rules)
    passed = all(reason.passed for reason in reasons)
    return Decision("promoted" if passed else "refused", tuple(reasons))


def unjudged(problem: str) -> Decision:
    """The refusal of a release that has no scorecard, such as one that cannot be loaded."""
    return Decision("refused", (Reason("judged", False, True, None, None, problem),))


def _absolute(card: Scorecard, rules: PromotionRules) -> Iterator[Reason]:
    named = bool(card.market) and bool(card.holdout_hash)
    told = "market and hold-out are " + ("stated" if named else "not both stated")
    yield Reason("named", named, True, None, None, told)
    yield _at_least("holdout_rows", "cars in the hold-out", card.rows, rules.min_holdout)
    yield _slices_add_up("challenger", card)
    yield _at_least("r2", "R2", _within(card.r2, high=1.0), rules.min_r2)
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
        share = _within(card.behaviour.get(key), low=0.0, high=1.0)
        yield _at_most(f"behaviour:{key}", f"share of cars that break '{key}'", share, limit)
    difference = _within(card.serving_difference, low=0.0)
    limit = rules.max_serving_difference
    yield _at_most("serving_form", "difference of the serving form", difference, limit)
    golden = card.golden_ok is True
    told = "hold" if golden else "do not hold or were not replayed"
    yield Reason("golden_cases", golden, True, None, None, f"golden cases {told}")


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
        f"MAE {_told(card.mae)} against the champion's {_told(champion.mae)}, must be lower"
        f" by {rules.min_improvement:.1%} at least"
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


def _add_up(slices: Mapping[str, tuple[int, Figure]], rows: int | None, mae: Figure) -> bool:
    total = _within(mae, low=0.0)
    if type(rows) is not int or total is None:
        return False
    sum_rows, sum_error = 0, 0.0
    for count, value in slices.values():
        known = _within(value, low=0.0)
        if type(count) is not int or count <= 0 or known is None:
            return False
        sum_rows += count
        sum_error += count * known
    return sum_rows == rows and math.isclose(sum_error, rows * total, rel_tol=TOLERANCE)


def _naive(name: str, mae: Figure, naive_mae: Figure, rules: PromotionRules) -> Reason:
    error, naive = _within(mae, low=0.0), _within(naive_mae, low=0.0)
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
    known = _within(figure)
    passed = known is not None and holds(known)
    told = f"{what}: {_told(known)}, must be {word} {limit:g}"
    return Reason(rule, passed, True, known, limit, told)


def _judged(rows: int, least: int) -> bool:
    """Large enough to be judged; a slice of unknown size is judged, and fails."""
    return type(rows) is not int or rows >= least


def _gain(mae: Figure, other: Figure) -> Figure:
    """Relative MAE gain over ``other``; None where either is unknown or absurd."""
    error, reference = _within(mae, low=0.0), _within(other, low=0.0)
    if error is None or reference is None:
        return None
    if reference == 0.0:
        return 0.0 if error == 0.0 else -math.inf
    return 1.0 - error / reference


def _within(value: Any, low: float = -math.inf, high: float = math.inf) -> Figure:
    """The value as a float where it is a finite number in the range, else None."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    number = float(value)
    return number if math.isfinite(number) and low <= number <= high else None


def _counts(slices: Mapping[str, tuple[Any, ...]]) -> dict[str, int]:
    return {name: values[0] for name, values in slices.items()}


def _told(figure: Figure) -> str:
    known = _within(figure)
    return "missing" if known is None else f"{known:,.6g}"


def _jsonable(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {str(key): _jsonable(each) for key, each in value.items()}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    if isinstance(value, list | tuple):
        return [_jsonable(each) for each in value]  # pyright: ignore[reportUnknownVariableType]
    return value
