"""``carprice markets check``: features that a market switches off must be there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tests_support import add_market

from carprice_assets.cli import main
from carprice_assets.home import Home

GOOD = 'currency = "EUR"\ndistance = "km"\n[training]\nfeatures_off = '


@pytest.mark.parametrize(
    ("off", "line"),
    [
        ('["vin_encoder", "age", "make_borgward"]', None),
        ('["vin_encodr"]', "no transformer or feature is called 'vin_encodr'"),
        ('["age", "scaler"]', "regressors see nothing of scaler"),
    ],
)
def test_unknown_features_are_told(
    off: str, line: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CARPRICE_HOME", str(tmp_path))
    (tmp_path / "markets").mkdir()
    (tmp_path / "markets" / "mine.toml").write_text(GOOD + off, encoding="utf-8")
    found = CliRunner().invoke(main, ["markets", "check"])
    if line is None:
        assert (found.exit_code, found.stderr) == (0, "")
        return
    assert found.exit_code == 2
    told = found.stderr.splitlines()
    assert len(told) == 1
    assert told[0].startswith(f"carprice: market mine: training.features_off: {line}")
    assert found.stdout.endswith(", 1 broken\n")


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        ('direction = ["price-", "milage+"]', "bargains.direction: no feature is called 'milage'"
         ": did you mean 'mileage'?"),
        ('direction = ["rows_title+"]', "bargains.direction: autoencoders do not read"),
        ("min_saving = 0.6", "bargains.min_saving 0.6 and bargains.too_cheap 0.5 leave no price"),
        ('direction = ["price-", "mileage+", "make_kia+"]', None),
    ],
)  # fmt: skip
def test_settings_of_bargains_that_make_no_list(
    home: Home, carprice: Callable[..., Result], settings: str, line: str | None
) -> None:
    add_market(home, "mine", f'currency = "EUR"\ndistance = "km"\n[bargains]\n{settings}')
    result = carprice("markets", "check")
    assert result.exit_code == (0 if line is None else 2)
    told = result.stderr.splitlines()
    assert len(told) == (line is not None)
    assert line is None or told[0].startswith(f"carprice: market mine: {line}")


@pytest.mark.parametrize(
    ("table", "line"),
    [
        ("[regressors.oracle]\nwidth = 3", "regressors.oracle: no such regressor"),
        ("[regressors.catboost]\nleaves = 3", "regressors.catboost: unknown parameter 'leaves'"),
        ("[regressors.ensemble]\nweights = 3", "regressors.ensemble: unknown parameter 'weights'"),
    ],
)
def test_a_regressor_or_parameter_that_there_is_not(
    home: Home, carprice: Callable[..., Result], table: str, line: str
) -> None:
    add_market(home, "mine", f'currency = "EUR"\ndistance = "km"\n{table}')
    result = carprice("markets", "check")
    assert result.exit_code == 2
    assert f"market mine: {line}" in result.stderr


def test_a_column_for_a_field_that_there_is_not(
    home: Home, carprice: Callable[..., Result]
) -> None:
    good = (
        'currency = "EUR"\ndistance = "km"\n[features.power]\nkind = "number"\n[sources.columns]\n'
    )
    add_market(home, "mine", good + 'mileage = "km"\npower = "PS"')
    assert carprice("markets", "check").exit_code == 0
    add_market(home, "mine", good + 'power = "PS"\nmilage = "km"')
    result = carprice("markets", "check")
    assert result.exit_code == 2
    assert "carprice: market mine: sources.columns.milage: no such field" in result.stderr
