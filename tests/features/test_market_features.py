"""Encodings of the features that a market declares."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from invented_cars import Cars, invented, save_all

from carprice_assets.features.feature_set import FeatureSet
from carprice_assets.features.fit import fit_all, load_fitted
from carprice_assets.features.market_features import MarketFeatures
from carprice_assets.features.price_encoder import vehicle_folds
from carprice_assets.listings.contract import take, text_array

NAME = "market_features"
WORTH = {"automatic": 1.25, "manual": 1.0, "": 1.1}


def declaring(rows: int, seed: int = 0) -> tuple[Cars, np.ndarray]:
    """Invented cars with a power and a gearbox that are worth something."""
    columns, price = invented(rows, seed)
    rng = np.random.default_rng([seed, 1])
    gearbox = rng.choice(list(WORTH), rows, p=[0.5, 0.4, 0.1])
    gearbox[:3] = "cvt"
    power = rng.uniform(50, 250, rows).round()
    price = price * np.array([WORTH.get(str(word), 1.0) for word in gearbox]) * (1 + power / 500)
    power[rng.random(rows) < 0.2] = np.nan
    return columns | {"power": power, "gearbox": text_array([str(w) for w in gearbox])}, price


@pytest.fixture(scope="module")
def sample() -> tuple[Cars, np.ndarray]:
    return declaring(800)


@pytest.fixture(scope="module")
def encoders(sample: tuple[Cars, np.ndarray]) -> dict:
    return fit_all(*sample, only=[NAME])


@pytest.fixture(scope="module")
def upstream(sample, encoders) -> dict:
    """The columns with the blocks of all upstream, as in training."""
    columns, price = sample
    have = dict(columns)
    for name, transformer in encoders.items():
        if name != NAME:
            have[name] = transformer.transform_training(have, price)
    return have


def test_a_market_that_declares_nothing_gets_no_column(feature_set) -> None:
    transformer = feature_set.transformers[NAME]
    assert transformer.feature_names == ()
    columns, _ = invented(5)
    assert transformer.transform(columns).shape == (5, 0)
    assert not any(name.startswith("market.") for name in feature_set.feature_names)


def test_numbers_and_words_have_their_columns(sample, encoders) -> None:
    columns, _ = sample
    transformer = encoders[NAME]
    assert transformer.feature_names == (
        "market.power", "market.power.missing",
        "market.gearbox.is_automatic", "market.gearbox.is_manual",
        "market.gearbox.other", "market.gearbox.missing",
        "market.gearbox.rest", "market.gearbox.model_rest",
    )  # fmt: skip
    part = {
        "make": text_array(["Astra"] * 4),
        "model": text_array(["Comet"] * 4),
        "power": np.array([90.0, np.nan, np.inf, 120.0]),
        "gearbox": text_array(["manual", "cvt", "", "warp"]),
    }
    block = transformer.transform(part)
    median = np.nanmedian(columns["power"])
    assert block[:, 0].tolist() == [90.0, median, median, 120.0]
    assert block[:, 1].tolist() == [0, 1, 1, 0]
    assert block[:, 2:6].tolist() == [[0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1], [0, 0, 1, 0]]
    assert (block[2, 6:] == 0).all()
    assert block[3, 6] == block[3, 7] != 0  # a word never seen has the mean of all


def test_what_a_word_is_worth_is_learned(encoders) -> None:
    part = {
        "make": text_array(["Astra", "Astra", "Nobody"]),
        "model": text_array(["Comet", "Comet", "Nothing"]),
        "gearbox": text_array(["automatic", "manual", "automatic"]),
    }
    rest, by_model = encoders[NAME].transform(part)[:, -2:].T
    assert rest[0] - rest[1] == pytest.approx(np.log(1.25), abs=0.05)
    assert by_model[0] - by_model[1] == pytest.approx(np.log(1.25), abs=0.08)
    assert by_model[2] == rest[2] == rest[0]  # an unknown model falls back to the word's own


def test_no_row_is_told_its_own_price(sample, upstream, encoders) -> None:
    """Each fold's prices changed: not a bit of that fold's rows moves, others' do."""
    columns, price = sample
    folds = vehicle_folds(columns)
    before = encoders[NAME].transform_training(upstream, price)
    own = folds == 3
    changed = np.where(own, price * 3.0, price)
    have = dict(upstream)
    have["price_encoder"] = encoders["price_encoder"].transform_training(have, changed)
    after = encoders[NAME].transform_training(have, changed)
    assert np.array_equal(after[own], before[own])
    assert not np.array_equal(after[~own], before[~own])


