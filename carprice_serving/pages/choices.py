"""What a car can be chosen from, and what is usual of it: from the listings of a release."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from carprice_assets.features.columns import folded
from carprice_assets.listings import normalise
from carprice_assets.listings.contract import NEW, USED
from carprice_assets.releases.comparables import Comparables
from carprice_serving.valuers import Valuer

MOST_TRIMS = 200
YEARS_BACK = 30
"""Model years to choose from where no listing tells which there are."""
USUAL_SHARE = 0.8
"""Of a model's listings that must agree on a word for it to be filled in."""
STEP = 500.0
"""Usual mileages are rounded to it."""
FILLED_WORDS = ("drivetrain", "fuel_type", "bodystyle")
Rows = NDArray[np.intp]


@dataclass(frozen=True)
class Choices:
    """Makes, models, trims and years of a release, most often from its comparables.

    An older release carries none: makes and models are then those of the vocabulary.
    """

    known: Comparables | None
    last_year: int

    @classmethod
    def of(cls, valuer: Valuer) -> Choices:
        """Those of a loaded release."""
        return cls(valuer.comparables, valuer.last_observed.year)

    def makes(self) -> list[str]:
        """Makes of which something was learned."""
        if self.known is None:
            return sorted(normalise.KNOWN_MAKES, key=folded)
        return sorted({each.make for each in self.known.models if each.learned}, key=folded)

    def models(self, make: str) -> list[str]:
        """Models of a make of which something was learned."""
        if self.known is None:
            return sorted(normalise.known_models(make), key=folded)
        own = folded(make)
        return [
            each.model for each in self.known.models if each.learned and folded(each.make) == own
        ]

    def trims(self, make: str, model: str) -> list[str]:
        """Trims of a model by their words; the most frequent ones where there are many."""
        rows = self._rows(make, model)
        if self.known is None or not len(rows):
            return []
        words = self.known.words["trim"]
        codes, counts = np.unique(self.known.columns["trim"][rows], return_counts=True)
        often = codes[np.argsort(-counts, kind="stable")][: MOST_TRIMS + 1]
        return sorted((words[code] for code in often.tolist() if words[code]), key=folded)

    def knows_trim(self, make: str, model: str, trim: str) -> bool:
        """Whether a known trim of the model has a word of ``trim``, or nothing can be told."""
        rows = self._rows(make, model)
        words = set(folded(trim).split())
        if self.known is None or not len(rows) or not words:
            return True
        codes = np.unique(self.known.columns["trim"][rows]).tolist()
        known = {word for code in codes for word in folded(self.known.words["trim"][code]).split()}
        return not known or bool(words & known)

    def years(self, make: str, model: str) -> list[int]:
        """Model years to choose from, the latest first."""
        rows = self._rows(make, model)
        if self.known is None or not len(rows):
            return list(range(self.last_year + 1, self.last_year - YEARS_BACK, -1))
        years = self.known.columns["year"][rows]
        last = max(int(years.max()), min(self.last_year, int(years.max()) + 1))
        return list(range(last, int(years.min()) - 1, -1))

    def usual(self, make: str, model: str, given: Mapping[str, str]) -> dict[str, str]:
        """What is usual of a model in each field that ``given`` does not name.

        Used where any is, the middle year of such, the middle mileage of that year's, and words
        that nearly all listings share; of an unknown model a Used one of the last year.
        """
        rows = self._rows(make, model)
        if self.known is None or not len(rows):
            plain = {"stock_type": USED, "year": str(self.last_year)}
            return {name: word for name, word in plain.items() if name not in given}
        columns = self.known.columns
        found: dict[str, str] = {}
        new = np.array([word == NEW for word in self.known.words["stock_type"]], bool)
        is_new = new[columns["stock_type"][rows]]
        if "stock_type" not in given:
            found["stock_type"] = NEW if is_new.all() else USED
        as_new = {**given, **found}.get("stock_type") == NEW
        alike = rows[is_new == as_new] if (is_new == as_new).any() else rows
        if "year" not in given:
            years = np.sort(columns["year"][alike])
            found["year"] = str(int(years[(len(years) - 1) // 2]))
        if "mileage" not in given and not as_new:
            year = {**given, **found}.get("year", "")
            if mileage := _middle(columns["mileage"][_of_year(columns["year"], alike, year)]):
                found["mileage"] = mileage
        for name in FILLED_WORDS:
            if name not in given and (word := self._shared(name, rows)):
                found[name] = word
        return found

    def _shared(self, name: str, rows: Rows) -> str:
        """The word that nearly all rows have, or ``""``."""
        assert self.known is not None
        codes, counts = np.unique(self.known.columns[name][rows], return_counts=True)
        most = int(counts.argmax())
        enough = counts[most] >= USUAL_SHARE * len(rows)
        return self.known.words[name][int(codes[most])] if enough else ""

    def _rows(self, make: str, model: str) -> Rows:
        if self.known is None:
            return np.empty(0, np.intp)
        return self.known.rows(make, model)


def _of_year(years: NDArray[np.int16], rows: Rows, year: str) -> Rows:
    """The rows of a model year; all of them where it has none."""
    own = rows[years[rows] == int(year)] if year.isascii() and year.isdigit() else rows[:0]
    return own if len(own) else rows


def _middle(mileages: NDArray[np.float32]) -> str:
    known = mileages[np.isfinite(mileages)]
    return f"{STEP * round(float(np.median(known)) / STEP):.0f}" if len(known) else ""
