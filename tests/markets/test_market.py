"""Market files: what they may say, and the line that names what is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from carprice_assets.errors import UserError
from carprice_assets.home import Home
from carprice_assets.markets import load_market, load_markets
from carprice_assets.markets.market import KM_PER_MILE, read_market

GOOD = 'currency = "EUR"\ndistance = "km"\n'


def market(tmp_path: Path, text: str, name: str = "mine") -> Path:
    path = tmp_path / f"{name}.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_two_lines_make_a_market(tmp_path: Path) -> None:
    made = read_market(market(tmp_path, GOOD))
    assert (made.name, made.currency, made.distance) == ("mine", "EUR", "km")
    assert made.split.salt == "mine-1"
    assert made.promotion.min_r2 == 0.90
    assert made.ranges.coverage == 0.90
    wide = read_market(market(tmp_path, GOOD + "[ranges]\ncoverage = 0.95"))
    assert wide.ranges.coverage == 0.95


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("currency = ", "is no TOML"),
        ('distance = "mi"', "currency must be three capitals"),
        ('currency = "dollars"\ndistance = "mi"', "currency must be three capitals"),
        ('currency = "USD"\ndistance = "miles"', "distance must be 'mi' or 'km'"),
        (GOOD + "colour = 1", "unknown key 'colour'"),
        (GOOD + "title = 3", "title must be text"),
        (GOOD + "[promotion]\nmin_r3 = 0.9", "unknown key promotion.min_r3"),
        (GOOD + '[promotion]\nmin_r2 = "high"', "promotion.min_r2 must be of type float"),
        (GOOD + "[promotion]\nmin_holdout = 1.5", "promotion.min_holdout must be of type int"),
        (GOOD + '[promotion]\napproval = "me"', "promotion.approval must be 'automatic' or 'man"),
        (GOOD + "[promotion]\napproval_days = 0", "promotion.approval_days must be 1 or more"),
        (GOOD + "[promotion]\nmax_judgements = 0", "promotion.max_judgements must be 1 or more"),
        (GOOD + "[promotion]\nmin_fresh = 0", "promotion.min_fresh must be 1 or more"),
        (GOOD + "[promotion]\nmax_chance = 1.0", "promotion.max_chance must be above 0"),
        (GOOD + "[promotion]\nmax_chance = 0.0", "promotion.max_chance must be above 0"),
        (GOOD + "[promotion]\nmin_r2 = 2.0", "promotion.min_r2 must be below 1"),
        (GOOD + "[promotion]\nmin_r2 = nan", "promotion.min_r2 must be a finite number"),
        (GOOD + "[promotion]\nmax_naive_ratio = -0.1", "promotion.max_naive_ratio must be 0"),
        (GOOD + "[promotion]\nmax_slice_loss = -1.0", "promotion.max_slice_loss must be 0"),
        (GOOD + '[training]\nfeatures_off = "age"', "training.features_off must be a list"),
        (GOOD + "[training]\nfeatures_off = [1]", "training.features_off must be a list"),
        (GOOD + "[ranges]\ncoverage = 1.0", "ranges.coverage must be from 0.5 to 0.99"),
        (GOOD + "[ranges]\nwidth = 2.0", "unknown key ranges.width"),
        (GOOD + "[split]\ntrain = 90", "add up to 100"),
        (GOOD + "[split]\ntrain = 100\nholdout = -28", "add up to 100"),
        (GOOD + "[listings]\nprice_low = 5\nprice_high = 4", "price_low"),
        (GOOD + "sources = 3", "must be a table"),
        (GOOD + "[sources]\ncolumns = 3", "sources.columns must be a table"),
        (GOOD + '[sources.columns]\nprice = ""', "sources.columns.price"),
        (GOOD + "[regressors]\ncatboost = 1", "regressors.catboost must be a table"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, named: str) -> None:
    with pytest.raises(UserError) as caught:
        read_market(market(tmp_path, text))
    line = str(caught.value)
    assert named in line
    assert "mine" in line
    assert "\n" not in line


def test_features_are_switched_off_by_name(tmp_path: Path) -> None:
    assert read_market(market(tmp_path, GOOD)).training.features_off == ()
    text = GOOD + '[training]\nfeatures_off = ["vin_encoder", "age"]'
    assert read_market(market(tmp_path, text)).training.features_off == ("vin_encoder", "age")


def test_a_bad_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="file name"):
        read_market(market(tmp_path, GOOD, name="Not good"))


def columns(tmp_path: Path, line: str) -> float:
    text = f"{GOOD}[sources.columns]\n{line}\n"
    mapping = read_market(market(tmp_path, text)).columns()
    return next(iter(mapping.values())).factor


def test_units_and_currencies_are_converted_where_stated(tmp_path: Path) -> None:
    assert columns(tmp_path, 'mileage = "km"') == 1.0
    assert columns(tmp_path, 'mileage = {column = "m", unit = "km"}') == 1.0
    assert columns(tmp_path, 'mileage = {column = "m", unit = "mi"}') == KM_PER_MILE
    assert columns(tmp_path, 'price = {column = "p", currency = "EUR"}') == 1.0
    assert columns(tmp_path, 'price = {column = "p", currency = "USD", rate = 0.9}') == 0.9


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ('price = {column = "p", currency = "USD"}', "state 'rate'"),
        ('price = {column = "p", currency = "USD", rate = 0}', "state 'rate'"),
        ('mileage = {column = "m", unit = "leagues"}', "neither 'km' nor 'mi'"),
        ('year = {column = "y", unit = "km"}', "belongs to mileage alone"),
        ('year = {column = "y", currency = "EUR"}', "belongs to price and msrp alone"),
        ('price = {currency = "EUR"}', "'column' must name a column"),
        ('price = {column = "p", scale = 2}', "unknown key 'scale'"),
    ],
)
def test_units_and_currencies_are_refused_where_not(tmp_path: Path, line: str, named: str) -> None:
    with pytest.raises(UserError, match=named):
        columns(tmp_path, line)


def test_a_users_file_takes_the_place_of_the_platforms(home: Home) -> None:
    home.markets.mkdir(parents=True)
    market(home.markets, GOOD, name="us")
    assert load_market(home, "us").currency == "EUR"


def test_a_broken_market_leaves_the_others(home: Home) -> None:
    home.markets.mkdir(parents=True)
    market(home.markets, "nonsense", name="mine")
    good, broken = load_markets(home)
    assert {"us", "practice"} <= set(good)
    assert list(broken) == ["mine"]


def test_an_unknown_market_is_answered_with_those_there_are(home: Home) -> None:
    with pytest.raises(UserError, match="there are practice, practice_eu, us"):
        load_market(home, "moon")
