"""Comparables: the listings that a release learned from, without whose they were.

One row a vehicle, as it was last seen, with nothing that names a vehicle, a seller or an offer:
no VIN, dealer, listing id or address. Of a make, model and year the latest :data:`MOST` are kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from carprice_assets.errors import UserError
from carprice_assets.features.columns import folded
from carprice_assets.files import canonical_json
from carprice_assets.listings import normalise
from carprice_assets.listings.contract import Columns
from carprice_assets.releases.strict import check_format, read_object
from carprice_assets.releases.verify import npy_problem

FOLDER, HEAD = "comparables", "comparables.json"
FORMAT = 1
MOST = 200
"""Rows of one make, model and year."""
TRAIN = "train"
LONGEST_TRIM = 80
WORDS = ("trim", "stock_type", "drivetrain", "fuel_type", "bodystyle")
NUMBERS: Mapping[str, str] = {
    "year": "<i2",
    "mileage": "<f4",
    "price": "<f8",
    "observed_at": "<i4",
}
"""Column to the type it is stored as; a missing mileage is NaN."""
CODES = "<i4"
MODEL, NEWS = "model", "observed_at"
Table: TypeAlias = dict[str, NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Model:
    """A make's model; ``learned`` are its rows in the training part, which prices rest on."""

    make: str
    model: str
    learned: int


@dataclass(frozen=True)
class Comparables:
    """Rows sorted by model, so that each model's stand together.

    Attributes
    ----------
    models
        Sorted by make and model.
    words
        Column to its distinct words, sorted; rows hold their places.
    columns
        ``model`` and :data:`WORDS` as places, :data:`NUMBERS` as numbers; (rows,) each.
    """

    models: tuple[Model, ...]
    words: Mapping[str, tuple[str, ...]]
    columns: Mapping[str, NDArray[Any]]

    def __len__(self) -> int:
        return len(self.columns[MODEL])

    @classmethod
    def of(cls, sides: Mapping[str, Columns]) -> Comparables:
        """From the sides of a dataset that a release learns from, by their names.

        Only rows with make, model, year and a price count.
        """
        names = ("make", MODEL, *WORDS, *NUMBERS, "vehicle")
        have = {name: np.concatenate([each[name] for each in sides.values()]) for name in names}
        lengths = [len(each["price"]) for each in sides.values()]
        train = np.repeat([name == TRAIN for name in sides], lengths)
        sound = np.isfinite(have["year"]) & np.isfinite(have[NEWS]) & (have["price"] > 0)
        sound &= np.isfinite(have["price"])
        sound &= np.array([bool(m and n) for m, n in zip(have["make"], have[MODEL])], bool)
        rows = _latest_of_each_vehicle(have, np.flatnonzero(sound))
        table: Table = {name: have[name][rows] for name in names if name != "vehicle"}
        spelled = _spellings(table)
        models = sorted(set(spelled), key=lambda pair: (folded(pair[0]), folded(pair[1])))
        places = {pair: place for place, pair in enumerate(models)}
        codes = np.array([places[pair] for pair in spelled], CODES)
        learned = np.bincount(codes[train[rows]], minlength=len(models)).tolist()
        columns: Table = {MODEL: codes}
        columns |= {name: table[name].astype(kind) for name, kind in NUMBERS.items()}
        words: dict[str, tuple[str, ...]] = {}
        for name in WORDS:
            words[name], columns[name] = _coded(table[name], anonymous if name == "trim" else str)
        kept = _newest(columns)
        return cls(
            tuple(Model(make, model, n) for (make, model), n in zip(models, learned)),
            words,
            {name: values[kept] for name, values in columns.items()},
        )

    @cached_property
    def places(self) -> Mapping[str, int]:
        """Folded make and model to the place of the model."""
        return {folded(f"{each.make} {each.model}"): n for n, each in enumerate(self.models)}

    @cached_property
    def ends(self) -> NDArray[np.intp]:
        """First row of each model and, last, the number of rows; (models + 1,)."""
        return np.searchsorted(self.columns[MODEL], np.arange(len(self.models) + 1))

    @cached_property
    def median_price(self) -> float:
        """The middle asking price of all rows; NaN where there is none."""
        return float(np.median(self.columns["price"])) if len(self) else float("nan")

    def rows(self, make: str, model: str) -> NDArray[np.intp]:
        """The rows of a model, in any case and spacing; none where it is unknown."""
        place = self.places.get(folded(f"{make} {model}"))
        if place is None:
            return np.empty(0, np.intp)
        return np.arange(self.ends[place], self.ends[place + 1])

    def text(self, name: str, row: int) -> str:
        """The word of column ``name`` in ``row``."""
        return self.words[name][int(self.columns[name][row])]

    def save(self, content: Path) -> None:
        """Write ``comparables/`` below ``content``; equal rows give equal bytes."""
        folder = content / FOLDER
        folder.mkdir()
        for name, values in self.columns.items():
            np.save(folder / f"{name}.npy", values, allow_pickle=False)
        head = {
            "format": FORMAT,
            "rows": len(self),
            "models": [[each.make, each.model, each.learned] for each in self.models],
            "words": {name: list(words) for name, words in self.words.items()},
        }
        (folder / HEAD).write_bytes(canonical_json(head))

    @classmethod
    def load(cls, content: Path) -> Comparables | None:
        """Those of a release's content, or None where an older version made it.

        Raises
        ------
        UserError
            Where they are of a newer format, malformed, or do not fit together.
        """
        folder = content / FOLDER
        if not folder.is_dir():
            return None
        where = str(folder / HEAD)
        table = read_object(folder / HEAD)
        check_format(table, FORMAT, where)
        try:
            models = tuple(
                Model(str(make), str(model), int(n)) for make, model, n in table["models"]
            )
            words = {name: tuple(map(str, table["words"][name])) for name in WORDS}
            rows = int(table["rows"])
        except (KeyError, TypeError, ValueError) as error:
            raise UserError(f"{where}: malformed: {error}") from error
        kinds = {MODEL: CODES, **dict.fromkeys(WORDS, CODES), **NUMBERS}
        columns = {name: _read(folder / f"{name}.npy", kind, rows) for name, kind in kinds.items()}
        limits = {MODEL: len(models), **{name: len(words[name]) for name in WORDS}}
        for name, limit in limits.items():
            values = columns[name]
            if rows and not 0 <= int(values.min()) <= int(values.max()) < limit:
                raise UserError(f"{folder / name}.npy: names words that {HEAD} has not")
        if np.any(np.diff(columns[MODEL]) < 0):
            raise UserError(f"{folder / MODEL}.npy: is not sorted")
        return cls(models, words, columns)


