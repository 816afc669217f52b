"""An autoencoder in plain arrays: reconstruction and signed errors without torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from carprice_assets.bargains.inputs import Floats, Inputs
from carprice_assets.errors import UserError
from carprice_assets.features.base import Block
from carprice_assets.files import canonical_json, read_json

FORM = "form.json"
KIND = "autoencoder"
FORMAT = 1
ACTIVATIONS = ("linear", "relu", "sigmoid")
ROWS = 8_192
"""Rows reconstructed at a time."""


@dataclass(frozen=True)
class AutoencoderForm:
    """A fitted autoencoder: the reconstruction of a row from its inputs.

    Attributes
    ----------
    name
        Which of the autoencoders.
    inputs
        What it reads.
    weights, biases
        Of each layer, float32 (in, out) and (out,).
    activations
        Of each layer: ``linear``, ``relu`` or ``sigmoid``.
    spread
        Usual size of each input's error, float32 (inputs,): that of validation.
    reach, rest_weight
        Where in error space a bargain is looked for, see :class:`Direction`.
    """

    name: str
    inputs: Inputs
    weights: tuple[Floats, ...]
    biases: tuple[Floats, ...]
    activations: tuple[str, ...]
    spread: Floats
    reach: float
    rest_weight: float

    def reconstruct(self, encoded: Floats) -> Floats:
        """What the autoencoder makes of its inputs, float32 of the same shape."""
        parts: list[Floats] = []
        for start in range(0, len(encoded), ROWS):
            values = encoded[start : start + ROWS]
            for weight, bias, activation in zip(self.weights, self.biases, self.activations):
                values = _activate(values @ weight + bias, activation)
            parts.append(values)
        return np.concatenate(parts) if parts else np.empty_like(encoded)

    def errors(
        self, feature_names: Sequence[str], features: Block, price: NDArray[np.float64]
    ) -> Floats:
        """Signed errors in units of their usual spread, (rows, inputs).

        What the listing says less what the autoencoder makes of it: below 0 where it says less
        than the rest implies.
        """
        encoded = self.inputs.encode(feature_names, features, price)
        return (encoded - self.reconstruct(encoded)) / self.spread

    def save(self, folder: Path) -> None:
        """Write the head and one ``.npy`` file an array."""
        folder.mkdir(parents=True, exist_ok=True)
        settings, arrays = self.inputs.state()
        arrays["spread"] = self.spread
        for kind in ("weights", "biases"):
            arrays |= {f"{kind}_{i}": array for i, array in enumerate(getattr(self, kind))}
        for name, array in arrays.items():
            np.save(folder / f"{name}.npy", array, allow_pickle=False)
        head = {
            "kind": KIND,
            "format": FORMAT,
            "name": self.name,
            "inputs": settings,
            "activations": list(self.activations),
            "reach": self.reach,
            "rest_weight": self.rest_weight,
        }
        (folder / FORM).write_bytes(canonical_json(head))

    @classmethod
    def load(cls, folder: Path) -> AutoencoderForm:
        """Read what :meth:`save` wrote.

        Raises
        ------
        UserError
            For another kind or format, and where arrays do not fit each other; names the folder.
        """
        head: dict[str, Any] = read_json(folder / FORM)
        if head.get("kind") != KIND or head.get("format") != FORMAT:
            raise UserError(f"{folder / FORM}: no autoencoder of format {FORMAT}")

        def array(name: str) -> NDArray[Any]:
            return np.load(folder / f"{name}.npy", allow_pickle=False)

        try:
            activations = tuple(head["activations"])
            inputs = Inputs.restore(
                head["inputs"], {name: array(name) for name in ("center", "scale")}
            )
            form = cls(
                head["name"],
                inputs,
                tuple(array(f"weights_{i}") for i in range(len(activations))),
                tuple(array(f"biases_{i}") for i in range(len(activations))),
                activations,
                array("spread"),
                float(head["reach"]),
                float(head["rest_weight"]),
            )
            form._check()
        except (KeyError, TypeError, ValueError) as error:
            raise UserError(f"{folder}: malformed autoencoder: {error}") from error
        return form

    def _check(self) -> None:
        width = first = len(self.inputs.names)
        for weight, bias, activation in zip(self.weights, self.biases, self.activations):
            if weight.ndim != 2 or len(weight) != width or bias.shape != weight.shape[1:]:
                raise ValueError(f"a layer of shape {weight.shape} after {width} values")
            if activation not in ACTIVATIONS:
                raise ValueError(f"unknown activation {activation!r}")
            width = weight.shape[1]
        if width != first or self.spread.shape != (first,) or not (self.spread > 0).all():
            raise ValueError("the last layer or the spread does not fit the inputs")


def _activate(values: Floats, activation: str) -> Floats:
    if activation == "relu":
        return np.maximum(values, 0.0)
    if activation == "sigmoid":
        return (0.5 * (1.0 + np.tanh(0.5 * values))).astype(np.float32)
    return values
