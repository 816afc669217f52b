"""The set: same bits however rows come, mixes refused, notes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from invented_cars import invented, save_all, strange

from carprice_assets.errors import UserError
from carprice_assets.features.feature_set import FeatureSet
from carprice_assets.features.fit import fit_all, save_fitted
from carprice_assets.features.registry import MATRIX, NAMES
from carprice_assets.files import folder_hashes
from carprice_assets.listings.contract import take, text_array

WORDS = st.sampled_from(["Astra", "Comet", "Cygnus", "Swan", "", "new", "New", "Used", "Ω x"])
NUMBERS = st.one_of(st.floats(width=64), st.floats(0, 1e6), st.integers(1950, 2026).map(float))
TEXT = (
    *("make", "model", "trim", "stock_type", "drivetrain", "fuel_type", "bodystyle", "cat"),
    *("exterior_color", "interior_color"),
)
CARS = st.lists(
    st.tuples(st.tuples(*[NUMBERS] * 4), st.tuples(*[st.one_of(WORDS, st.text(max_size=9))] * 10)),
    min_size=2,
    max_size=9,
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(cars=CARS, data=st.data())
def test_a_row_has_the_same_bits_however_it_comes(feature_set, cars, data):
    numbers = np.array([car[0] for car in cars])
    names = ("year", "mileage", "msrp", "observed_at")
    columns = {name: numbers[:, i] for i, name in enumerate(names)}
    columns |= {name: text_array([car[1][i] for car in cars]) for i, name in enumerate(TEXT)}
    order = np.array(data.draw(st.permutations(range(len(cars)))))
    for view in (feature_set.transform, feature_set.scaled):
        batch = view(columns)
        assert np.isfinite(batch).all()
        assert np.array_equal(view(take(columns, order)), batch[order])
        for row in range(len(cars)):
            assert np.array_equal(view(take(columns, np.array([row])))[0], batch[row])


def test_real_sized_batches_have_the_bits_of_single_rows(feature_set):
    columns, _ = invented(1000, seed=8)
    batch = feature_set.transform(columns)
    single = [feature_set.transform(take(columns, np.array([row])))[0] for row in range(1000)]
    assert np.array_equal(np.array(single), batch)
    assert batch.dtype == np.float32
    scores = feature_set.transformers["outlier_detector"].transform(feature_set.blocks(columns))
    row = feature_set.blocks(take(columns, np.array([3])))
    assert feature_set.transformers["outlier_detector"].transform(row)[0] == scores[3]


FRESH = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from invented_cars import invented
from carprice_assets.features.feature_set import FeatureSet
features = FeatureSet.load(Path(sys.argv[2]))
sys.stdout.write(features.transform(invented(50, seed=4)[0]).tobytes().hex())
assert not {"sklearn", "gensim", "scipy", "pandas"} & set(sys.modules)
"""


def test_saved_set_gives_the_same_bits_in_a_fresh_process(feature_set, tmp_path):
    feature_set.save(tmp_path / "features")
    here = os.path.dirname(__file__)
    env = os.environ | {"PYTHONHASHSEED": "5"}
    command = [sys.executable, "-c", FRESH, here, str(tmp_path / "features")]
    run = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
    assert run.stdout == feature_set.transform(invented(50, seed=4)[0]).tobytes().hex()


def test_saving_again_gives_the_same_files(feature_set, tmp_path):
    feature_set.save(tmp_path / "a")
    FeatureSet.load(tmp_path / "a").save(tmp_path / "b")
    assert folder_hashes(tmp_path / "a") == folder_hashes(tmp_path / "b")
    assert {p.name for p in (tmp_path / "a").iterdir()} == set(NAMES)


def test_two_fits_give_the_same_files(cars, folders, tmp_path):
    again = save_all(fit_all(*cars), tmp_path)
    for name in NAMES:
        assert folder_hashes(again[name]) == folder_hashes(folders[name]), name


def test_feature_names_match_the_matrix(feature_set):
    names = feature_set.feature_names
    assert len(set(names)) == len(names)
    assert feature_set.transform(invented(3)[0]).shape == (3, len(names))
    assert feature_set.dataset == "d" * 32
    assert "outlier_detector" not in MATRIX