def anonymous(trim: str) -> str:
    """A trim's words without what could name a car, a person or an offer, and not too long."""
    kept = [
        word
        for word in trim.split()
        if not normalise.vin(word) and "@" not in word and "://" not in word and "www." not in word
    ]
    return " ".join(kept)[:LONGEST_TRIM].strip()


def _latest_of_each_vehicle(have: Columns, rows: NDArray[np.intp]) -> NDArray[np.intp]:
    """Of the ``rows`` those that show their vehicle last; of one day's the dearest."""
    newest = rows[np.lexsort((-have["price"][rows], -have[NEWS][rows]))]
    seen: dict[str, int] = {}
    for row, vehicle in zip(newest.tolist(), have["vehicle"][newest].tolist(), strict=True):
        seen.setdefault(vehicle, row)
    return np.sort(np.fromiter(seen.values(), np.intp, len(seen)))


def _spellings(table: Table) -> list[tuple[str, str]]:
    """Make and model of each row; spellings that differ in case alone become the first."""
    first: dict[str, tuple[str, str]] = {}
    pairs = zip(table["make"].tolist(), table[MODEL].tolist(), strict=True)
    return [first.setdefault(folded(f"{make} {model}"), (make, model)) for make, model in pairs]


def _coded(values: NDArray[Any], clean: Any) -> tuple[tuple[str, ...], NDArray[Any]]:
    """The distinct words of a column, and the place of each row's."""
    cleaned = {word: cast("str", clean(word)) for word in set(values.tolist())}
    words = sorted(set(cleaned.values()))
    places = {word: place for place, word in enumerate(words)}
    found = {word: places[plain] for word, plain in cleaned.items()}
    return tuple(words), np.array([found[word] for word in values.tolist()], CODES)


def _newest(columns: Table) -> NDArray[np.intp]:
    """Rows by model, year and day, latest first, and :data:`MOST` a model and year."""
    codes = [columns[name] for name in WORDS]
    order = np.lexsort(
        (
            *codes,
            columns["mileage"],
            columns["price"],
            -columns[NEWS],
            columns["year"],
            columns[MODEL],
        )
    )
    model, year = columns[MODEL][order], columns["year"][order]
    starts = np.ones(len(order), bool)
    starts[1:] = (model[1:] != model[:-1]) | (year[1:] != year[:-1])
    place = np.arange(len(order))
    rank = place - np.maximum.accumulate(np.where(starts, place, 0))
    return order[rank < MOST]


def _read(path: Path, kind: str, rows: int) -> NDArray[Any]:
    if not path.is_file():
        raise UserError(f"{path} is missing")
    if problem := npy_problem(path, path.stat().st_size):
        raise UserError(f"{path} {problem}")
    values: NDArray[Any] = np.load(path, allow_pickle=False)
    if values.dtype != np.dtype(kind) or values.shape != (rows,):
        raise UserError(f"{path} holds {values.dtype} {values.shape}, not {kind} ({rows},)")
    return values


__all__: Sequence[str] = ["FOLDER", "Comparables", "Model", "anonymous"]
