"""Nothing unknown ever passes: what is missing or not finite breaks an absolute rule."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest
from rules_kit import COVERED, KNOWN, LIMITS, NAN, Change, broken, card, known, newer

from carprice_assets.releases.rules import REQUIRED_CHECKS, Evidence, Scorecard, decide

UNKNOWN: dict[str, Change] = {
    "no market": lambda c: replace(c, market=""),
    "no hold-out": lambda c: replace(c, holdout_hash=""),
    "rows None": lambda c: replace(c, rows=None),
    "rows other": lambda c: replace(c, rows=999),
    "rows text": lambda c: replace(c, rows="1000"),  # type: ignore[arg-type]
    "r2 above 1": lambda c: replace(c, r2=1.01),
    "mae too low": lambda c: replace(c, mae=1.0),
    "no naive": lambda c: replace(c, naive_mae=0.0),
    "no stock types": lambda c: replace(c, by_stock_type={}),
    "no makes": lambda c: replace(c, by_make={}),
    "stock type left out": lambda c: replace(
        c, by_stock_type={k: v for k, v in c.by_stock_type.items() if k != "Used"}
    ),
    "make left out": lambda c: replace(c, by_make={"Kia": c.by_make["Kia"]}),
    "slice rows None": lambda c: replace(
        c,
        by_stock_type=dict(c.by_stock_type) | {"New": (None, 1.0, 2.0)},  # type: ignore[dict-item]
    ),
    "slice NaN": lambda c: replace(
        c, by_stock_type=dict(c.by_stock_type) | {"New": (400, NAN, 4000.0)}
    ),
    "small slice NaN": lambda c: replace(
        c, by_stock_type=dict(c.by_stock_type) | {"": (40, NAN, 3600.0)}
    ),
    "slice naive None": lambda c: replace(
        c, by_stock_type=dict(c.by_stock_type) | {"New": (400, 2000.0, None)}
    ),
    "make NaN": lambda c: replace(c, by_make=dict(c.by_make) | {"Honda": (320, NAN)}),
    "behaviour missing": lambda c: replace(c, behaviour={"mileage": 0.0, "year": 0.0}),
    "behaviour NaN": lambda c: replace(c, behaviour=dict(c.behaviour) | {"new": NAN}),
    "behaviour negative": lambda c: replace(c, behaviour=dict(c.behaviour) | {"year": -0.1}),
    "behaviour None": lambda c: replace(c, behaviour=dict(c.behaviour) | {"year": None}),
    "no serving form": lambda c: replace(c, serving_differences={}),
    "serving infinite": lambda c: replace(c, serving_differences={"catboost": math.inf}),
    "serving negative": lambda c: replace(c, serving_differences={"catboost": -1.0}),
    "one of two serving forms unknown": lambda c: replace(
        c, serving_differences={"catboost": 0.0, "ensemble": None}
    ),
    "no coverage": lambda c: replace(c, coverage=None),
    "coverage of NaN": lambda c: replace(c, coverage=replace(COVERED, share=NAN)),
    "coverage stated as nothing": lambda c: replace(c, coverage=replace(COVERED, stated=None)),
    "coverage above 1": lambda c: replace(c, coverage=replace(COVERED, share=1.2)),
    "coverage of other cars": lambda c: replace(
        c, coverage=replace(COVERED, by_stock_type={"New": (1000, 0.9)})
    ),
    "coverage of one stock type NaN": lambda c: replace(
        c, coverage=replace(COVERED, by_stock_type=dict(COVERED.by_stock_type) | {"": (40, NAN)})
    ),
    "coverage of a stock type left out": lambda c: replace(
        c, coverage=replace(COVERED, by_stock_type={"New": (400, 0.9), "Used": (560, 0.9)})
    ),
    "no evidence": lambda c: replace(c, evidence=None),
    "no checks": lambda c: replace(c, evidence=known(checks={})),
    "age None": lambda c: replace(c, evidence=known(data_age_days=None)),
    "age NaN": lambda c: replace(c, evidence=known(data_age_days=NAN)),
    "judgements None": lambda c: replace(c, evidence=known(judgements=None)),
    "judgements 0": lambda c: replace(c, evidence=known(judgements=0)),
    "judgements 1.5": lambda c: replace(c, evidence=known(judgements=1.5)),
    "golden None": lambda c: replace(c, golden_ok=None),
    "golden False": lambda c: replace(c, golden_ok=False),
    "golden 1": lambda c: replace(c, golden_ok=1),  # type: ignore[arg-type]
}
for _name in ("r2", "mae", "naive_mae"):
    for _value in (None, NAN, -math.inf, True, "0.95"):
        UNKNOWN[f"{_name} {_value!r}"] = lambda c, n=_name, v=_value: replace(c, **{n: v})
for _value in (None, NAN, True, "1e-7"):
    UNKNOWN[f"serving {_value!r}"] = lambda c, v=_value: replace(
        c, serving_differences={"catboost": v}
    )
for _name in REQUIRED_CHECKS:
    for _value in (None, False, 1):
        UNKNOWN[f"{_name} {_value!r}"] = lambda c, n=_name, v=_value: replace(
            c, evidence=known(checks=dict(KNOWN.checks) | {n: v})
        )


@pytest.mark.parametrize("case", UNKNOWN)
@pytest.mark.parametrize("champion", [None, card()], ids=["first", "with champion"])
def test_what_is_unknown_breaks_an_absolute_rule(case: str, champion: Scorecard | None) -> None:
    decision = decide(UNKNOWN[case](card(0.9)), champion, LIMITS)
    assert decision.status == "refused"
    assert decision.absolute_broken
    json.dumps(decision.to_json(), allow_nan=False)


OTHER_CHAMPION: dict[str, tuple[str, Change]] = {
    "market": ("same_market", lambda c: replace(c, market="practice")),
    "hold-out": ("same_holdout", lambda c: replace(c, holdout_hash="abd")),
    "no hold-out": ("same_holdout", lambda c: replace(c, holdout_hash="")),
    "rows": ("same_holdout", lambda c: replace(c, rows=999)),
    "stock types": ("same_holdout", lambda c: replace(c, by_stock_type={})),
    "makes": ("same_holdout", lambda c: replace(c, by_make={})),
    "mae None": ("improvement", lambda c: replace(c, mae=None)),
    "mae NaN": ("improvement", lambda c: replace(c, mae=NAN)),
    "mae too high": ("consistent:champion", lambda c: replace(c, mae=9e9)),
    "slice NaN": (
        "slice_loss:make Honda",
        lambda c: replace(c, by_make=dict(c.by_make) | {"Honda": (320, NAN)}),
    ),
}


@pytest.mark.parametrize("case", OTHER_CHAMPION)
def test_a_champion_that_cannot_be_compared_breaks_an_absolute_rule(case: str) -> None:
    rule, change = OTHER_CHAMPION[case]
    decision = decide(card(0.9), change(card()), LIMITS)
    assert decision.status == "refused"
    assert decision.absolute_broken
    assert rule in broken(decision)


NO_COMPARISON: dict[str, tuple[str, Evidence]] = {
    "no chance": ("significance", known(chance=None)),
    "chance NaN": ("significance", known(chance=NAN)),
    "chance above 1": ("significance", known(chance=1.5)),
    "fresh cars uncounted": ("fresh", known(fresh_rows=None)),
    "more fresh cars than cars": ("fresh", known(fresh_rows=1001)),
    "fresh cars not scored": ("fresh", known(fresh_rows=300)),
    "fresh cars of another count": ("fresh", replace(newer(0.9, 1.0), fresh_rows=999)),
    "fresh chance missing": ("significance", newer(0.9, 1.0, chance=None)),
    "fresh cars of two hold-outs": ("same_holdout:fresh", newer(0.9, 1.0, champion=card())),
    "fresh cars of two markets": (
        "same_market:fresh",
        newer(0.9, 1.0, champion=card(holdout_hash="f", market="practice")),
    ),
}


@pytest.mark.parametrize("case", NO_COMPARISON)
def test_a_comparison_that_is_not_known_breaks_an_absolute_rule(case: str) -> None:
    rule, evidence = NO_COMPARISON[case]
    decision = decide(card(0.9, evidence=evidence), card(), LIMITS)
    assert decision.absolute_broken
    assert rule in broken(decision)


def test_a_first_release_needs_no_comparison() -> None:
    evidence = known(chance=None, fresh_rows=None)
    assert decide(card(evidence=evidence), None, LIMITS).status == "promoted"


def test_scorecard_json_has_no_nan() -> None:
    table = json.loads(json.dumps(card(r2=NAN).to_json(), allow_nan=False))
    assert table["r2"] is None
    assert table["by_make"]["Honda"] == [320, 2400.0]