def test_a_transformer_fitted_alone_on_new_data_is_refused_by_name(cars, folders, tmp_path):
    for name in ("make_encoder", "price_encoder"):
        columns, price = invented(200, seed=1)
        fitted = fit_all(columns, price, only=[name])
        addresses = dict.fromkeys(NAMES, "0" * 32)
        folder = tmp_path / name
        folder.mkdir()
        save_fitted(fitted[name], folder, "e" * 32, addresses)
        with pytest.raises(UserError, match=f"{name} was fitted on dataset eeeeeeeeeeee"):
            FeatureSet.assemble(folders | {name: folder})


def test_a_transformer_below_an_older_upstream_is_refused_by_name(folders, tmp_path):
    columns, price = invented(200, seed=1)
    other = fit_all(columns, price, only=["stock_type_encoder"])["stock_type_encoder"]
    folder = tmp_path / "stock"
    folder.mkdir()
    save_fitted(other, folder, "d" * 32, {})
    with pytest.raises(UserError, match=r"price_encoder was fitted on another state of stock_type"):
        FeatureSet.assemble(folders | {"stock_type_encoder": folder})


def test_a_missing_or_swapped_folder_is_refused(folders, feature_set, tmp_path):
    with pytest.raises(UserError, match="imputer is missing"):
        FeatureSet.assemble({name: path for name, path in folders.items() if name != "imputer"})
    feature_set.save(tmp_path / "set")
    shutil.rmtree(tmp_path / "set" / "scaler")
    with pytest.raises(UserError, match="scaler is missing"):
        FeatureSet.load(tmp_path / "set")
    swapped = folders | {"scaler": folders["imputer"]}
    with pytest.raises(UserError, match="folder of scaler holds imputer"):
        FeatureSet.assemble(swapped)


def test_training_differs_only_where_prices_are_read(feature_set, cars):
    columns, price = cars
    training = feature_set.transform_training(columns, price)
    serving = feature_set.transform(columns)
    differ = {
        name
        for name, same in zip(feature_set.feature_names, (training == serving).all(axis=0))
        if not same
    }
    assert differ
    reading = ("price_encoder", "market_features", "dealer_encoder", "vin_encoder", "word_encoder")
    told = {name for each in reading for name in feature_set.transformers[each].feature_names}
    assert differ <= told
    assert {"price_title", "vin_rest_vds", "words_expected"} <= differ
    scaled = feature_set.scaled_training(columns, price)
    assert scaled.min() >= 0
    assert scaled.max() <= 1
    assert (scaled.max(axis=0) > scaled.min(axis=0)).mean() > 0.8


def test_notes_name_code_and_field_of_each_row(feature_set):
    columns, _ = invented(6)
    columns["exterior_color"][:] = "Jet Black"
    columns["exterior_color"][2] = "Qqq"
    columns["model"][3] = "Asteroid"
    columns["make"][4] = "Zzyzx"
    columns["stock_type"][:] = "Used"
    columns["mileage"][:] = 20_000.0
    columns["mileage"][5] = np.nan
    found = [
        {(note.code, note.field) for note in row if note.code != "unusual"}
        for row in feature_set.notes(columns)
    ]
    assert found == [
        *(set(), set(), {("unknown_word", "exterior_color")}, {("unknown_model", "model")}),
        *({("unknown_make", "make"), ("unknown_model", "model")}, {("imputed", "mileage")}),
    ]
    assert feature_set.notes(feature_set.blocks(columns)) == feature_set.notes(columns)


def test_absurd_cars_are_unusual_and_a_tenth_of_the_training_part_is_flagged(feature_set, cars):
    columns, _ = cars
    share = feature_set.outliers(columns).mean()
    assert 0.03 < share < 0.25
    odd = strange(1) | {"year": np.array([1905.0]), "mileage": np.array([900_000.0])}
    odd |= {"msrp": np.array([9e6]), "stock_type": text_array(["New"])}
    assert feature_set.outliers(odd)[0]
    assert "unusual" in {note.code for note in feature_set.notes(odd)[0]}
