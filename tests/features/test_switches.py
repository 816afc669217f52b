"""Features switched off: gone from every view, kept through disk, unknown names refused."""

from __future__ import annotations

import json
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from invented_cars import invented

from carprice_assets.artifacts import Artifact, ArtifactStore
from carprice_assets.errors import UserError
from carprice_assets.features.feature_set import OFF, FeatureSet
from carprice_assets.features.fit import save_fitted
from carprice_assets.features.registry import MATRIX
from carprice_assets.features.switches import check
from carprice_assets.features.training import FEATURES, HEAD, encode
from carprice_assets.listings.contract import FEATURE_FIELDS, text_array
from carprice_assets.markets.market import SIDES

SWITCHED = ("vin_encoder", "interior_color_vectors", "price_title", "make_astra")


@pytest.fixture(scope="module")
def reduced(feature_set: FeatureSet) -> FeatureSet:
    """The feature set with :data:`SWITCHED` off."""
    return feature_set.without(SWITCHED)


def test_switched_off_features_are_in_no_view(feature_set, reduced, cars):
    gone = set(feature_set.feature_names) - set(reduced.feature_names)
    assert {"price_title", "make_astra", "vin_known", "interior_color_0"} <= gone
    assert len(gone) == 2 + sum(
        len(feature_set.transformers[name].feature_names) for name in SWITCHED[:2]
    )
    kept = [feature_set.feature_names.index(name) for name in reduced.feature_names]
    assert kept == sorted(kept)
    columns, price = cars
    for view in ("transform", "scaled"):
        whole, part = getattr(feature_set, view)(columns), getattr(reduced, view)(columns)
        assert np.array_equal(part, whole[:, kept])
        training = f"{view}_training"
        whole = getattr(feature_set, training)(columns, price)
        assert np.array_equal(getattr(reduced, training)(columns, price), whole[:, kept])


def test_what_others_make_of_a_feature_stays(feature_set, reduced):
    columns, _ = invented(5)
    whole, part = feature_set.blocks(columns), reduced.blocks(columns)
    assert all(np.array_equal(whole[name], part[name]) for name in MATRIX)
    assert reduced.notes(columns) == feature_set.notes(columns)
    assert np.array_equal(reduced.transform(part), reduced.transform(columns))


def test_switches_go_through_disk(feature_set, reduced, tmp_path):
    reduced.save(tmp_path / "reduced")
    back = FeatureSet.load(tmp_path / "reduced")
    assert back.feature_names == reduced.feature_names
    assert json.loads((tmp_path / "reduced" / OFF).read_text())["off"] == sorted(reduced.off)
    feature_set.save(tmp_path / "whole")
    assert not (tmp_path / "whole" / OFF).exists()


def test_a_switch_that_this_feature_set_has_not_is_refused(reduced, tmp_path):
    reduced.save(tmp_path / "set")
    (tmp_path / "set" / OFF).write_text('{"off": ["vin_colour"]}')
    with pytest.raises(UserError, match="no transformer or feature is called 'vin_colour'"):
        FeatureSet.load(tmp_path / "set")


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("vin_encodr", "no transformer or feature is called 'vin_encodr': did you mean 'vin_enco"),
        ("qqqqqq", "no transformer or feature is called 'qqqqqq'$"),
        ("scaler", "regressors see nothing of scaler"),
        ("outlier_detector", "regressors see nothing of outlier_detector"),
        ("outlier_score", "regressors see nothing of outlier_score"),
    ],
)
def test_unknown_names_are_refused_with_what_is_spelled_alike(name, line, feature_set):
    with pytest.raises(UserError, match=f"^features_off: {line}"):
        feature_set.without(["vin_encoder", name])
    with pytest.raises(UserError, match=f"^here: {line}"):
        check(["vin_encoder", name], "here")


def test_what_only_listings_can_tell_is_known_after_a_fit(feature_set):
    check([*MATRIX, "age", "words_expected", "make_borgward", "market.power"], "here")
    with pytest.raises(UserError, match="'make_borgward'"):
        feature_set.without(["make_borgward"])


def test_something_must_be_left(feature_set):
    with pytest.raises(UserError, match="no feature is left"):
        feature_set.without(MATRIX)
    with pytest.raises(UserError, match="no feature is left"):
        feature_set.without(MATRIX[:-1]).without(MATRIX[-1:])


def test_the_encoded_sides_are_without_them(fitted, feature_set, cars, tmp_path):
    store = ArtifactStore(tmp_path)
    dataset = store.put(lambda folder: write_dataset(folder, cars))
    addresses: dict[str, str] = {}
    states: dict[str, Artifact] = {}
    for name, transformer in fitted.items():
        states[name] = store.put(partial(save, transformer, dataset.address, addresses))
        addresses[name] = states[name].address
    encoding = encode(
        states,
        dataset,
        store,
        drop_outliers=False,
        progress=lambda line: None,
        features_off=SWITCHED,
    )
    names = feature_set.without(SWITCHED).feature_names
    head = json.loads((encoding.artifact.path / HEAD).read_text())
    assert head["feature_names"] == list(encoding.features) == list(names)
    assert {"price_title", "vin_known", "make_astra"} <= set(head["features_off"])
    for side in ("train", "validation"):
        assert np.load(encoding.artifact.path / f"{side}.npy").shape == (600, len(names))
    assert FeatureSet.load(encoding.artifact.path / FEATURES).feature_names == names
    whole = encode(states, dataset, store, drop_outliers=False, progress=lambda line: None)
    assert whole.features == feature_set.feature_names
    assert json.loads((whole.artifact.path / HEAD).read_text())["features_off"] == []


def save(transformer, dataset, addresses, folder):
    save_fitted(transformer, folder, dataset, addresses)


def write_dataset(folder, cars):
    """A dataset whose sides are all the same cars."""
    columns, price = cars
    blank = text_array([""] * len(price))
    have = {field.name: columns.get(field.name, blank) for field in FEATURE_FIELDS}
    have |= {"price": price, "vehicle": columns["vehicle"], "listing_id": blank, "source": blank}
    have["observed_at"] = columns["observed_at"].astype("datetime64[D]")
    table = pa.table({name: pa.array(values) for name, values in have.items()})
    for side in SIDES:
        pq.write_table(table, folder / f"{side}.parquet")
    (folder / "dataset.json").write_text("{}")


def test_a_feature_of_the_markets_own_must_be_declared():
    check(["market.power", "market.gearbox.model_rest", "market.any"], "here")
    check(["market.power", "market.gearbox.model_rest"], "here", ["power", "gearbox"])
    for name, hint in (("market.powr", "'market.power'"), ("power", "'market.power'")):
        with pytest.raises(UserError, match=f"called '{name}': did you mean {hint}"):
            check([name], "here", ["power", "gearbox"])
    with pytest.raises(UserError, match=r"called 'market\.gearboxes'"):
        check(["market.gearboxes"], "here", ["power", "gearbox"])
