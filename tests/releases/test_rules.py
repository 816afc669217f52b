"""Each promotion rule and each limit refuses what breaks it."""

from __future__ import annotations

import json
from dataclasses import fields, replace

import pytest
from rules_kit import KNOWN, LIMITS, NAN, broken, card, covered, known, moved_make, newer, shifted

from carprice_assets.markets.market import PromotionRules
from carprice_assets.releases.rules import RULES, Coverage, Decision, Scorecard, decide, unjudged


def test_a_good_challenger_is_promoted() -> None:
    decision = decide(card(), None, LIMITS)
    assert decision.status == "promoted"
    assert not decision.failed
    assert decide(card(0.9), card(), LIMITS).status == "promoted"
    assert "all" in decision.line


def _behaviour(key: str) -> dict[str, float]:
    return {"mileage": 0.0, "year": 0.0, "new": 0.0} | {key: 0.06}


# limit of PromotionRules: challenger, champion, rules, name of the rule, absolute
EACH_LIMIT: dict[str, tuple[Scorecard, Scorecard | None, PromotionRules, str, bool]] = {
    "min_r2": (card(r2=0.8999), None, LIMITS, "r2", True),
    "max_naive_ratio": (card(1.6), None, LIMITS, "naive:Used", True),
    "min_holdout": (card(), None, PromotionRules(min_holdout=1001), "holdout_rows", True),
    "min_stock_type": (card(), None, PromotionRules(min_stock_type=40), "naive:unknown", True),
    "min_improvement": (
        card(0.99),
        card(),
        PromotionRules(min_improvement=0.02),
        "improvement",
        False,
    ),
    "max_slice_loss": (
        shifted(card(0.9), "New", 320.0),
        card(),
        LIMITS,
        "slice_loss:stock type New",
        False,
    ),
    "min_make": (moved_make(card(0.9), 400.0), card(), LIMITS, "slice_loss:make Honda", False),
    "max_mileage_violations": (
        card(behaviour=_behaviour("mileage")),
        None,
        LIMITS,
        "behaviour:mileage",
        True,
    ),
    "max_year_violations": (
        card(behaviour=_behaviour("year")),
        None,
        LIMITS,
        "behaviour:year",
        True,
    ),
    "max_new_violations": (card(behaviour=_behaviour("new")), None, LIMITS, "behaviour:new", True),
    "max_coverage_error": (
        card(coverage=covered(New=0.84, Used=0.84)),
        None,
        LIMITS,
        "coverage:all",
        True,
    ),
    "max_stock_type_coverage_error": (
        card(coverage=covered(New=0.81, Used=0.96)),
        None,
        LIMITS,
        "coverage:New",
        True,
    ),
    "max_serving_difference": (
        card(serving_differences={"catboost": 1e-7, "ensemble": 2e-4}),
        None,
        LIMITS,
        "serving_form:ensemble",
        True,
    ),
    "max_chance": (
        card(0.9, evidence=known(chance=0.06)),
        card(),
        LIMITS,
        "significance",
        False,
    ),
    "min_fresh": (card(0.9, evidence=newer(1.1, 1.0)), card(), LIMITS, "improvement", False),
    "max_judgements": (card(evidence=known(judgements=21)), None, LIMITS, "judgements", True),
    "max_data_age_days": (
        card(evidence=known(data_age_days=31)),
        None,
        PromotionRules(max_data_age_days=30),
        "data_age",
        True,
    ),
}


SETTINGS = {"approval", "approval_days"}


"""Keys of the table that are no limits; what they do is tested with the approvals."""


def test_every_limit_of_a_market_has_a_case() -> None:
    assert set(EACH_LIMIT) == {field.name for field in fields(PromotionRules)} - SETTINGS


@pytest.mark.parametrize("limit", EACH_LIMIT)
def test_each_limit_refuses(limit: str) -> None:
    challenger, champion, rules, rule, absolute = EACH_LIMIT[limit]
    decision = decide(challenger, champion, rules)
    assert decision.status == "refused"
    assert rule in broken(decision)
    assert decision.absolute_broken is absolute
    assert decision.line.startswith("refused: ")
    eased = {field.name: getattr(rules, field.name) for field in fields(rules)}
    eased[limit] = {
        "min_r2": 0.0,
        "min_make": 321,
        "min_stock_type": 50,
        "min_fresh": 1001,
        "max_judgements": 21,
        "max_data_age_days": 31,
    }.get(limit, 0 if limit.startswith("min") else 10.0)
    assert rule not in broken(decide(challenger, champion, PromotionRules(**eased)))


@pytest.mark.parametrize(
    "limit", [n for n in EACH_LIMIT if n not in ("min_stock_type", "min_make", "min_fresh")]
)
def test_a_limit_of_nan_passes_nothing(limit: str) -> None:
    rules = PromotionRules(**{limit: NAN})  # type: ignore[arg-type]
    assert decide(card(0.9), card(), rules).status == "refused"


@pytest.mark.parametrize(
    ("factor", "status"), [(0.99, "promoted"), (1.0, "refused"), (1.01, "refused")]
)
def test_the_champion_must_be_beaten(factor: float, status: str) -> None:
    decision = decide(card(factor), card(), LIMITS)
    assert decision.status == status
    assert not decision.absolute_broken


def test_limits_themselves_are_allowed() -> None:
    edges = {
        "r2": LIMITS.min_r2,
        "behaviour": {"mileage": 0.05, "year": 0.05, "new": 0.05},
        "serving_differences": {"catboost": LIMITS.max_serving_difference},
        "evidence": known(judgements=20, data_age_days=30, chance=0.05),
    }
    rules = PromotionRules(min_holdout=1000, min_stock_type=400, max_data_age_days=30)
    assert decide(card(**edges), None, rules).status == "promoted"
    assert decide(card(0.9, **edges), card(), rules).status == "promoted"


