"""When an autoencoder may be used, and the market's settings."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from carprice_assets.bargains.rules import Reconstruction, judge
from carprice_assets.errors import UserError
from carprice_assets.markets.bargains import BargainRules
from carprice_assets.markets.market import read_market

RULES = BargainRules(max_reconstruction=0.4, max_price_error=0.2, max_detector_loss=0.1)
GOOD = Reconstruction(500, 0.3, 0.1, {"price": 0.1})


@pytest.mark.parametrize(
    ("found", "deployed", "passed", "broken"),
    [
        (GOOD, None, True, False),
        (replace(GOOD, total=0.41), None, False, True),
        (replace(GOOD, price=0.21), None, False, True),
        (replace(GOOD, total=float("nan")), None, False, True),
        (replace(GOOD, rows=99), None, False, False),
        (GOOD, replace(GOOD, total=0.29), True, False),
        (GOOD, replace(GOOD, total=0.2), False, False),
        (GOOD, replace(GOOD, total=float("nan")), False, False),
    ],
)
def test_limits_and_the_deployed_one(
    found: Reconstruction, deployed: Reconstruction | None, passed: bool, broken: bool
) -> None:
    verdict = judge(found, deployed, RULES)
    assert (verdict.passed, verdict.broken) == (passed, broken)
    assert verdict.line


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ('direction = ["price"]', "direction"),
        ("direction = []", "direction"),
        ("limit = 0", "limit"),
        ("too_cheap = 1.5", "too_cheap"),
        ("very_cheap = 0.0", "very_cheap"),
        ("like_comparables = 0", "like_comparables"),
        ("min_saving = 0.5", "min_saving"),
        ("min_saving = 0.3\ntoo_cheap = 0.7", "min_saving"),
        ("stale_days = -1", "stale_days"),
        ('webhook = "ftp://example.org"', "webhook"),
        ("cheap = 1", "cheap"),
    ],
)
def test_a_wrong_setting_is_named(tmp_path: Path, text: str, key: str) -> None:
    path = tmp_path / "own.toml"
    path.write_text(f'currency = "EUR"\ndistance = "km"\n[bargains]\n{text}\n')
    with pytest.raises(UserError, match=f"bargains.{key}"):
        read_market(path)


def test_settings_are_read(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text(
        'currency = "EUR"\ndistance = "km"\n[bargains]\ndirection = ["price-", "mileage+"]\n'
        'limit = 5\nwebhook = "https://example.org/hook"\n'
    )
    rules = read_market(path).bargains
    assert rules.direction == ("price-", "mileage+")
    assert rules.limit == 5
