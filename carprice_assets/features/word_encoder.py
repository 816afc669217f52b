"""What the words of model and trim say of the price, also for titles that were never seen."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from carprice_assets.features.base import Block, State, Transformer
from carprice_assets.features.columns import numbers, texts
from carprice_assets.features.price_encoder import FEATURES as PRICES
from carprice_assets.features.price_encoder import vehicle_folds
from carprice_assets.features.remembered import MOST_TITLES, Remembered
from carprice_assets.features.rests import Bases
from carprice_assets.features.ridge import WordRidge
from carprice_assets.features.title_keys import title_words
from carprice_assets.listings.contract import NEW, Columns, row_count

DEPRECIATED_AT = PRICES.index("price_depreciated")
LEAST, PENALTY = 5, 3.0
Car = tuple[str, str, str, bool, int]
"""Make, model, trim, whether the car is New, and the year (0 where it is missing)."""


class WordEncoder(Transformer):
    """``words_expected``: ``price_depreciated`` plus the weights of a title's words.

    The weights are a ridge regression of what age, mileage and stock type leave of the log
    price (Hoerl and Kennard, 1970) on :func:`car_words`. Where ``price_encoder`` knows a title
    as a whole or not at all, this adds up what each word of it is worth, so that a trim that
    was never seen takes the price of its parts. In training the values are out of fold, by the
    folds of ``price_encoder``.
    """

    name = "word_encoder"
    inputs = (
        *("make", "model", "trim", "year", "stock_type"),
        *("imputer", "stock_type_encoder", "price_encoder"),
    )

    @property
    def feature_names(self) -> tuple[str, ...]:
        return ("words_expected",)

    def __init__(self) -> None:
        self._typical = 0.0
        self._weights: dict[str, float] = {}
        self._worths: Remembered[Car, float] = Remembered(MOST_TITLES)
        self._words: Remembered[tuple[str, str, str, bool], tuple[list[float], Words]] = (
            Remembered()
        )

    def fit(self, columns: Columns, target: NDArray[np.float64]) -> None:
        cars, group = _grouped(columns)
        counts = np.bincount(group, minlength=len(cars))
        ridge = WordRidge([car_words(*car) for car in cars], counts, LEAST, PENALTY)
        rest = np.log(target) - Bases(columns).fitted(target)
        typical = float(rest.mean())
        sums = np.bincount(group, rest - typical, len(cars)).astype(np.float64)
        weights = ridge.solve(counts.astype(np.float64), sums).astype(np.float32)
        self._forget()
        self._typical = typical
        self._weights = dict(zip(ridge.words, weights.tolist(), strict=True))

    def transform(self, columns: Columns) -> Block:
        cars = _cars(columns)
        found = {car: self._worths.of(car, self._worth) for car in dict.fromkeys(cars)}
        return _block(columns, np.array([found[car] for car in cars], dtype=np.float64))

    def _worth(self, car: Car) -> float:
        make, model, trim, new, year = car
        plain, told = self._words.of((make, model, trim, new), self._of_title)
        # Added up exactly, whatever the order.
        return self._typical + math.fsum(plain + self._weighed(_year_words(year, told)))

    def _of_title(self, title: tuple[str, str, str, bool]) -> tuple[list[float], Words]:
        """Weights of the words of a title and kind, and the words that years are crossed with."""
        make, model, trim, new = title
        told = _title_words(make, model, trim)
        return self._weighed(told.every) + self._weighed(_kind_words(new, told)), told

    def _weighed(self, words: list[str]) -> list[float]:
        weights = self._weights
        return [weights[word] for word in words if word in weights]

    def _forget(self) -> None:
        self._worths.clear()
        self._words.clear()

    def transform_training(self, columns: Columns, target: NDArray[np.float64]) -> Block:
        """Values of each row from the prices of the other folds of vehicles alone."""
        cars, group = _grouped(columns)
        counts = np.bincount(group, minlength=len(cars))
        # A word's rows are counted over all folds: a count knows no price.
        ridge = WordRidge([car_words(*car) for car in cars], counts, LEAST, PENALTY)
        folds = vehicle_folds(columns)
        bases = Bases(columns).out_of_fold(target, folds)
        worth = np.zeros(len(folds))
        for fold, base in enumerate(bases):
            own, others = folds == fold, folds != fold
            rest = (np.log(target) - base)[others]
            typical = float(rest.mean()) if len(rest) else 0.0
            behind = np.bincount(group[others], minlength=len(cars)).astype(np.float64)
            sums = np.bincount(group[others], rest - typical, len(cars)).astype(np.float64)
            estimates = ridge.estimates(ridge.solve(behind, sums))
            worth[own] = typical + estimates[group[own]]
        return _block(columns, worth)

    def state(self) -> State:
        weights = np.array(list(self._weights.values()), dtype=np.float32)
        settings = {"typical": self._typical, "words": list(self._weights)}
        return State(settings, {"weights": weights})

    def restore(self, state: State) -> None:
        self._forget()
        words, weights = state.settings["words"], state.arrays["weights"].tolist()
        self._typical = float(state.settings["typical"])
        self._weights = dict(zip(words, weights, strict=True))


def car_words(make: str, model: str, trim: str, new: bool, year: int) -> list[str]:
    """What a car is described by, each once.

    The words and neighbouring pairs of words of model and trim; each also with the make, with
    make and first word of the model, and with make and year; and all but the last kind also
    with whether the car is New.
    """
    told = _title_words(make, model, trim)
    return [*told.every, *_kind_words(new, told), *_year_words(year, told)]


class Words(NamedTuple):
    """The words of a title."""

    maker: str
    parts: list[str]
    """Words and neighbouring pairs of words of model and trim."""
    every: list[str]
    """Those, and their crosses with make and first word of the model."""


def _title_words(make: str, model: str, trim: str) -> Words:
    words = title_words(model, trim)
    singles = list(dict.fromkeys(words))
    parts = [*singles, *dict.fromkeys(f"{a} {b}" for a, b in pairwise(words))]
    maker = make.lower().strip()
    found = [*parts, f"{maker}|", *(f"{maker}|{part}" for part in parts)]
    if words:
        head = f"{maker}|{words[0]}|"
        found += [f"{head}{word}" for word in singles if word != words[0]]
    return Words(maker, parts, found)


def _kind_words(new: bool, told: Words) -> list[str]:
    head = "new|" if new else "not new|"
    return [head + word for word in told.every]


def _year_words(year: int, told: Words) -> list[str]:
    head = f"{year}|{told.maker}|"
    return [head, *(head + part for part in told.parts)]


def _cars(columns: Columns) -> list[Car]:
    years = [int(year) if math.isfinite(year) else 0 for year in numbers(columns, "year").tolist()]
    new = [kind == NEW for kind in texts(columns, "stock_type")]
    words = (texts(columns, name) for name in ("make", "model", "trim"))
    return list(zip(*words, new, years, strict=True))


def _grouped(columns: Columns) -> tuple[list[Car], NDArray[np.intp]]:
    """The distinct cars, and which of them each row is, shape (rows,)."""
    places: dict[Car, int] = {}
    group = [places.setdefault(car, len(places)) for car in _cars(columns)]
    return list(places), np.array(group, dtype=np.intp).reshape(row_count(columns))


def _block(columns: Columns, worth: NDArray[np.float64]) -> Block:
    base = np.ascontiguousarray(columns["price_encoder"][:, DEPRECIATED_AT], dtype=np.float64)
    return (base + worth).astype(np.float32)[:, None]
