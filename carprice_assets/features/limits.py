"""How far the training part reaches: beyond it a car is unsupported."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from carprice_assets.errors import UserError
from carprice_assets.features.base import Block
from carprice_assets.features.columns import named, numbers, texts
from carprice_assets.features.imputer import NUMBERS
from carprice_assets.files import canonical_json, read_json
from carprice_assets.listings.contract import NEW, Columns
from carprice_assets.listings.notes import Note

FILE = "limits.json"
FORMAT = 1
UNSUPPORTED = frozenset({"unknown_make", "unknown_model", "unseen_year", "unseen_mileage", "odd"})
"""Codes of notes which say that nothing like the car was learned from: it gets no price."""
BEYOND = 1.2
"""Mileage over the largest seen, from which on it is beyond the data."""
BEYOND_AGE = 1.5
"""Mileage over the largest usual one of its age, from which on it is beyond the data."""
NEW_MILEAGE = 10_000.0
USUAL = 0.999
YEARS_APART = 5.0
"""Years outside a model's own: on real cards 0.05 % of the hold-out, off by a factor of two."""
SPAN, SPANS, LEAST = 3.0, 10, 20
AGE_AT = NUMBERS.index("age")
AGE, SCORES = "imputer", "outlier_detector"


@dataclass(frozen=True)
class Limits:
    """What was seen in training, with some room; numbers in the market's own units.

    Attributes
    ----------
    first_year, last_year
        Model years; the year after the last is still taken.
    mileage
        Largest mileage of a car that is not New, by age in spans of three years.
    new_mileage, new_age
        Largest mileage and age of a New car.
    score
        Outlier score of the oddest 0.1 % of the training rows.
    models
        Folded make and model to the first and last model year seen; more than
        :data:`YEARS_APART` beyond them is another car under the same name, or a slip.
    """

    first_year: float
    last_year: float
    mileage: tuple[float, ...]
    new_mileage: float
    new_age: float
    score: float
    models: Mapping[str, tuple[float, float]] = field(default_factory=dict[str, Any])

    @classmethod
    def of(cls, columns: Columns) -> Limits:
        """Learn from the training part with the blocks of imputer and outlier detector."""
        year, mileage = numbers(columns, "year"), numbers(columns, "mileage")
        age, scores = _block(columns, AGE)[:, AGE_AT], _block(columns, SCORES)[:, 0]
        new = _new(columns)
        known = np.isfinite(mileage) & ~new
        spans = _span(age)
        usual: list[float] = []
        for span in range(SPANS):
            here = mileage[known & (spans == span)]
            own = float(np.quantile(here, USUAL)) if len(here) >= LEAST else 0.0
            usual.append(max(own, usual[-1] if usual else 0.0))
        largest = BEYOND * float(mileage[known].max()) if known.any() else np.inf
        driven = mileage[new & np.isfinite(mileage)]
        return cls(
            first_year=float(np.nanmin(year)),
            last_year=float(np.nanmax(year)),
            # Where too few cars were seen to say what is usual, the largest of all counts.
            mileage=tuple(min(BEYOND_AGE * each, largest) if each else largest for each in usual),
            new_mileage=max(NEW_MILEAGE, BEYOND * float(driven.max()) if len(driven) else 0.0),
            new_age=1.0 + float(np.quantile(age[new], USUAL)) if new.any() else np.inf,
            score=float(np.quantile(scores, USUAL)),
            models=_years_of(columns, year),
        )

    def notes(self, columns: Columns) -> Iterator[tuple[int, Note]]:
        """A note for each thing about a row that lies beyond what was seen."""
        year, mileage = numbers(columns, "year"), numbers(columns, "mileage")
        age, scores = _block(columns, AGE)[:, AGE_AT], _block(columns, SCORES)[:, 0]
        new = _new(columns)
        if len(year) == 1 and self._usual(columns, new[0], year[0], mileage[0], age[0], scores[0]):
            return
        seen = f"{self.first_year:.0f} to {self.last_year:.0f}"
        for row in np.flatnonzero((year < self.first_year) | (year > self.last_year + 1)).tolist():
            told = f"cars of {seen} were learned from, none of {year[row]:.0f}"
            yield row, Note("unseen_year", "year", told)
        yield from self._apart(columns, year)
        for row in np.flatnonzero(new & (age > self.new_age)).tolist():
            told = f"no New car was learned from that is as old as one of {year[row]:.0f}"
            yield row, Note("unseen_year", "year", told)
        most = np.where(new, self.new_mileage, np.array(self.mileage)[_span(age)])
        for row in np.flatnonzero(mileage > most).tolist():
            kind = "New car" if new[row] else "car of this age"
            told = f"no {kind} was learned from with about {mileage[row]:,.0f} on the clock"
            yield row, Note("unseen_mileage", "mileage", told)
        for row in np.flatnonzero(scores > self.score).tolist():
            told = "this combination of year, mileage, MSRP and price level is stranger than 99.9 %"
            yield row, Note("odd", "car", f"{told} of the cars learned from")

    def _usual(
        self, columns: Columns, new: bool, year: float, mileage: float, age: Any, score: Any
    ) -> bool:
        """Whether there is nothing to say about a single car: most often so, and soon told."""
        (name,) = named(columns)
        first, last = self.models.get(name, (-np.inf, np.inf))
        most = self.new_mileage if new else self.mileage[int(min(max(age / SPAN, 0), SPANS - 1))]
        return bool(
            self.first_year <= year <= self.last_year + 1
            and first - YEARS_APART <= year <= last + YEARS_APART
            and not (new and age > self.new_age)
            and not mileage > most
            and not score > self.score
        )

    def _apart(self, columns: Columns, year: NDArray[np.float64]) -> Iterator[tuple[int, Note]]:
        for row, (name, own) in enumerate(zip(named(columns), year.tolist(), strict=True)):
            first, last = self.models.get(name, (-np.inf, np.inf))
            if first - YEARS_APART <= own <= last + YEARS_APART:
                continue
            if self.first_year <= own <= self.last_year + 1:
                told = (
                    f"such cars of {first:.0f} to {last:.0f} were learned from, none of {own:.0f}"
                )
                yield row, Note("unseen_year", "year", told)

    def save(self, folder: Path) -> None:
        """Write ``limits.json``; a limit that there is not is null."""
        table = {name: _plain(value) for name, value in asdict(self).items() if name != "models"}
        table["models"] = {name: list(years) for name, years in sorted(self.models.items())}
        (folder / FILE).write_bytes(canonical_json({"format": FORMAT, **table}))

    @classmethod
    def load(cls, folder: Path) -> Limits | None:
        """What :meth:`save` wrote, or None where there is no ``limits.json``.

        Raises
        ------
        UserError
            Where it is of another format or malformed.
        """
        path = folder / FILE
        if not path.exists():
            return None
        table = cast("dict[str, Any]", read_json(path))
        if table.pop("format", None) != FORMAT:
            raise UserError(f"{path}: not of format {FORMAT}, which this program reads")
        try:
            spans = tuple(_number(each) for each in table.pop("mileage"))
            models = {
                str(name): (float(first), float(last))
                for name, (first, last) in table.pop("models").items()
            }
            plain = {name: _number(value) for name, value in table.items()}
            found = cls(mileage=spans, models=models, **plain)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise UserError(f"{path}: malformed: {error}") from error
        if len(spans) != SPANS:
            raise UserError(f"{path}: malformed: {len(spans)} spans of age, not {SPANS}")
        return found


def _block(columns: Columns, name: str) -> Block:
    return columns[name]


def _new(columns: Columns) -> NDArray[np.bool_]:
    return np.array([kind == NEW for kind in texts(columns, "stock_type")], dtype=bool)


def _years_of(columns: Columns, year: NDArray[np.float64]) -> dict[str, tuple[float, float]]:
    found: dict[str, tuple[float, float]] = {}
    for name, own in zip(named(columns), year.tolist(), strict=True):
        if np.isfinite(own):
            first, last = found.get(name, (own, own))
            found[name] = (min(first, own), max(last, own))
    return found


def _span(age: NDArray[Any]) -> NDArray[np.intp]:
    return np.clip(age / SPAN, 0, SPANS - 1).astype(np.intp)


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(each) for each in cast("tuple[float, ...]", value)]
    return value if np.isfinite(value) else None


def _number(value: Any) -> float:
    return np.inf if value is None else float(value)
