"""A trained network in plain arrays: the forward pass without the framework."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from carprice_assets.errors import UserError
from carprice_assets.features.base import Block
from carprice_assets.files import read_json
from carprice_assets.regressors.network_inputs import ARRAYS, Floats, Inputs

CHEAPEST = 1.0
"""A network of the price itself may answer below zero; nothing costs less than this."""
STEEPEST = 40.0
SETTINGS = ("inputs", "depth", "activation", "residual", "target", "mean", "spread")


@dataclass(frozen=True)
class NetworkForm:
    """Members of one architecture side by side; the price is their mean in log price.

    Attributes
    ----------
    inputs
        What it reads.
    tables
        One embedding table an input of ``inputs.sizes``, float32 (members, codes, width).
    weights, biases
        Of each layer, float32 (members, in, out) and (members, 1, out); the last gives one.
    linear
        Weights from the numbers straight to the answer, float32 (members, width, 1).
    activation
        ``silu`` or ``relu``, after every layer but the last.
    residual
        Layers whose input is added to their output.
    target
        ``log_price`` or ``price``: what the answer, times ``spread`` plus ``mean``, is.
    """

    inputs: Inputs
    tables: tuple[Floats, ...]
    weights: tuple[Floats, ...]
    biases: tuple[Floats, ...]
    linear: Floats
    activation: str
    residual: tuple[int, ...]
    target: str
    mean: float
    spread: float

    def predict(self, features: Block) -> NDArray[np.float64]:
        """Prices in the market's currency, shape (rows,)."""
        return np.exp(self.log_prices(features).mean(axis=0))

    def log_prices(self, features: Block) -> NDArray[np.float64]:
        """The log price by each member, (members, rows)."""
        numbers, codes, words = self.inputs.split(features)
        members = len(self.linear)
        parts = [np.broadcast_to(numbers, (members, *numbers.shape))]
        parts += [table[:, codes[:, place]] for place, table in enumerate(self._code_tables)]
        if words.shape[1]:
            parts.append(self._word_sums(words))
        values = np.concatenate(parts, axis=2)
        last = len(self.weights) - 1
        for place, (weight, bias) in enumerate(zip(self.weights, self.biases)):
            before = values
            values = before @ weight + bias
            if place < last:
                values = _activate(values, self.activation)
            if place in self.residual:
                values = values + before
        answers = (values + numbers @ self.linear)[:, :, 0].astype(np.float64)
        return self.to_log_prices(answers, features)

    def to_log_prices(self, answers: NDArray[np.float64], features: Block) -> NDArray[np.float64]:
        """Log prices of scaled ``answers``, both (members, rows)."""
        answer = answers * self.spread + self.mean
        if self.target == "price":
            return np.log(np.maximum(answer, CHEAPEST))
        return np.clip(answer + self.inputs.offsets(features), -STEEPEST, STEEPEST)

    @property
    def _code_tables(self) -> tuple[Floats, ...]:
        return self.tables[: len(self.inputs.codes)]

    def _word_sums(self, words: NDArray[np.int64]) -> Floats:
        table = self.tables[-1]
        total = np.zeros((len(table), len(words), table.shape[2]), np.float32)
        for place in range(words.shape[1]):  # a car has twelve words at most
            total += table[:, words[:, place]]
        return total

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Settings for JSON and arrays for ``.npy``."""
        inputs, arrays = self.inputs.state()
        settings = {
            "inputs": inputs,
            "depth": len(self.weights),
            "activation": self.activation,
            "residual": list(self.residual),
            "target": self.target,
            "mean": self.mean,
            "spread": self.spread,
        }
        for kind in ("tables", "weights", "biases"):
            arrays |= {f"{kind}_{i}": array for i, array in enumerate(getattr(self, kind))}
        return settings, arrays | {"linear": self.linear}

    def save(self, folder: Path) -> dict[str, Any]:
        """Write the arrays and give the settings, which belong into the form's head."""
        settings, arrays = self.state()
        for name, array in arrays.items():
            np.save(folder / f"{name}.npy", array, allow_pickle=False)
        return settings

    @classmethod
    def load(cls, folder: Path) -> NetworkForm:
        """Read what :meth:`save` wrote, from the settings in ``form.json``.

        Raises
        ------
        UserError
            Where arrays do not fit each other; names the folder.
        """
        head = read_json(folder / "form.json")
        settings: Mapping[str, Any] = head["settings"]
        if unknown := set(settings) ^ set(SETTINGS):
            raise UserError(f"{folder / 'form.json'}: unknown or missing setting {min(unknown)!r}")

        def array(name: str) -> NDArray[Any]:
            return np.load(folder / f"{name}.npy", allow_pickle=False)

        sizes = settings["inputs"]["sizes"]
        form = cls(
            Inputs.restore(
                head["feature_names"],
                settings["inputs"],
                {name: array(name) for name in ARRAYS},
            ),
            tuple(array(f"tables_{i}") for i in range(len(sizes))),
            tuple(array(f"weights_{i}") for i in range(int(settings["depth"]))),
            tuple(array(f"biases_{i}") for i in range(int(settings["depth"]))),
            array("linear"),
            str(settings["activation"]),
            tuple(settings["residual"]),
            str(settings["target"]),
            float(settings["mean"]),
            float(settings["spread"]),
        )
        form.require_fitting(folder)
        return form

    def require_fitting(self, where: Path) -> None:
        """Raise a UserError unless every array has the shape that the others ask for."""
        members, numbers = len(self.linear), len(self.inputs.numbers)
        entering = self.inputs.width
        width = entering + sum(table.shape[2] for table in self.tables)
        shapes: list[tuple[tuple[int, ...], tuple[int, ...]]] = [
            (table.shape[:2], (members, size))
            for table, size in zip(self.tables, self.inputs.sizes, strict=True)
        ]
        shapes += [(getattr(self.inputs, name).shape, (numbers,)) for name in ARRAYS[:-1]]
        shapes.append((self.inputs.edges.shape[:1], (len(self.inputs.bent),)))
        shapes.append((self.linear.shape, (members, entering, 1)))
        for weight, bias in zip(self.weights, self.biases, strict=True):
            shapes.append((weight.shape[:2], (members, width)))
            width = weight.shape[2]
            shapes.append((bias.shape, (members, 1, width)))
        shapes.append(((width,), (1,)))
        if any(found != wanted for found, wanted in shapes):
            raise UserError(f"{where}: the arrays of the network do not fit each other")
        if self.activation not in ("silu", "relu") or self.target not in ("price", "log_price"):
            raise UserError(f"{where}: unknown activation or target")


def _activate(values: Floats, kind: str) -> Floats:
    if kind == "relu":
        return np.maximum(values, 0.0)
    return values / (np.float32(1.0) + np.exp(np.minimum(-values, np.float32(80.0))))
