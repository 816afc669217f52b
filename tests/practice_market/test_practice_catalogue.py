"""The catalogue is broad, and its words and prices are sane."""

from __future__ import annotations

from pathlib import Path

import pytest

from carprice_assets.practice_market import catalogue
from carprice_assets.practice_market.catalogue import load

MODELS = [(make, model) for make in load() for model in make.models]


def test_breadth() -> None:
    assert len(load()) >= 28
    assert len(MODELS) >= 170
    assert len({make.name for make in load()}) == len(load())
    assert len({(make.name, model.name) for make, model in MODELS}) == len(MODELS)
    assert {"Land Rover", "Alfa Romeo"} <= {make.name for make in load()}
    assert {"Grand Cherokee", "Santa Fe", "CR-V Hybrid"} <= {model.name for _, model in MODELS}


def test_every_word_of_the_vocabulary_is_in_use() -> None:
    assert {model.cat for _, model in MODELS} == catalogue.CATEGORIES
    assert {model.bodystyle for _, model in MODELS} == catalogue.BODYSTYLES
    assert {fuel for _, model in MODELS for fuel in model.fuel_types} == catalogue.FUEL_TYPES
    assert {d for _, model in MODELS for d in model.drivetrains} == catalogue.DRIVETRAINS


def test_trims_and_prices() -> None:
    for make, model in MODELS:
        prices = [trim.msrp for trim in model.trims]
        assert 2 <= len(prices) <= 6, (make.name, model.name)
        assert min(prices) >= 15_000, (make.name, model.name)
        assert max(prices) <= 200_000, (make.name, model.name)
        assert max(prices) <= 1.6 * min(prices), (make.name, model.name)


def test_makes_have_colors_and_plausible_behaviour() -> None:
    for make in load():
        assert len(set(make.exterior_colors)) >= 5, make.name
        assert len(set(make.interior_colors)) >= 3, make.name
        assert all(len(wmi) == 3 for wmi in make.wmi), make.name
        assert 0.05 <= make.annual_depreciation <= 0.25, make.name
        assert 0.75 <= make.street_ratio <= 1.2, make.name


def test_electric_categories_hold_electric_models_only() -> None:
    for make, model in MODELS:
        is_electric = set(model.fuel_types) == {catalogue.ELECTRIC}
        assert model.cat.startswith("ev_") == is_electric, (make.name, model.name)


def test_years_of_production() -> None:
    by_name = {model.name: model for _, model in MODELS}
    assert by_name["Camry"].made_in(catalogue.CATALOGUE_YEAR + 1)
    assert not by_name["Fusion"].made_in(by_name["Fusion"].last_year + 1)
    assert not by_name["Bronco"].made_in(2020)


def test_broken_file_is_named(tmp_path: Path) -> None:
    text = (catalogue.FOLDER / "fiat.toml").read_text(encoding="utf-8")
    broken = text.replace("crossover_compact", "crossover_tiny")
    (tmp_path / "fiat.toml").write_text(broken, encoding="utf-8")
    with pytest.raises(ValueError, match=r"fiat\.toml: 500X.*cat"):
        load(tmp_path)
    (tmp_path / "fiat.toml").write_text('name = "Fiat"', encoding="utf-8")
    load.cache_clear()
    with pytest.raises(ValueError, match=r"fiat\.toml: 'popularity'"):
        load(tmp_path)
