"""A network of embeddings and scaled numbers, by PyTorch."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from carprice_assets.regressors.base import FitSettings, Progress, Report
from carprice_assets.regressors.network import (
    REFERENCE_PATIENCE,
    Network,
    Rows,
    Task,
    Trained,
    entering,
    schedule,
    table_widths,
)
from carprice_assets.regressors.network_inputs import Codes, Floats

WARM_UP = 0.15
LOOKED_AT = 4_096
"""Rows answered at a time: a whole side at once would take gigabytes."""


class PyTorchNetwork(Network):
    """Embeddings of names and words beside scaled numbers, three layers, by PyTorch.

    Four members are trained side by side on the absolute error of the log price, each without
    one part of the vehicles, and their answers averaged: what a member says of the part that it
    never saw is the out-of-fold prediction. AdamW (Loshchilov, Hutter, 2019) under a one-cycle
    rate (Smith, Topin, 2018), dropout; the epoch with the least validation error is kept.
    ``architecture = "reference"`` is the reference's 50-30-15-1 on its own features.
    """

    name = "pytorch_network"

    def __init__(self) -> None:
        super().__init__(train)


def train(
    task: Task,
    parameters: Mapping[str, Any],
    settings: FitSettings,
    progress: Progress,
    report: Report,
) -> Trained:
    """Train all members of ``task`` and keep those of the best epoch."""
    import torch

    threads = torch.get_num_threads()
    # Matrices of this size are multiplied up to eight times faster by one thread than by two.
    torch.set_num_threads(1)
    torch.manual_seed(settings.seed)
    try:
        return _Training(task, parameters, settings.seed).run(progress, report)
    finally:
        torch.set_num_threads(threads)


class _Training:
    def __init__(self, task: Task, parameters: Mapping[str, Any], seed: int) -> None:
        import torch

        self.task, self.parameters = task, parameters
        self.draws = np.random.default_rng(seed)
        members = self.members = task.shown.shape[1]
        self.reference = task.squared

        def uniform(*shape: int, reach: float) -> Any:
            return torch.nn.Parameter(torch.empty(*shape).uniform_(-reach, reach))

        self.widths = table_widths(task)
        self.tables = [
            torch.nn.Parameter(torch.randn(size, members * width) * 0.05)
            for size, width in zip(task.inputs.sizes, self.widths)
        ]
        self.weights: list[Any] = []
        self.biases: list[Any] = []
        width = entering(task)
        for out in (*task.layers.widths, 1):
            self.weights.append(uniform(members, width, out, reach=width**-0.5))
            self.biases.append(uniform(members, 1, out, reach=width**-0.5))
            width = out
        self.linear = torch.nn.Parameter(torch.zeros(members, task.train.numbers.shape[1], 1))
        self.linear.requires_grad_(task.layers.linear)

    @property
    def all(self) -> list[Any]:
        return [*self.tables, *self.weights, *self.biases, self.linear]

    def forward(self, numbers: Any, codes: Any, words: Any, dropout: float = 0.0) -> Any:
        """Scaled answers, (members, rows)."""
        import torch
        from torch.nn import functional

        rows, members = len(numbers), self.members
        parts = [numbers.expand(members, *numbers.shape)]
        for place, (table, width) in enumerate(zip(self.tables, self.widths)):
            if place < codes.shape[1]:
                found = functional.embedding(codes[:, place], table)
            else:
                found = functional.embedding(words, table).sum(dim=1)
            parts.append(found.view(rows, members, width).transpose(0, 1))
        values = torch.cat(parts, dim=2)
        last = len(self.weights) - 1
        activate = functional.silu if self.task.layers.activation == "silu" else functional.relu
        for place, (weight, bias) in enumerate(zip(self.weights, self.biases)):
            before = values
            values = torch.baddbmm(bias, before, weight)
            if place < last:
                values = activate(values)
                if dropout:
                    values = functional.dropout(values, dropout)
            if place in self.task.layers.residual:
                values = values + before
        return (values + numbers @ self.linear)[:, :, 0]

    def answers(self, numbers: Floats, codes: Codes, words: Codes) -> NDArray[np.float64]:
        """Scaled answers of rows in arrays, (members, rows)."""
        import torch

        found: list[NDArray[np.float64]] = []
        with torch.no_grad():
            for start in range(0, len(numbers), LOOKED_AT):
                part = slice(start, start + LOOKED_AT)
                given: list[Any] = [torch.from_numpy(e[part]) for e in (numbers, codes, words)]
                answer = self.forward(given[0], given[1], given[2])
                found.append(answer.numpy().astype(np.float64))
        return np.concatenate(found, axis=1)

    def run(self, progress: Progress, report: Report) -> Trained:
        import torch

        task, parameters = self.task, self.parameters
        size, epochs = schedule(task, parameters)
        batches = max(len(task.train.target) // size, 1)
        numbers, codes, words, target = _tensors(task.train)
        shown = torch.from_numpy(task.shown)
        hidden = _hidden(task)
        step, rate = self._optimiser(epochs * batches)
        curves: dict[str, list[float]] = {"train_error": [], "validation_error": []}
        best, kept = math.inf, [each.detach().clone() for each in self.all]
        since = 0
        for epoch in range(epochs):
            order = torch.from_numpy(self.draws.permutation(len(task.train.target)))
            total = 0.0
            for batch in range(batches):
                rows = order[batch * size : (batch + 1) * size]
                seen = codes[rows]
                if hidden is not None:
                    blank = torch.rand(len(rows)) < parameters["hidden_dealers"]
                    seen[:, hidden] = seen[:, hidden].masked_fill(blank, 0)
                dropout = 0.0 if self.reference else float(parameters["dropout"])
                off = self.forward(numbers[rows], seen, words[rows], dropout) - target[rows]
                loss = (off.square() if task.squared else off.abs()).mul(shown[rows].T).mean()
                step.zero_grad()
                loss.backward()
                step.step()
                rate.step()
                total += float(loss.detach())
            validation = task.validation
            answers = self.answers(validation.numbers, validation.codes, validation.words)
            error = task.error(answers)
            curves["train_error"].append(total / batches)
            curves["validation_error"].append(error)
            progress(f"epoch {epoch + 1} of {epochs}: validation error {error:.5g}")
            if error < best:
                best, kept, since = error, [each.detach().clone() for each in self.all], 0
            else:
                since += 1
            asked = report(100 * (epoch + 1) // epochs, error)
            if asked or (self.reference and since >= REFERENCE_PATIENCE):
                break
        with torch.no_grad():
            for each, value in zip(self.all, kept):
                each.copy_(value)
        return self._trained(curves)

    def _optimiser(self, steps: int) -> tuple[Any, Any]:
        import torch

        free = [each for each in self.all if each.requires_grad]
        if self.reference:
            step = torch.optim.RMSprop(free, lr=1e-3)
            return step, torch.optim.lr_scheduler.ConstantLR(step, factor=1.0)
        top = float(self.parameters["learning_rate"])
        step: Any = torch.optim.AdamW(
            free, lr=top, weight_decay=float(self.parameters["weight_decay"])
        )
        rate = torch.optim.lr_scheduler.OneCycleLR(
            step, top, total_steps=max(steps, 10), pct_start=WARM_UP
        )
        return step, rate

    def _trained(self, curves: Mapping[str, list[float]]) -> Trained:
        def array(tensor: Any) -> Floats:
            return np.ascontiguousarray(tensor.detach().numpy())

        tables = tuple(
            np.ascontiguousarray(
                array(table).reshape(len(table), self.members, width).transpose(1, 0, 2)
            )
            for table, width in zip(self.tables, self.widths)
        )
        return Trained(
            tables,
            tuple(array(each) for each in self.weights),
            tuple(array(each) for each in self.biases),
            array(self.linear),
            self.answers,
            curves,
        )


def _tensors(rows: Rows) -> tuple[Any, Any, Any, Any]:
    import torch

    return (
        torch.from_numpy(rows.numbers),
        torch.from_numpy(rows.codes),
        torch.from_numpy(rows.words),
        torch.from_numpy(rows.target),
    )


def _hidden(task: Task) -> int | None:
    """The place among the codes of the dealer's, which is blanked at random in training.

    So the network learns to value a car whose dealer it does not know.
    """
    names = [task.inputs.names[place] for place in task.inputs.codes]
    return names.index("code_dealer") if "code_dealer" in names else None
