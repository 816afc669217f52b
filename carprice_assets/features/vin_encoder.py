"""What the VIN says beyond make, model, trim and year: shrunken means over its first parts."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from carprice_assets.features.base import Block, State, Transformer
from carprice_assets.features.columns import gathered, texts
from carprice_assets.features.hierarchy import Hierarchy, Level
from carprice_assets.features.remembered import Remembered
from carprice_assets.features.rests import INPUTS, rests, rests_without
from carprice_assets.listings.contract import Columns
from carprice_assets.listings.normalise import vin as valid_vin

PARTS = ("wmi", "vds", "vds_year")
LEVELS = (
    Level("wmi", "wmi", "", (), 20.0),
    Level("vds", "vds", "", ((1.0, "wmi"),), 3.0),
    Level("vds_year", "vds_year", "", ((1.0, "vds"),), 3.0),
)
COUNTED = (1, 2)
FEATURES = (
    *(f"vin_rest_{part}" for part in PARTS),
    *(f"vin_rows_{PARTS[at]}" for at in COUNTED),
    "vin_known",
)
UNCROSSED = (0, 0, 0, 0)


class VinEncoder(Transformer):
    """Shrunken means of what ``price_expected`` leaves of the log price, by parts of the VIN.

    The parts are the maker's code (characters 1 to 3), maker and vehicle descriptor (1 to 8:
    body, engine, trim line as the maker codes them) and the latter with the model year
    (character 10); 49 CFR 565.15, ISO 3779. Serial number, check digit and plant are left
    out, so that no VIN can be put together from the state. Beside the means stand log(1 + rows)
    of training behind two of them and ``vin_known``. All are 0 where the VIN is missing or
    its check digit is wrong.

    In training the values are out of fold as in ``price_encoder``.
    """

    name = "vin_encoder"
    still = True
    inputs = ("vin", *INPUTS)

    @property
    def feature_names(self) -> tuple[str, ...]:
        return FEATURES

    def __init__(self) -> None:
        self._rest = Hierarchy(LEVELS, bases=PARTS)
        self._rows: Remembered[tuple[str, ...], NDArray[np.float32]] = Remembered()

    def fit(self, columns: Columns, target: NDArray[np.float64]) -> None:
        self._rows.clear()
        parts = _parts(columns)
        rows = [row for row, part in enumerate(parts) if part]
        rest = rests(columns, target)[rows] if rows else np.zeros(0)
        self._rest.fit([parts[i] for i in rows], [UNCROSSED] * len(rows), rest[:, None])

    def transform(self, columns: Columns) -> Block:
        return gathered(_parts(columns), self._row_of, len(FEATURES))

    def _row_of(self, part: tuple[str, ...]) -> NDArray[np.float32]:
        return self._rows.of(part, self._row)

    def _row(self, part: tuple[str, ...]) -> NDArray[np.float32]:
        block = np.zeros((1, len(FEATURES)), dtype=np.float32)
        if part:
            each = self._rest.row(part, UNCROSSED)
            block[0, : len(LEVELS)] = [values[0] for values in each]
            block[0, len(LEVELS) : -1] = [each[at][1] for at in COUNTED]
            block[0, -1] = 1.0
        return _with_log_rows(block)[0]

    def transform_training(self, columns: Columns, target: NDArray[np.float64]) -> Block:
        """Values of each row from the prices of the other folds of vehicles alone."""
        parts = _parts(columns)
        block = np.zeros((len(parts), len(FEATURES)), dtype=np.float32)
        known = np.array([bool(part) for part in parts], dtype=bool)
        if known.any():
            rest, folds = rests_without(columns, target)
            rows = np.flatnonzero(known)
            estimates, behind = self._rest.out_of_fold(
                [parts[i] for i in rows.tolist()],
                [UNCROSSED] * len(rows),
                rest[:, rows, None],
                folds[rows],
            )
            block[rows, : len(LEVELS)] = estimates[0]
            block[rows, len(LEVELS) : -1] = behind[:, COUNTED]
            block[rows, -1] = 1.0
        return _with_log_rows(block)

    def state(self) -> State:
        settings, arrays = self._rest.state()
        return State(settings, arrays)

    def restore(self, state: State) -> None:
        self._rows.clear()
        self._rest.restore(state.settings, state.arrays)


def _parts(columns: Columns) -> list[tuple[str, ...]]:
    """The parts of each row's VIN as keys, () where there is no valid one."""
    return [vin_parts(text) if text else () for text in texts(columns, "vin")]


def vin_parts(text: str) -> tuple[str, ...]:
    """A VIN's :data:`PARTS`, however it is spaced or cased; () where it is not valid."""
    found = valid_vin(text)
    return (found[:3], found[:8], found[:8] + found[9]) if found else ()


def _with_log_rows(block: Block) -> Block:
    counts = slice(len(LEVELS), len(FEATURES) - 1)
    block[:, counts] = np.log1p(block[:, counts])
    return block
