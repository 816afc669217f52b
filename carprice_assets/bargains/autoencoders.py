"""The four autoencoders, trained by PyTorch."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from carprice_assets.bargains.inputs import Floats

Progress = Callable[[str], None]

DEFAULTS: Mapping[str, Any] = {
    "width": 128,
    "latent": 16,
    "latent_activation": "linear",
    "epochs": 30,
    "steps_an_epoch": 14,
    "batch": 512,
    "learning_rate": 2e-3,
    "dropout": 0.0,
    "l1": 0.0,
    "kl": 0.0,
    "sparsity": 0.05,
}
KINDS: Mapping[str, Mapping[str, Any]] = {
    "plain_autoencoder": {},
    "dropout_autoencoder": {"dropout": 0.1, "latent": 24},
    "l1_autoencoder": {"l1": 1e-3, "latent": 64, "latent_activation": "relu"},
    "kl_autoencoder": {"kl": 1e-2, "latent": 64, "latent_activation": "sigmoid"},
}
"""Name to what it changes of :data:`DEFAULTS`."""
DOCS: Mapping[str, str] = {
    "plain_autoencoder": "The plain autoencoder: what a narrow middle layer keeps of a listing.",
    "dropout_autoencoder": (
        "The dropout autoencoder: it reconstructs a listing of which a tenth of the inputs is"
        " hidden at random (Vincent et al., 2008), so that no input may simply be copied."
    ),
    "l1_autoencoder": (
        "The L1-sparse autoencoder: a wide middle layer whose activations are held near 0 by"
        " their absolute values."
    ),
    "kl_autoencoder": (
        "The KL-sparse autoencoder: a wide middle layer of which each unit is active for a few"
        " per cent of the listings, held there by the Kullback-Leibler divergence (Ng, 2011)."
    ),
}
LOOKED_AT = 8_192


@dataclass(frozen=True)
class Layers:
    """A trained network in arrays, and the loss of each epoch by curve name."""

    weights: tuple[Floats, ...]
    biases: tuple[Floats, ...]
    activations: tuple[str, ...]
    curves: Mapping[str, list[float]]


def parameters_of(name: str, given: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Defaults of the autoencoder called ``name``, with what ``given`` changes."""
    return {**DEFAULTS, **KINDS[name], **(given or {})}


def train(
    train_rows: Floats,
    validation: Floats,
    parameters: Mapping[str, Any],
    *,
    seed: int,
    progress: Progress,
) -> Layers:
    """Fit one autoencoder; the epoch with the least validation error is kept.

    Parameters
    ----------
    train_rows, validation
        Encoded inputs, float32 (rows, inputs).
    parameters
        All of :data:`DEFAULTS`.
    """
    import torch

    threads = torch.get_num_threads()
    # Matrices of this size are multiplied faster by one thread than by two.
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    try:
        return _fit(train_rows, validation, parameters, seed, progress)
    finally:
        torch.set_num_threads(threads)


def _fit(
    train_rows: Floats,
    validation: Floats,
    parameters: Mapping[str, Any],
    seed: int,
    progress: Progress,
) -> Layers:
    import torch

    network = _Network(train_rows.shape[1], parameters)
    draws = np.random.default_rng(seed)
    size = min(int(parameters["batch"]), len(train_rows))
    batches = max(len(train_rows) // size, 1)
    asked = int(parameters["epochs"])
    epochs = max(asked, math.ceil(asked * parameters["steps_an_epoch"] / batches))
    rows, held = torch.from_numpy(train_rows), torch.from_numpy(validation)
    top = float(parameters["learning_rate"])
    step: Any = torch.optim.AdamW(network.all, lr=top, weight_decay=1e-5)
    rate = torch.optim.lr_scheduler.OneCycleLR(
        step, top, total_steps=max(epochs * batches, 10), pct_start=0.2
    )
    curves: dict[str, list[float]] = {"train_error": [], "validation_error": []}
    told = max(5, math.ceil(epochs / 10))
    best, kept = math.inf, [each.detach().clone() for each in network.all]
    for epoch in range(epochs):
        order = torch.from_numpy(draws.permutation(len(train_rows)))
        total = 0.0
        for batch in range(batches):
            seen = rows[order[batch * size : (batch + 1) * size]]
            error, penalty = network.loss(seen)
            step.zero_grad()
            (error + penalty).backward()
            step.step()
            rate.step()
            total += float(error.detach())
        found = network.error(held)
        curves["train_error"].append(total / batches)
        curves["validation_error"].append(found)
        if (epoch + 1) % told == 0 or epoch == epochs - 1:
            progress(f"epoch {epoch + 1} of {epochs}: validation error {found:.5g}")
        if found < best:
            best, kept = found, [each.detach().clone() for each in network.all]
    with torch.no_grad():
        for each, value in zip(network.all, kept):
            each.copy_(value)
    arrays = [np.ascontiguousarray(each.detach().numpy()) for each in network.all]
    return Layers(tuple(arrays[0::2]), tuple(arrays[1::2]), network.activations, curves)


class _Network:
    """Inputs to a hidden layer, a middle layer, a hidden layer, and back to the inputs."""

    def __init__(self, inputs: int, parameters: Mapping[str, Any]) -> None:
        import torch

        self.parameters = parameters
        width, latent = int(parameters["width"]), int(parameters["latent"])
        self.activations = ("relu", str(parameters["latent_activation"]), "relu", "linear")
        self.all: list[Any] = []
        entering = inputs
        for leaving in (width, latent, width, inputs):
            reach = entering**-0.5
            self.all.append(
                torch.nn.Parameter(torch.empty(entering, leaving).uniform_(-reach, reach))
            )
            self.all.append(torch.nn.Parameter(torch.zeros(leaving)))
            entering = leaving

    def forward(self, rows: Any) -> tuple[Any, Any]:
        """The reconstruction, and what the middle layer says."""
        import torch

        values, middle = rows, rows
        for place, activation in enumerate(self.activations):
            values = values @ self.all[2 * place] + self.all[2 * place + 1]
            if activation == "relu":
                values = torch.relu(values)
            elif activation == "sigmoid":
                values = torch.sigmoid(values)
            if place == 1:
                middle = values
        return values, middle

    def loss(self, rows: Any) -> tuple[Any, Any]:
        """Mean squared error of the rows, and the penalty on the middle layer."""
        import torch
        from torch.nn import functional

        given, settings = rows, self.parameters
        if settings["dropout"]:
            given = functional.dropout(rows, float(settings["dropout"]))
        found, middle = self.forward(given)
        penalty = torch.zeros(())
        if settings["l1"]:
            penalty = penalty + float(settings["l1"]) * middle.abs().mean()
        if settings["kl"]:
            wanted = float(settings["sparsity"])
            active = middle.mean(dim=0).clamp(1e-6, 1 - 1e-6)
            divergence = wanted * torch.log(wanted / active)
            divergence = divergence + (1 - wanted) * torch.log((1 - wanted) / (1 - active))
            penalty = penalty + float(settings["kl"]) * divergence.mean()
        return (found - rows).square().mean(), penalty

    def error(self, rows: Any) -> float:
        """Mean squared error of all rows, nothing hidden."""
        import torch

        total = 0.0
        with torch.no_grad():
            for start in range(0, len(rows), LOOKED_AT):
                part = rows[start : start + LOOKED_AT]
                total += float((self.forward(part)[0] - part).square().mean(dim=1).sum())
        return total / max(len(rows), 1)
