"""A network of embeddings and scaled numbers, by TensorFlow's Keras."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from carprice_assets.regressors.base import FitSettings, Progress, Report
from carprice_assets.regressors.network import (
    REFERENCE_PATIENCE,
    Network,
    Task,
    Trained,
    entering,
    schedule,
    table_widths,
)
from carprice_assets.regressors.network_inputs import Codes, Floats

QUIET = {"TF_ENABLE_ONEDNN_OPTS": "0", "TF_CPP_MIN_LOG_LEVEL": "2", "CUDA_VISIBLE_DEVICES": "-1"}
"""Set before TensorFlow's first import: no other order of sums by oneDNN, and no notices."""
LOOKED_AT = 4_096
"""Rows answered at a time."""


class TensorFlowNetwork(Network):
    """Embeddings and scaled numbers without any encoding of prices, by TensorFlow's Keras.

    What a name is worth is learned by its vectors alone, where `pytorch_network` starts from
    encoded prices: the two err on different cars, which the ensemble gains from. Members, loss
    and rate are those of `pytorch_network`. ``architecture = "reference"`` is the reference's
    50-30-15-1 on its own features.
    """

    name = "tensorflow_network"
    defaults: Mapping[str, Any] = {**Network.defaults, "price_features": False}

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
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    import tensorflow as tf

    keras = _keras()
    keras.utils.set_random_seed(settings.seed)
    tf.config.experimental.enable_op_determinism()
    model, layers = _model(task, float(parameters["dropout"]))
    size, epochs = schedule(task, parameters)
    steps = epochs * max(-(-len(task.train.target) // size), 1)
    if task.squared:
        optimiser: Any = keras.optimizers.RMSprop(1e-3)
    else:
        rate = keras.optimizers.schedules.CosineDecay(
            float(parameters["learning_rate"]) / 25,
            decay_steps=max(steps - steps // 7, 1),
            warmup_target=float(parameters["learning_rate"]),
            warmup_steps=steps // 7,
        )
        optimiser = keras.optimizers.AdamW(rate, weight_decay=float(parameters["weight_decay"]))
    members = task.shown.shape[1]

    def loss(true: Any, answer: Any) -> Any:
        off = true[:, :members] - answer
        off = tf.square(off) if task.squared else tf.abs(off)
        return tf.reduce_mean(off * true[:, members:], axis=1)

    model.compile(optimizer=optimiser, loss=loss, jit_compile=False)
    rows = task.train
    target = np.repeat(rows.target[:, None], members, axis=1)

    def answers(numbers: Floats, codes: Codes, words: Codes) -> NDArray[np.float64]:
        parts = [
            np.asarray(model([each[start : start + LOOKED_AT] for each in (numbers, codes, words)]))
            for start in range(0, len(numbers), LOOKED_AT)
        ]
        return np.concatenate(parts).T.astype(np.float64)

    watch = _watch(task, answers, epochs, progress, report)
    model.fit(
        _batches(rows.numbers, _hide(task, parameters), rows.words, target, task.shown, size,
                 settings.seed),
        epochs=epochs,
        verbose=0,
        callbacks=[watch],
    )  # fmt: skip
    model.set_weights(watch.best)
    return _trained(task, layers, answers, watch.curves)


def _keras() -> Any:
    """Keras, whose stubs call for words where it takes objects."""
    import keras

    return keras


def _model(task: Task, dropout: float) -> tuple[Any, dict[str, Any]]:
    """The Keras model, answers (rows, members), and its layers by role."""
    keras = _keras()

    members = task.shown.shape[1]
    numbers = keras.Input((task.train.numbers.shape[1],), name="numbers")
    codes = keras.Input((task.train.codes.shape[1],), dtype="int32", name="codes")
    words = keras.Input((task.train.words.shape[1],), dtype="int32", name="words")
    side_by_side = keras.layers.RepeatVector(members)(numbers)
    parts: list[Any] = [side_by_side]
    layers: dict[str, Any] = {}
    for place, (size, width) in enumerate(zip(task.inputs.sizes, table_widths(task))):
        table = keras.layers.Embedding(
            size,
            members * width,
            embeddings_initializer=keras.initializers.RandomNormal(stddev=0.05),
        )
        layers[f"table_{place}"] = table
        if place < len(task.inputs.codes):
            found = table(codes[:, place])
        else:
            found = keras.ops.sum(table(words), axis=1)
        parts.append(keras.layers.Reshape((members, width))(found))
    values: Any = keras.layers.Concatenate()(parts) if len(parts) > 1 else side_by_side
    width = entering(task)
    last = len(task.layers.widths)
    for place, out in enumerate((*task.layers.widths, 1)):
        before = values
        reach = keras.initializers.RandomUniform(-(width**-0.5), width**-0.5)
        dense = keras.layers.EinsumDense(
            "bmi,mio->bmo",
            output_shape=(members, out),
            bias_axes="mo",
            kernel_initializer=reach,
            bias_initializer=reach,
        )
        layers[f"dense_{place}"] = dense
        values = dense(before)
        if place < last:
            values = keras.layers.Activation(task.layers.activation)(values)
            if not task.squared:
                values = keras.layers.Dropout(dropout)(values)
        if place in task.layers.residual:
            values = values + before
        width = out
    if task.layers.linear:
        linear = keras.layers.EinsumDense(
            "bmi,mio->bmo", output_shape=(members, 1), kernel_initializer="zeros"
        )
        layers["linear"] = linear
        values = values + linear(side_by_side)
    return keras.Model([numbers, codes, words], values[:, :, 0]), layers


def _hide(task: Task, parameters: Mapping[str, Any]) -> tuple[Codes, int, float]:
    """The training codes, the dealer's place among them (-1: none), and how often it is hidden."""
    names = [task.inputs.names[place] for place in task.inputs.codes]
    place = names.index("code_dealer") if "code_dealer" in names else -1
    return task.train.codes, place, float(parameters["hidden_dealers"])


def _batches(
    numbers: Floats,
    hidden: tuple[Codes, int, float],
    words: Codes,
    target: Floats,
    shown: Floats,
    size: int,
    seed: int,
) -> Any:
    """Shuffled batches, each epoch in another order and with other dealers hidden."""
    keras = _keras()

    codes, place, share = hidden

    class Batches(keras.utils.PyDataset):
        def __init__(self) -> None:
            super().__init__()
            self.draws = np.random.default_rng(seed)
            self.on_epoch_end()

        def __len__(self) -> int:
            return max(-(-len(target) // size), 0)

        def on_epoch_end(self) -> None:
            self.order = self.draws.permutation(len(target))

        def __getitem__(self, index: int) -> tuple[Any, Any]:
            rows = self.order[index * size : (index + 1) * size]
            seen = codes[rows].astype(np.int32)
            if place >= 0:
                seen[self.draws.random(len(rows)) < share, place] = 0
            true = np.concatenate([target[rows], shown[rows]], axis=1)
            return (numbers[rows], seen, words[rows].astype(np.int32)), true

    return Batches()


def _watch(task: Task, answers: Any, epochs: int, progress: Progress, report: Report) -> Any:
    """A callback that keeps the weights of the best epoch and stops where asked to."""
    keras = _keras()

    class Watch(keras.callbacks.Callback):
        def __init__(self) -> None:
            super().__init__()
            self.least = float("inf")
            self.since = 0
            self.curves: dict[str, list[float]] = {"train_error": [], "validation_error": []}
            self.best: list[Any] = []

        def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
            side = task.validation
            error = task.error(answers(side.numbers, side.codes, side.words))
            self.curves["train_error"].append(float((logs or {})["loss"]))
            self.curves["validation_error"].append(error)
            progress(f"epoch {epoch + 1} of {epochs}: validation error {error:.5g}")
            if error < self.least:
                self.least, self.since, self.best = error, 0, self.model.get_weights()
            else:
                self.since += 1
            asked = report(100 * (epoch + 1) // epochs, error)
            if asked or (task.squared and self.since >= REFERENCE_PATIENCE):
                self.model.stop_training = True

    return Watch()


def _trained(
    task: Task, layers: Mapping[str, Any], answers: Any, curves: Mapping[str, list[float]]
) -> Trained:
    members = task.shown.shape[1]
    tables: list[Floats] = []
    for place, width in enumerate(table_widths(task)):
        (table,) = layers[f"table_{place}"].get_weights()
        tables.append(np.ascontiguousarray(table.reshape(-1, members, width).transpose(1, 0, 2)))
    pairs = [layers[f"dense_{i}"].get_weights() for i in range(len(task.layers.widths) + 1)]
    entering_numbers = task.train.numbers.shape[1]
    linear = np.zeros((members, entering_numbers, 1), np.float32)
    if task.layers.linear:
        (linear,) = layers["linear"].get_weights()
    return Trained(
        tuple(tables),
        tuple(np.ascontiguousarray(kernel) for kernel, _ in pairs),
        tuple(np.ascontiguousarray(bias[:, None, :]) for _, bias in pairs),
        np.ascontiguousarray(linear),
        answers,
        curves,
    )
