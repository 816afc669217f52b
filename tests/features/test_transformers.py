"""What holds for every transformer, and what each does with odd words."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
from invented_cars import invented, strange

from carprice_assets.features.category_vectors import CategoryVectors
from carprice_assets.features.exterior_color_vectors import ExteriorColorVectors
from carprice_assets.features.fit import fit_all, fit_one, load_fitted, training_blocks
from carprice_assets.features.make_encoder import MakeEncoder
from carprice_assets.features.model_hasher import ModelHasher
from carprice_assets.features.registry import NAMES, TRANSFORMERS, create, upstream_of
from carprice_assets.features.word_vectors import words_of
from carprice_assets.listings.contract import take, text_array

REFERENCE = {
    *("make_encoder", "model_hasher", "drivetrain_encoder", "bodystyle_encoder"),
    *("fuel_type_encoder", "stock_type_encoder", "exterior_color_vectors"),
    *("interior_color_vectors", "category_vectors", "imputer", "outlier_detector", "scaler"),
}
OWN = {
    *("price_encoder", "market_features", "dealer_encoder", "vin_encoder", "word_encoder"),
    "category_codes",
}
PRICES = np.ones(0)


def test_the_reference_twelve_and_our_own_are_registered():
    assert set(NAMES) == {*REFERENCE, *OWN}
    assert len(TRANSFORMERS) == len(NAMES)
    for place, name in enumerate(NAMES):
        assert set(upstream_of(name)) <= set(NAMES[:place])


@pytest.mark.parametrize("name", NAMES)
def test_state_goes_through_disk(name, fitted, folders, feature_set):
    columns, _ = invented(80, seed=5)
    have = feature_set.blocks(columns)
    back, origin = load_fitted(folders[name])
    block = back.transform(have)
    assert np.array_equal(block, fitted[name].transform(have))
    assert block.dtype == np.float32
    assert block.shape == (80, len(back.feature_names))
    assert np.isfinite(block).all()
    assert back.feature_names == fitted[name].feature_names
    assert set(origin.upstream) == set(upstream_of(name))
    assert {p.suffix for p in folders[name].iterdir()} <= {".json", ".npy"}


@pytest.mark.parametrize("missing", ["all", "words", "numbers"])
def test_columns_that_are_missing_count_as_unknown(missing, feature_set):
    columns, _ = invented(7)
    cars = {
        "all": strange(7),
        "words": {k: v for k, v in columns.items() if v.dtype != object},
        "numbers": {k: v for k, v in columns.items() if v.dtype == object},
    }[missing]
    matrix = feature_set.transform(cars)
    assert matrix.shape == (7, len(feature_set.feature_names))
    assert np.isfinite(matrix).all()
    assert np.isfinite(feature_set.scaled(cars)).all()


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("rows", [1, 2, 30])
def test_fits_on_very_few_rows(rows):
    columns, price = invented(rows, seed=rows)
    blocks = training_blocks(fit_all(columns, price), columns, price)
    assert all(np.isfinite(block).all() for block in blocks.values())


def test_fits_where_colours_categories_and_msrp_were_never_given():
    columns, price = invented(60)
    for name in ("exterior_color", "interior_color", "cat", "msrp", "mileage", "observed_at"):
        del columns[name]
    fitted = fit_all(columns, price)
    blocks = training_blocks(fitted, columns, price)
    assert not blocks["exterior_color_vectors"].any()
    assert all(np.isfinite(block).all() for block in blocks.values())
    assert blocks["imputer"][:, 4] == pytest.approx(np.full(60, np.median(price)), rel=1e-5)


def test_rare_and_unknown_makes_share_a_column():
    columns, price = invented(1000)
    encoder = MakeEncoder()
    encoder.fit(columns, price)
    assert encoder.min_rows == 5  # 0.3 % would be 3
    encoder = MakeEncoder(min_rows=100)
    encoder.fit(columns, price)
    assert "make_rara_avis" not in encoder.feature_names
    block = encoder.transform({"make": text_array(["Rara Avis", "Zzyzx", "", "ASTRA "])})
    assert block[:3, -1].tolist() == [1, 1, 1]
    assert block[3, encoder.feature_names.index("make_astra")] == 1
    assert block.sum() == 4
    assert [row for row, _ in encoder.notes({"make": text_array(["Rara Avis", "Zzyzx"])})] == [1]


def test_one_hash_bucket_for_twenty_models_and_at_least_eight():
    hasher = ModelHasher()
    names = text_array([f"M{i}" for i in range(401)])
    hasher.fit({"make": text_array(["A"] * 401), "model": names}, PRICES)
    assert len(hasher.feature_names) == 21
    block = hasher.transform({"make": text_array(["A"] * 401), "model": names})
    assert np.abs(block).sum(axis=1).tolist() == [1.0] * 401
    assert {-1.0, 1.0} <= set(np.unique(block).tolist())
    small = ModelHasher()
    small.fit({"make": text_array(["A"]), "model": text_array(["B"])}, PRICES)
    assert len(small.feature_names) == 8


@pytest.mark.parametrize("name", ["drivetrain", "bodystyle", "fuel_type", "stock_type"])
def test_closed_vocabularies_give_zeros_for_unknown_words(name, fitted):
    encoder = fitted[f"{name}_encoder"]
    value = encoder.values[-1]
    block = encoder.transform({name: text_array(["Quantum", "", value, value.upper()])})
    assert block.sum(axis=1).tolist() == [0, 0, 1, 1]
    assert block[2, -1] == 1


def test_words_keep_every_letter():
    assert words_of("Oxford White/Jet-Black (w/ glow) Blau-Grün") == [
        *("oxford", "white", "jet", "black", "w", "glow", "blau", "grün"),
    ]
    assert words_of("suv_midsize") == ["suv", "midsize"]


def test_word_vectors_are_means_and_zero_where_nothing_is_known(cars):
    vectors = ExteriorColorVectors()
    vectors.fit(*cars)
    texts = ["white", "Oxford", "OXFORD   white", "white qqq", "qqq", ""]
    block = vectors.transform({"exterior_color": text_array(texts)})
    np.testing.assert_allclose(block[2], (block[0] + block[1]) / 2, rtol=1e-6)
    assert np.array_equal(block[3], block[0])
    assert block[0].any()
    assert not block[4:].any()
    assert len(CategoryVectors().feature_names) == 3
    notes = list(vectors.notes({"exterior_color": text_array(texts)}))
    assert [(row, note.code, note.field) for row, note in notes] == [
        (4, "unknown_word", "exterior_color")
    ]


FIT = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from invented_cars import invented
from carprice_assets.features.exterior_color_vectors import ExteriorColorVectors
vectors = ExteriorColorVectors()
vectors.fit(*invented(600))
sys.stdout.write(vectors.state().arrays["vectors"].tobytes().hex())
"""


