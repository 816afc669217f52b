"""What a network sees of the features: scaled numbers, codes for embeddings, words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from carprice_assets.features.base import Block
from carprice_assets.features.category_codes import CODE, WORD
from carprice_assets.features.scaler import SKEWED
from carprice_assets.regressors.base import Side

EXPECTED = "price_expected"
"""The encoded log price that a network starts from, where there is one."""
REACH = 6.0
"""Standard deviations at which a scaled number is cut off: no car is stranger than that."""
LEARNED = ("price_", "rest_", "discount_", "rows_", "dealer_", "vin_", "words_", "outlier_")
"""Beginnings of the names of features that encode prices, which the reference had not."""
ARRAYS = ("center", "scale", "low", "high", "edges")
BENT = (
    *("age", "mileage", "mileage_per_year", "msrp"),
    *("price_expected", "price_from_msrp", "price_depreciated"),
)
"""Numbers that matter most and least in a straight line."""
PIECES = 16
TINY = 1e-6
View = Literal["all", "unpriced", "reference"]
Floats = NDArray[np.float32]
Codes = NDArray[np.int64]


@dataclass(frozen=True)
class Inputs:
    """How the columns of the feature set enter a network; learned from the training side.

    Attributes
    ----------
    names
        The features read, in the order in which the form gets them.
    numbers, codes, words
        Places in ``names`` of the numbers, of the codes and of the words.
    logged
        Of each number, whether log(1 + x) is taken first.
    center, scale
        Of each number, float32: it enters as (x - center) / scale.
    low, high
        Between which the scaled numbers are cut off: what training has seen, and at most six
        standard deviations. A network is a bad prophet beyond that, of later days above all.
    bent, edges
        Places among the numbers of those that enter a second time, piece by piece between
        quantiles (piecewise linear encoding; Gorishniy, Rubachev, Babenko, 2022), and their
        edges, float32 (bent, pieces + 1).
    sizes
        Codes that each of ``codes`` may take, then those of the words; 0 is unknown.
    offset
        Place in ``names`` of the log price that the network's answer is added to; -1: none.
    """

    names: tuple[str, ...]
    numbers: tuple[int, ...]
    codes: tuple[int, ...]
    words: tuple[int, ...]
    logged: tuple[bool, ...]
    center: Floats
    scale: Floats
    low: Floats
    high: Floats
    bent: tuple[int, ...]
    edges: Floats
    sizes: tuple[int, ...]
    offset: int

    @classmethod
    def of(cls, feature_names: Sequence[str], train: Side, view: View = "all") -> Inputs:
        """Learn the inputs of a network.

        ``unpriced`` leaves out what encodes prices; ``reference`` leaves out the codes as well
        and scales numbers to between 0 and 1, as the reference did.
        """
        plain = view == "reference"
        chosen = [
            place
            for place, name in enumerate(feature_names)
            if (view == "all" or not _priced(name)) and not (plain and is_code(name))
        ]
        names = tuple(feature_names[place] for place in chosen)
        features = train.features[:, chosen]
        words = tuple(i for i, name in enumerate(names) if is_word(name))
        codes = tuple(i for i, name in enumerate(names) if name.startswith(CODE))
        rest = [i for i in range(len(names)) if i not in {*codes, *words}]
        logged = {i for i in rest if names[i] in SKEWED}
        values = np.stack([_number(features[:, i], i in logged) for i in rest], axis=1)
        low, high = values.min(axis=0), values.max(axis=0)
        moving = np.flatnonzero(high > low)
        values = values[:, moving]
        center = low[moving] if plain else values.mean(axis=0)
        scale = (high - low)[moving] if plain else values.std(axis=0)
        scale = np.maximum(scale, 1e-9)
        reached = [(each[moving] - center) / scale for each in (low, high)]
        kept = [names[rest[i]] for i in moving.tolist()]
        bent = [] if plain else [i for i, name in enumerate(kept) if name in BENT]
        sizes = [int(features[:, i].max(initial=0)) + 1 for i in codes]
        if words:
            sizes.append(int(features[:, list(words)].max(initial=0)) + 1)
        return cls(
            names,
            tuple(rest[i] for i in moving.tolist()),
            codes,
            words,
            tuple(rest[i] in logged for i in moving.tolist()),
            center.astype(np.float32),
            scale.astype(np.float32),
            np.maximum(reached[0], -REACH).astype(np.float32),
            np.minimum(reached[1], REACH).astype(np.float32),
            tuple(bent),
            _edges((values[:, bent] - center[bent]) / scale[bent]),
            tuple(sizes),
            names.index(EXPECTED) if EXPECTED in names else -1,
        )

    def split(self, features: Block) -> tuple[Floats, Codes, Codes]:
        """Numbers (rows, width), codes (rows, codes) and words (rows, words).

        ``features`` are the columns of ``names``, (rows, names). A code that training has not
        seen becomes 0.
        """
        values = features[:, self._number_places].astype(np.float32)
        for place in self._logged_places:
            values[:, place] = np.log1p(np.maximum(values[:, place], 0.0))
        values = np.clip((values - self.center) / self.scale, self.low, self.high)
        if self.bent:
            chosen = values[:, list(self.bent), None]
            starts, widths = self.edges[:, :-1], np.diff(self.edges)
            pieces = np.clip((chosen - starts) / np.maximum(widths, TINY), 0.0, 1.0)
            values = np.concatenate([values, pieces.reshape(len(values), -1)], axis=1)
        codes = features[:, list(self.codes)].astype(np.int64)
        for place, size in enumerate(self.sizes[: len(self.codes)]):
            codes[:, place] = np.where(codes[:, place] < size, codes[:, place], 0)
        words = features[:, list(self.words)].astype(np.int64)
        if self.words:
            words = np.where(words < self.sizes[-1], words, 0)
        return values, codes, words

    def offsets(self, features: Block) -> NDArray[np.float64]:
        """The log price that each answer is added to, (rows,); 0 where there is none."""
        if self.offset < 0:
            return np.zeros(len(features))
        return features[:, self.offset].astype(np.float64)

    @property
    def width(self) -> int:
        """Columns that the numbers enter in, their pieces among them."""
        return len(self.numbers) + self.edges.shape[0] * (self.edges.shape[1] - 1)

    @property
    def _number_places(self) -> list[int]:
        return list(self.numbers)

    @property
    def _logged_places(self) -> list[int]:
        return [place for place, logged in enumerate(self.logged) if logged]

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Settings for JSON and arrays for ``.npy``."""
        settings = {
            "numbers": list(self.numbers),
            "codes": list(self.codes),
            "words": list(self.words),
            "logged": list(self.logged),
            "bent": list(self.bent),
            "sizes": list(self.sizes),
            "offset": self.offset,
        }
        return settings, {name: getattr(self, name) for name in ARRAYS}

    @classmethod
    def restore(
        cls, names: Sequence[str], settings: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]
    ) -> Inputs:
        """What :meth:`state` gave, for a form that reads ``names``."""
        return cls(
            tuple(names),
            numbers=tuple(settings["numbers"]),
            codes=tuple(settings["codes"]),
            words=tuple(settings["words"]),
            logged=tuple(settings["logged"]),
            center=arrays["center"],
            scale=arrays["scale"],
            low=arrays["low"],
            high=arrays["high"],
            bent=tuple(settings["bent"]),
            edges=arrays["edges"],
            sizes=tuple(settings["sizes"]),
            offset=int(settings["offset"]),
        )


def _number(column: NDArray[np.float32], logged: bool) -> NDArray[np.float64]:
    values = column.astype(np.float64)
    return np.log1p(np.maximum(values, 0.0)) if logged else values


def _edges(values: NDArray[np.float64]) -> Floats:
    """Quantiles of each column, (columns, PIECES + 1); equal ones give pieces without width."""
    shares = np.linspace(0.0, 1.0, PIECES + 1)
    return np.quantile(values, shares, axis=0).T.astype(np.float32).reshape(-1, PIECES + 1)


def _priced(name: str) -> bool:
    """Whether a feature encodes prices."""
    return name.startswith(LEARNED) or name.endswith(("_rest", ".rest"))


def is_code(name: str) -> bool:
    """Whether a feature is a code for embeddings, whose order means nothing."""
    return name.startswith(CODE) or is_word(name)


def is_word(name: str) -> bool:
    """Whether a name such as ``word_7`` is one of the words and no other feature."""
    return name.startswith(WORD) and name.removeprefix(WORD).isdigit()
