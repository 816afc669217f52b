"""VIN parts: neutral without one, no whole VIN kept, no row told its own price."""

from __future__ import annotations

import json

import numpy as np
import pytest
from invented_cars import invented, invented_vin

from carprice_assets.features.fit import fit_all, training_blocks
from carprice_assets.features.vin_encoder import FEATURES, vin_parts
from carprice_assets.listings.contract import text_array

VDS = FEATURES.index("vin_rest_vds")
KNOWN = FEATURES.index("vin_known")
GOOD = invented_vin(1, 2021, 4)


def encoded(columns, price):
    fitted = fit_all(columns, price, only=["vin_encoder"])
    return fitted, training_blocks(fitted, columns, price)


def test_parts_are_the_maker_the_descriptor_and_the_year():
    assert len(GOOD) == 17
    assert vin_parts(GOOD) == (GOOD[:3], GOOD[:8], GOOD[:8] + GOOD[9])
    assert vin_parts(f" {GOOD.lower()[:9]} {GOOD.lower()[9:]} ") == vin_parts(GOOD)


@pytest.mark.parametrize(
    "text", ["", GOOD[:16], GOOD + "1", GOOD[:16] + "Q", GOOD[:-1] + "5", "not a vin at all"]
)
def test_what_is_no_valid_vin_has_no_parts_and_encodes_to_zeros(text, feature_set):
    assert vin_parts(text) == ()
    columns = invented(3)[0] | {"vin": text_array([text, GOOD, text])}
    block = feature_set.blocks(columns)["vin_encoder"]
    assert not block[[0, 2]].any()
    assert block[1, VDS]
    assert block[1, KNOWN] == 1
    without = {name: values for name, values in columns.items() if name != "vin"}
    assert not feature_set.blocks(without)["vin_encoder"].any()


def test_what_the_engine_is_worth_is_learned():
    columns, price = invented(1500, seed=3)
    engine = np.array([int(vin[7]) if vin else 0 for vin in columns["vin"]])
    price = price * np.array([1.0, 0.75, 1.0, 1.3])[engine]
    fitted, blocks = encoded(columns, price)
    for block in (blocks["vin_encoder"], fitted["vin_encoder"].transform({**columns, **blocks})):
        means = [block[engine == kind, VDS].mean() for kind in (1, 2, 3)]
        assert means[0] < -0.15
        assert means[0] < means[1] < means[2]
        assert means[2] > 0.15
        assert (block[:, KNOWN] == (engine > 0)).all()


def test_no_row_is_encoded_by_the_price_of_its_own_vehicle():
    columns, price = invented(300)
    changed = price.copy()
    changed[5] *= 50
    before = encoded(columns, price)[1]["vin_encoder"]
    after = encoded(columns, changed)[1]["vin_encoder"]
    own = columns["vehicle"] == columns["vehicle"][5]
    assert before[own, VDS].all()
    assert np.array_equal(before[own], after[own])
    assert not np.array_equal(before, after)


def test_the_state_holds_no_vin(fitted, folders, cars):
    words = fitted["vin_encoder"].state().settings["words"]
    assert words
    assert max(map(len, words)) <= 9
    kept = (folders["vin_encoder"] / "state.json").read_text()
    assert json.loads(kept)["settings"]["words"] == words
    serials = {vin[9:] for vin in cars[0]["vin"] if vin}
    assert not any(serial in kept for serial in serials)


def test_no_vin_at_all_still_fits():
    columns, price = invented(60)
    columns["vin"][:] = ""
    fitted, blocks = encoded(columns, price)
    assert not blocks["vin_encoder"].any()
    seen = fitted["vin_encoder"].transform({"vin": text_array([GOOD])})
    assert seen[0, KNOWN] == 1
    assert not seen[0, :KNOWN].any()