def test_two_fits_in_two_processes_give_the_same_vectors(fitted):
    here = os.path.dirname(__file__)
    ours = fitted["exterior_color_vectors"].state().arrays["vectors"].tobytes().hex()
    env = os.environ | {"PYTHONHASHSEED": "77"}
    run = subprocess.run(
        [sys.executable, "-c", FIT, here], env=env, capture_output=True, text=True, check=True
    )
    assert run.stdout == ours


SERVE = """
import sys
from pathlib import Path
from carprice_assets.features.feature_set import FeatureSet
heavy = {"sklearn", "gensim", "pandas", "scipy", "dagster", "duckdb", "catboost"}
assert not heavy & set(sys.modules), heavy & set(sys.modules)
"""


def test_serving_imports_bring_nothing_heavy():
    run = subprocess.run([sys.executable, "-c", SERVE], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr


def test_fit_one_wants_its_upstream(cars):
    from carprice_assets.errors import UserError

    with pytest.raises(UserError, match=r"price_encoder: needs .*: materialize it first"):
        fit_one("price_encoder", *cars, upstream={})
    with pytest.raises(UserError, match="unknown transformer"):
        create("sales_encoder")
    columns, price = cars
    with pytest.raises(UserError, match="no rows"):
        fit_one("make_encoder", take(columns, np.arange(0)), price[:0], upstream={})
