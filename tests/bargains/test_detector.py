"""The detector: weighed, kept, and the same from disk."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from carprice_assets.bargains.detector import Detector, Offers
from carprice_assets.bargains.direction import Direction
from carprice_assets.bargains.form import AutoencoderForm
from carprice_assets.bargains.inputs import Inputs
from carprice_assets.bargains.planting import plant, precision
from carprice_assets.errors import UserError
from carprice_assets.files import canonical_json, read_json

NAMES = ("worth", "noise")
ROWS = 2_000


def invented(seed: int) -> Offers:
    draws = np.random.default_rng(seed)
    worth = draws.normal(10, 0.5, ROWS)
    features = np.column_stack([worth, draws.normal(0, 1, ROWS)]).astype(np.float32)
    expected = np.exp(worth + draws.normal(0, 0.1, ROWS))
    price = np.exp(worth + draws.normal(0, 0.06, ROWS))
    return Offers(features, price, expected, expected * 0.85)


def form(name: str, weight: float) -> AutoencoderForm:
    """A form that says: the price is ``weight`` times what the worth implies."""
    offers = invented(0)
    inputs = Inputs.of(NAMES, offers.features, offers.price)
    layer = np.diag([1.0, 1.0, 0.0]).astype(np.float32)
    layer[0, 2] = weight
    bias = np.zeros(3, np.float32)
    spread = np.full(3, 0.2, np.float32)
    return AutoencoderForm(name, inputs, (layer,), (bias,), ("linear",), spread, 4.0, 0.1)


def detector() -> Detector:
    # In another order than by name, and of unlike worth, so that a mix-up shows.
    members = {"z_good": form("z_good", 1.0), "a_poor": form("a_poor", -1.0)}
    direction = Direction.parse(["price-"])
    return Detector.calibrate(NAMES, members, direction, "catboost", invented(1), seed=3)


def test_from_disk_it_ranks_as_it_was_weighed(tmp_path: Path) -> None:
    made = detector()
    made.save(tmp_path / "bargains")
    again = Detector.load(tmp_path / "bargains")
    assert again is not None
    offers = invented(2)
    assert (again.scores(offers).rank_by == made.scores(offers).rank_by).all()
    assert again.evidence(replace_rows(offers, 2)) == made.evidence(replace_rows(offers, 2))
    planted = plant(offers.price, seed=4)
    lowered = replace(offers, price=planted.price)
    scores = again.scores(lowered)
    both = precision(scores.rank_by, planted.is_planted)
    assert both > precision(-scores.in_range, planted.is_planted), "the better form helps"
    assert both > 0.7


def replace_rows(offers: Offers, count: int) -> Offers:
    return Offers(
        offers.features[:count], offers.price[:count], offers.expected[:count], offers.low[:count]
    )


def test_the_residual_alone_is_a_detector() -> None:
    alone = Detector.calibrate(
        NAMES, {}, Direction.parse(["price-"]), "catboost", invented(1), seed=3
    )
    planted = plant(invented(2).price, seed=4)
    lowered = replace(invented(2), price=planted.price)
    assert precision(alone.scores(lowered).rank_by, planted.is_planted) > 0.3
    assert alone.evidence(replace_rows(lowered, 1)) == [{}]


def test_nothing_to_learn_from_is_refused() -> None:
    nothing = np.full(ROWS, np.nan)
    offers = replace(invented(1), expected=nothing, low=nothing)
    with pytest.raises(UserError, match="no validation car"):
        Detector.calibrate(NAMES, {}, Direction.parse(["price-"]), "catboost", offers, seed=1)


def test_a_damaged_detector_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "bargains"
    detector().save(folder)
    head = read_json(folder / "detector.json")
    (folder / "detector.json").write_bytes(canonical_json(head | {"members": ["a_poor"]}))
    with pytest.raises(UserError, match="weighs other signals"):
        Detector.load(folder)
    (folder / "detector.json").write_bytes(canonical_json(head | {"format": 2}))
    with pytest.raises(UserError, match="format"):
        Detector.load(folder)