def test_training_values_are_those_of_a_fit_on_the_other_folds(sample, upstream, encoders) -> None:
    """Near those of all rows, but for what the own fold adds."""
    columns, price = sample
    inside = encoders[NAME].transform_training(upstream, price)
    outside = encoders[NAME].transform(columns)
    assert np.array_equal(inside[:, :6], outside[:, :6])
    known = columns["gearbox"] != ""
    assert np.abs(inside[known, 6] - outside[known, 6]).max() < 0.03
    assert not np.array_equal(inside[:, 6:], outside[:, 6:])


def test_state_goes_through_disk_and_the_bits_of_a_row_are_its_own(
    sample, encoders, tmp_path: Path
) -> None:
    columns, _ = sample
    folders = save_all(encoders, tmp_path)
    back, _ = load_fitted(folders[NAME])
    assert isinstance(back, MarketFeatures)
    block = back.transform(columns)
    assert back.feature_names == encoders[NAME].feature_names
    assert block.tobytes() == encoders[NAME].transform(columns).tobytes()
    one = back.transform(take(columns, np.array([7])))
    assert one.tobytes() == block[7:8].tobytes()


def test_the_whole_feature_set_reads_and_lacks_them(sample, tmp_path: Path) -> None:
    columns, price = sample
    features = FeatureSet.assemble(save_all(fit_all(columns, price), tmp_path))
    assert "market.power" in features.feature_names
    assert features.transform(columns).shape == (800, len(features.feature_names))
    bare = {name: values for name, values in columns.items() if name not in ("power", "gearbox")}
    at = [features.feature_names.index(f"market.{n}.missing") for n in ("power", "gearbox")]
    assert (features.transform(bare)[:, at] == 1).all()
    swapped = columns | {"power": columns["gearbox"], "gearbox": columns["power"]}
    assert (features.transform(swapped)[:, at] == 1).all()  # another kind counts as missing


def test_a_word_that_training_did_not_show_is_noted(encoders) -> None:
    part = {
        "make": text_array(["Astra"] * 3),
        "gearbox": text_array(["warp", "cvt", ""]),
    }
    notes = list(encoders[NAME].notes(part))
    assert [(row, note.code, note.field) for row, note in notes] == [(0, "unknown_word", "gearbox")]
    assert "'warp'" in notes[0][1].message


def test_rare_words_and_words_without_letters_get_names() -> None:
    columns, price = invented(120)
    words = ["a+", "a-", "日本", "rare"]
    columns["grade"] = text_array([words[min(i // 30, 3)] if i < 100 else "" for i in range(120)])
    names = fit_all(columns, price, only=[NAME])[NAME].feature_names
    assert names[:3] == ("market.grade.is_a", "market.grade.is_a_1", "market.grade.is_word_2")
    assert names[3] == "market.grade.other"
    assert len(set(names)) == len(names)


def test_a_feature_that_no_car_has_is_constant() -> None:
    columns, price = invented(60)
    columns |= {"power": np.full(60, np.nan), "gearbox": text_array([""] * 60)}
    transformer = fit_all(columns, price, only=[NAME])[NAME]
    block = transformer.transform(columns)
    assert np.isfinite(block).all()
    assert (block == block[0]).all()
    assert np.isfinite(transformer.transform(columns | {"power": np.full(60, 7.0)})).all()
