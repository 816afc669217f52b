"""The unsupported verdict: what lies beyond the training part is named, all else is not."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from invented_cars import invented, save_all

from carprice_assets.errors import UserError
from carprice_assets.features.feature_set import FeatureSet
from carprice_assets.features.fit import fit_all
from carprice_assets.features.limits import SPANS, UNSUPPORTED, Limits
from carprice_assets.listings.contract import take, text_array


@pytest.fixture(scope="module")
def limited(tmp_path_factory):
    columns, price = invented(1500, seed=3)
    folder = tmp_path_factory.mktemp("limited")
    save_all(fit_all(columns, price), folder)
    return FeatureSet.load(folder).with_limits(columns)


def codes(features, columns):
    return [{note.code for note in row} & UNSUPPORTED for row in features.notes(columns)]


def like(stock_type, **changes):
    """The first invented Comet of that stock type, with other values."""
    columns, _ = invented(200, seed=5)
    first = np.flatnonzero((columns["stock_type"] == stock_type) & (columns["model"] == "Comet"))
    car = take(columns, first[:1]) | {"exterior_color": text_array(["Jet Black"])}
    for name, value in changes.items():
        car[name] = text_array([value]) if isinstance(value, str) else np.array([float(value)])
    return car


@pytest.mark.parametrize(
    ("stock_type", "changes", "expected"),
    [
        ("Used", {"year": 2018, "mileage": 60_000}, set()),
        ("New", {"year": 2024}, set()),
        ("New", {"year": 2025}, set()),
        ("Used", {"make": "Nobody"}, {"unknown_make", "unknown_model"}),
        ("Used", {"model": "Kometa"}, {"unknown_model"}),
        ("Used", {"make": " ASTRA ", "model": "comet", "year": 2018, "mileage": 60_000}, set()),
        ("New", {"year": 2026}, {"unseen_year"}),
        ("Used", {"year": 1990}, {"unseen_year"}),
        ("New", {"year": 2016}, {"unseen_year"}),
        ("Used", {"year": 2012, "mileage": 600_000}, {"unseen_mileage"}),
        ("Used", {"year": 2023, "mileage": 150_000}, {"unseen_mileage"}),
        ("New", {"year": 2024, "mileage": 40_000}, {"unseen_mileage"}),
    ],
)
def test_the_reason_is_named(limited, stock_type, changes, expected):
    found = codes(limited, like(stock_type, **changes))[0]
    assert found - {"odd"} == expected


def test_a_year_far_from_the_models_own_is_named(limited):
    columns, _ = invented(1500, seed=3)
    kept = take(columns, (columns["model"] != "Meteor") | (columns["year"] >= 2020))
    features = limited.with_limits(kept)
    for year, expected in ((2020, set()), (2015, set()), (2014, {"unseen_year"})):
        meteor = like("Used", model="Meteor", year=year, mileage=70_000)
        assert codes(features, meteor)[0] - {"odd"} == expected
        comet = like("Used", model="Comet", year=year, mileage=70_000)
        assert codes(features, comet)[0] - {"odd"} == set()


def test_hardly_a_car_of_the_same_market_is_unsupported(limited):
    columns, _ = invented(4000, seed=9)
    flagged = np.array([bool(found) for found in codes(limited, columns)])
    assert flagged.mean() < 0.01


def test_strange_combinations_are_told_by_the_outlier_score(limited):
    columns, _ = invented(1500, seed=3)
    low = Limits(1900, 2100, (1e9,) * SPANS, 1e9, 1e9, limited.limits.score)
    have = limited.blocks(columns)
    have["outlier_detector"] = limited.transformers["outlier_detector"].transform(have)
    odd = [row for row, note in low.notes(have) if note.code == "odd"]
    assert len(odd) == 2  # the oddest 0.1 % of what was learned from
    scores = have["outlier_detector"][:, 0]
    assert set(odd) == set(np.argsort(scores)[-2:].tolist())


def test_limits_travel_with_the_feature_set(limited, tmp_path):
    limited.save(tmp_path / "features")
    loaded = FeatureSet.load(tmp_path / "features")
    assert loaded.limits == limited.limits
    strange = like("Used", year=1990)
    assert loaded.notes(strange) == limited.notes(strange)
    (tmp_path / "features" / "limits.json").unlink()
    assert FeatureSet.load(tmp_path / "features").limits is None


def test_a_market_of_new_cars_alone_has_limits(tmp_path, limited):
    columns, _ = invented(1500, seed=3)
    new = take(columns, columns["stock_type"] == "New")
    found = limited.with_limits(new).limits
    assert found.mileage == (np.inf,) * SPANS
    assert found.new_mileage == 10_000
    found.save(tmp_path)
    assert Limits.load(tmp_path) == found
    used = limited.with_limits(take(columns, columns["stock_type"] == "Used")).limits
    assert used.new_age == np.inf


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"format": 2}, "not of format 1"),
        ({"mileage": [1.0]}, "1 spans of age, not 10"),
        ({"mileage": None}, "malformed"),
        ({"score": "high"}, "malformed"),
        ({"models": {"astra comet": [2001.0]}}, "malformed"),
        ({"more": 1}, "malformed"),
    ],
)
def test_malformed_limits_are_refused(limited, tmp_path, change, told):
    limited.limits.save(tmp_path)
    path = tmp_path / "limits.json"
    path.write_text(json.dumps(json.loads(path.read_bytes()) | change))
    with pytest.raises(UserError, match=told):
        Limits.load(tmp_path)
    shutil.rmtree(tmp_path)
