"""The four autoencoders on invented cars, and their serving form."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from carprice_assets.bargains.autoencoders import KINDS, parameters_of, train
from carprice_assets.bargains.direction import Direction
from carprice_assets.bargains.form import AutoencoderForm
from carprice_assets.bargains.inputs import REACH, Inputs
from carprice_assets.errors import UserError
from carprice_assets.files import canonical_json, read_json

NAMES = ("year", "mileage", "price_expected", "noise", "code_make", "rest_make", "constant")
FEW = {"epochs": 12, "steps_an_epoch": 0, "batch": 256, "width": 32, "latent": 3}


def invented(seed: int, rows: int = 3_000) -> tuple[np.ndarray, np.ndarray]:
    draws = np.random.default_rng(seed)
    worth = draws.normal(10, 0.5, rows)
    features = np.column_stack(
        [
            2010 + 8 * (worth - 10) + draws.normal(0, 0.6, rows),
            np.exp(11 - (worth - 10) + draws.normal(0, 0.1, rows)),
            worth + draws.normal(0, 0.06, rows),
            draws.normal(0, 1, rows),
            draws.integers(0, 50, rows),
            draws.normal(0, 1e-6, rows),
            np.ones(rows),
        ]
    ).astype(np.float32)
    return features, np.exp(worth + draws.normal(0, 0.05, rows))


def fitted(name: str, seed: int = 1) -> AutoencoderForm:
    features, price = invented(1)
    inputs = Inputs.of(NAMES, features, price)
    rows = inputs.encode(NAMES, features, price)
    parameters = parameters_of(name, FEW)
    layers = train(rows, rows[:500], parameters, seed=seed, progress=lambda line: None)
    spread = np.full(len(inputs.names), 0.2, np.float32)
    return AutoencoderForm(
        name, inputs, layers.weights, layers.biases, layers.activations, spread, 4.0, 0.1
    )


def test_inputs_leave_out_codes_corrections_and_constants_and_end_with_the_price() -> None:
    inputs = Inputs.of(NAMES, *invented(1))
    assert inputs.names == ("year", "mileage", "price_expected", "noise", "price")


def test_inputs_are_cut_off_and_refuse_a_missing_feature() -> None:
    features, price = invented(1)
    inputs = Inputs.of(NAMES, features, price)
    features[0, 0] = 1e9
    assert np.abs(inputs.encode(NAMES, features, price)).max() == REACH
    with pytest.raises(UserError, match="mileage"):
        inputs.encode(tuple(f"x_{name}" if name == "mileage" else name for name in NAMES),
                      features, price)  # fmt: skip


@pytest.mark.parametrize("name", list(KINDS))
def test_each_finds_lowered_prices_and_gives_the_same_from_disk(name: str, tmp_path: Path) -> None:
    form = fitted(name)
    features, price = invented(2, 1_000)
    low = np.arange(1_000) < 50
    errors = form.errors(NAMES, features, np.where(low, price * 0.6, price))
    far = Direction.parse(["price-"]).distance(
        errors, form.inputs.names, reach=form.reach, rest_weight=form.rest_weight
    )
    found = np.argsort(far)[:50] < 50
    assert found.mean() > 0.6, "of the fifty nearest"
    assert errors[low, -1].mean() < -0.5
    assert abs(errors[~low, -1].mean()) < 0.25
    form.save(tmp_path)
    again = AutoencoderForm.load(tmp_path)
    assert (again.errors(NAMES, features, price) == form.errors(NAMES, features, price)).all()


def test_a_fit_tells_a_tenth_of_its_epochs() -> None:
    # A small market takes hundreds: what a training has to say must not drown in them.
    rows = fitted("plain_autoencoder").inputs.encode(NAMES, *invented(1))
    told: list[str] = []
    parameters = parameters_of("plain_autoencoder", {**FEW, "epochs": 98})
    train(rows, rows[:500], parameters, seed=1, progress=told.append)
    assert [line.partition(":")[0] for line in told] == [
        f"epoch {epoch} of 98" for epoch in (*range(10, 98, 10), 98)
    ]


def test_sparse_ones_are_sparse() -> None:
    rows = fitted("plain_autoencoder").inputs.encode(NAMES, *invented(1))

    def active(**changed: float) -> float:
        parameters = parameters_of("kl_autoencoder", {**FEW, "latent": 16, **changed})
        layers = train(rows, rows[:500], parameters, seed=1, progress=lambda line: None)
        hidden = np.maximum(rows @ layers.weights[0] + layers.biases[0], 0)
        return float((1 / (1 + np.exp(-(hidden @ layers.weights[1] + layers.biases[1])))).mean())

    assert active(kl=1.0) < 0.7 * active(kl=0.0)


def test_a_fit_can_be_repeated() -> None:
    one, same, other = (fitted("dropout_autoencoder", seed) for seed in (1, 1, 2))
    assert all((a == b).all() for a, b in zip(one.weights, same.weights))
    assert not (one.weights[0] == other.weights[0]).all()


def test_a_damaged_form_is_refused(tmp_path: Path) -> None:
    form = fitted("plain_autoencoder")
    form.save(tmp_path)
    np.save(tmp_path / "biases_1.npy", np.zeros(7, np.float32))
    with pytest.raises(UserError, match="malformed"):
        AutoencoderForm.load(tmp_path)
    replace(form, spread=np.zeros_like(form.spread)).save(tmp_path)
    with pytest.raises(UserError, match="spread"):
        AutoencoderForm.load(tmp_path)
    head = read_json(tmp_path / "form.json")
    (tmp_path / "form.json").write_bytes(canonical_json(head | {"format": 9}))
    with pytest.raises(UserError, match="format"):
        AutoencoderForm.load(tmp_path)
