"""What networks read, which member sees which car, and what their form refuses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from carprice_assets.errors import UserError
from carprice_assets.features.base import Block
from carprice_assets.regressors.base import FitSettings, Side
from carprice_assets.regressors.network import Network, make_task
from carprice_assets.regressors.network_form import NetworkForm
from carprice_assets.regressors.network_inputs import Inputs
from carprice_assets.regressors.pytorch_network import PyTorchNetwork
from carprice_assets.regressors.serving import load_serving_form
from carprice_assets.regressors.tensorflow_network import TensorFlowNetwork

NAMES = ("age", "mileage", "price_expected", "code_make", "code_dealer", "word_1", "word_2")
QUICK = {"members": 2, "width": 16, "least_steps": 120, "price_features": True}
FAMILIES = {"pytorch": PyTorchNetwork, "tensorflow": TensorFlowNetwork}


def cars(rows: int, seed: int) -> Side:
    """Cars of five makes, 0 is unknown; the make is worth 20 % a number."""
    rng = np.random.default_rng(seed)
    age, miles = rng.random(rows) * 10, rng.random(rows) * 90_000
    make = rng.integers(0, 6, rows)
    words = rng.integers(0, 4, (rows, 2))
    expected = 10.5 - 0.08 * age
    log_price = expected + 0.2 * (make - 2.5) - miles / 400_000 + rng.normal(0, 0.02, rows)
    columns = [age, miles, expected, make, rng.integers(0, 9, rows), *words.T]
    return Side(
        np.column_stack(columns).astype(np.float32), np.exp(log_price), rng.integers(0, 10, rows)
    )


def fitted(kind: str, **more: object) -> tuple[Network, Side]:
    regressor, train = FAMILIES[kind](), cars(600, 1)
    settings = FitSettings(1, NAMES, parameters=QUICK | more)
    regressor.fit(train, cars(200, 2), settings, lambda line: None)
    return regressor, train


def test_an_unseen_code_is_the_unknown_one() -> None:
    inputs = Inputs.of(NAMES, cars(300, 1))
    row = cars(1, 2).features
    strange = row.copy()
    strange[0, 3], strange[0, 5] = 77, 50
    _, codes, words = inputs.split(strange)
    assert codes[0, 0] == 0
    assert words[0, 0] == 0


def test_numbers_beyond_the_training_are_cut_off() -> None:
    train = cars(300, 1)
    inputs = Inputs.of(NAMES, train)
    oldest = train.features[[int(train.features[:, 0].argmax())]]
    older = oldest.copy()
    older[0, 0] += 50
    np.testing.assert_allclose(inputs.split(older)[0], inputs.split(oldest)[0], atol=1e-5)


@pytest.mark.parametrize(
    ("view", "read"),
    [
        ("all", NAMES),
        ("unpriced", ("age", "mileage", *NAMES[3:])),
        ("reference", ("age", "mileage")),
    ],
)
def test_a_view_reads_its_features(view: str, read: tuple[str, ...]) -> None:
    assert Inputs.of(NAMES, cars(50, 1), view).names == read  # type: ignore[arg-type]


def test_each_car_is_hidden_from_one_member_and_its_vehicle_with_it() -> None:
    train = cars(400, 1)
    task = make_task(NAMES, train, cars(50, 2), Network.defaults | QUICK | {"members": 4})
    np.testing.assert_array_equal(task.shown.sum(axis=1), 3)
    assert train.folds is not None
    for fold in range(10):
        assert len(np.unique(task.shown[train.folds == fold], axis=0)) == 1


@pytest.mark.parametrize("kind", sorted(FAMILIES))
def test_out_of_fold_prices_do_not_know_their_own_car(kind: str) -> None:
    """One car at a hundred times its price: the members that learned from it may know."""
    regressor, train = FAMILIES[kind](), cars(200, 1)
    odd = Side(train.features.copy(), train.price.copy(), np.arange(200) % 2)
    odd.features[7, 3] = 6.0  # a make of its own
    odd.price[7] *= 100
    settings = FitSettings(1, NAMES, parameters=QUICK | {"least_steps": 900, "weight_decay": 0.0})
    regressor.fit(odd, cars(100, 2), settings, lambda line: None)
    assert regressor.out_of_fold is not None
    seen = regressor.predict(odd.features)[7]
    assert regressor.out_of_fold[7] < seen
    assert regressor.out_of_fold[7] < 3 * train.price[7]


@pytest.mark.parametrize("kind", sorted(FAMILIES))
def test_the_reference_architecture_is_fitted_and_served(kind: str, tmp_path: Path) -> None:
    regressor, train = fitted(kind, architecture="reference")
    regressor.save(tmp_path)
    form = load_serving_form(tmp_path / "serving", NAMES)
    expected = regressor.predict(train.features)
    np.testing.assert_allclose(form.predict(train.features), expected, rtol=1e-4)
    widths = [np.load(tmp_path / "serving" / f"weights_{i}.npy").shape[2] for i in range(4)]
    assert widths == [50, 30, 15, 1]


def test_an_unknown_architecture_is_named() -> None:
    with pytest.raises(UserError, match="unknown architecture 'wide'"):
        fitted("pytorch", architecture="wide")


def test_arrays_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    regressor, _ = fitted("pytorch")
    regressor.save(tmp_path)
    path = tmp_path / "serving" / "weights_1.npy"
    np.save(path, np.load(path)[:, :, :-1])
    with pytest.raises(UserError, match="do not fit each other"):
        NetworkForm.load(tmp_path / "serving")


def alone(form: NetworkForm, features: Block) -> np.ndarray:
    return np.array([form.predict(row[None, :])[0] for row in features])


def test_a_car_alone_costs_what_it_costs_among_others(tmp_path: Path) -> None:
    regressor, train = fitted("pytorch")
    regressor.save(tmp_path)
    form = NetworkForm.load(tmp_path / "serving")
    np.testing.assert_allclose(
        alone(form, train.features[:40]), form.predict(train.features)[:40], rtol=1e-5
    )