def test_overall_naive_ratio_is_judged_where_no_stock_type_can_be() -> None:
    rules = PromotionRules(min_stock_type=5000)
    assert broken(decide(card(1.6), None, rules)) == {"naive:all"}


def test_cars_newer_than_both_decide_against_the_others() -> None:
    better_on_new = card(1.1, evidence=newer(0.9, 1.0))
    assert decide(better_on_new, card(), LIMITS).status == "promoted"
    decision = decide(card(0.9, evidence=newer(1.1, 1.0)), card(), LIMITS)
    assert not decision.absolute_broken
    assert "improvement" in broken(decision)


def test_a_share_of_few_cars_is_no_news() -> None:
    def first(rows: int, share: float) -> Decision:
        part = card(rows=rows)
        scale = rows / 1000
        stock = {k: (int(n * scale), *rest) for k, (n, *rest) in part.by_stock_type.items()}
        make = {k: (int(n * scale), mae) for k, (n, mae) in part.by_make.items()}
        kinds = {k: (n, share) for k, (n, *_) in stock.items()}
        coverage = Coverage(0.9, share, kinds)
        part = replace(part, by_stock_type=stock, by_make=make, coverage=coverage)
        return decide(part, None, LIMITS)

    assert first(100, 0.80).status == "promoted"  # one standard error is 0.03
    assert "coverage:all" in broken(first(1000, 0.84))
    assert first(1000, 0.86).status == "promoted"
    assert "coverage:all" in broken(first(100_000, 0.87))
    assert "coverage:all" in broken(first(100_000, 0.93))  # wider than stated is no truth either
    assert "coverage:all" not in broken(first(100_000, 0.881))


@pytest.mark.parametrize(
    ("calibrated", "passed"),
    [(None, False), (0, False), (-5, False), (True, False), (10**9, False), (400, True)],
)
def test_ranges_that_few_cars_calibrated_are_off_by_chance_too(
    calibrated: int | None, passed: bool
) -> None:
    """0.84 of 1,000 cars: 0.02 and three errors are 0.048 of endless calibration, 0.073 of 400."""
    coverage = replace(covered(New=0.84, Used=0.84), calibrated=calibrated)
    decision = decide(card(coverage=coverage), None, LIMITS)
    assert ("coverage:all" not in broken(decision)) is passed


# name of a rule: challenger, champion, absolute
EACH_RULE: dict[str, tuple[Scorecard, Scorecard | None, bool]] = {
    "named": (card(market=""), None, True),
    "holdout_rows": (card(rows=99), None, True),
    "consistent": (card(by_make={"Kia": (1000, 9e9)}), None, True),
    "r2": (card(r2=0.89), None, True),
    "naive": (card(1.6), None, True),
    "behaviour": (card(behaviour={"mileage": 0.2, "year": 0.0, "new": 0.0}), None, True),
    "coverage": (card(coverage=covered(New=0.7)), None, True),
    "serving_form": (card(serving_differences={"catboost": 0.01}), None, True),
    "golden_cases": (card(golden_ok=False), None, True),
    "checks": (
        card(evidence=known(checks=dict(KNOWN.checks) | {"dataset:no_leakage": False})),
        None,
        True,
    ),
    "data_age": (card(evidence=known(data_age_days=4_000)), None, True),
    "judgements": (card(evidence=known(judgements=21)), None, True),
    "same_market": (card(0.9), card(market="practice"), True),
    "same_holdout": (card(0.9), card(holdout_hash="other"), True),
    "fresh": (card(0.9, evidence=known(fresh_rows=400)), card(), True),
    "improvement": (card(1.01), card(), False),
    "significance": (card(0.999, evidence=known(chance=0.4)), card(), False),
    "slice_loss": (shifted(card(0.9), "New", 320.0), card(), False),
}


@pytest.mark.parametrize("rule", EACH_RULE)
def test_each_rule_refuses(rule: str) -> None:
    challenger, champion, absolute = EACH_RULE[rule]
    decision = decide(challenger, champion, LIMITS)
    assert decision.status == "refused"
    assert rule in {name.partition(":")[0] for name in broken(decision)}
    assert decision.absolute_broken is absolute


def test_every_rule_has_a_case() -> None:
    assert set(EACH_RULE) == set(RULES) - {"judged"}  # that one is the next test's


def test_what_cannot_be_judged_is_refused_with_its_problem() -> None:
    decision = unjudged("release x is refused: content/a.npy is changed")
    assert decision.status == "refused"
    assert decision.absolute_broken
    assert decision.line == "refused: release x is refused: content/a.npy is changed"


def test_a_champion_without_error_cannot_be_beaten() -> None:
    decision = decide(card(0.9), card(0.0), LIMITS)
    assert decision.status == "refused"
    assert not decision.absolute_broken
    json.dumps(decision.to_json(), allow_nan=False)
    assert not decide(card(0.0), card(0.0), LIMITS).absolute_broken


def test_every_rule_stands_in_the_decision_passed_or_not() -> None:
    rules = [reason.rule for reason in decide(card(0.9), card(), LIMITS).reasons]
    assert len(rules) == len(set(rules))
    assert {"r2", "naive:all", "naive:New", "golden_cases", "improvement"} <= set(rules)
    assert "naive:unknown" not in rules
    assert {"slice_loss:make Honda", "slice_loss:stock type Used"} <= set(rules)
    assert {rule.partition(":")[0] for rule in rules} == set(RULES) - {"judged"}
