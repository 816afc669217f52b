"""The table of promotion rules in ``docs/`` against the code and the tests that it names."""

from __future__ import annotations

import ast
import re
from dataclasses import fields

import pytest
import rules_kit
import test_rules

from carprice_assets.home import PROJECT
from carprice_assets.markets.promotion import PromotionRules
from carprice_assets.releases import rules
from carprice_assets.releases.rules import RULES, decide

PAGE = PROJECT / "docs" / "promotion-rules.md"
ROW = re.compile(r"\| `\w+` \| (yes|no) \|")
NAMED = re.compile(r"(tests/\S+\.py)::(\w+)(?:\[(\w+)\])?")


def table() -> dict[str, tuple[bool, list[str], str]]:
    """Rule to whether it is absolute, its limits, and the test that shows it refusing."""
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines if ROW.match(line)]
    assert len({row[0] for row in rows}) == len(rows)
    return {
        rule.strip("`"): (kind == "yes", re.findall(r"`(\w+)`", limits), test.strip("`"))
        for rule, kind, _, limits, test in rows
    }


def test_every_rule_of_the_code_has_a_row_and_no_other() -> None:
    assert list(table()) == list(RULES)


def test_every_limit_stands_in_the_table() -> None:
    told = {limit for _, limits, _ in table().values() for limit in limits}
    assert told == {field.name for field in fields(PromotionRules)} - test_rules.SETTINGS


def test_the_code_makes_reasons_of_the_listed_rules_alone() -> None:
    """Every first word of a Reason in the source is a listed rule."""
    tree = ast.parse((PROJECT / "carprice_assets/releases/rules.py").read_text(encoding="utf-8"))
    makers = {"Reason", "_at_least", "_at_most"}
    made: set[str] = set()
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
            continue
        if node.func.id not in makers or not node.args:
            continue
        first = node.args[0]
        if isinstance(first, ast.JoinedStr):
            first = first.values[0]
        if isinstance(first, ast.Constant):
            made.add(str(first.value).partition(":")[0])
    assert made == set(RULES) - {"judged"}
    assert rules.unjudged("x").reasons[0].rule == "judged"


@pytest.mark.parametrize("rule", RULES)
def test_the_named_test_is_there_and_shows_it(rule: str) -> None:
    absolute, limits, named = table()[rule]
    match = NAMED.fullmatch(named)
    assert match
    path, function, case = match.groups()
    tree = ast.parse((PROJECT / path).read_text(encoding="utf-8"))
    names = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    assert function in names
    for limit in limits:
        assert limit in test_rules.EACH_LIMIT  # its own case refuses, too
    if case is None:
        assert rule == "judged"
        return
    assert case == rule
    challenger, champion, expected = test_rules.EACH_RULE[case]
    assert expected is absolute
    failed = {
        reason.rule.partition(":")[0]
        for reason in decide(challenger, champion, rules_kit.LIMITS).failed
    }
    assert rule in failed
