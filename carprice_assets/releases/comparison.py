"""Two releases side by side, part by part: the one in the store and the one made again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from carprice_assets.releases.comparables import FOLDER as COMPARABLES
from carprice_assets.releases.engine import FEATURES, REGRESSORS
from carprice_assets.releases.golden import Golden
from carprice_assets.releases.manifest import Manifest

PARTS: Mapping[str, str] = {
    "release.json": "head",
    "schema.json": "schema",
    FEATURES: "transformers",
    "bargains": "bargain detector",
    "vehicles.npy": "vehicles",
    COMPARABLES: "comparables",
    "golden.json": "golden cases",
    "figures.json": "figures",
}
"""First segment of a path to what is told of it; regressors are told by their names."""
SHOWN = 4
"""Files named of one part."""


@dataclass(frozen=True)
class Difference:
    """How far the golden prices of two releases are apart, relative to the first's."""

    greatest: float
    median: float

    @classmethod
    def of(cls, first: Sequence[float], second: Sequence[float]) -> Difference:
        """Compare the prices of the same cars."""
        apart = np.abs(np.asarray(second) / np.asarray(first) - 1.0)
        return cls(float(apart.max()), float(np.median(apart)))

    @property
    def told(self) -> str:
        """A few words."""
        if not self.greatest:
            return "its golden prices are equal"
        return (
            f"its golden prices differ by at most {self.greatest:.2g},"
            f" {self.median:.2g} in the median (relative)"
        )


@dataclass(frozen=True)
class Part:
    """One part of the content and its files that are not the same in both."""

    name: str
    differing: tuple[str, ...] = ()
    note: str = ""

    @property
    def line(self) -> str:
        """One line for a terminal."""
        if not self.differing:
            return f"{self.name}: equal"
        shown = ", ".join(self.differing[:SHOWN])
        more = len(self.differing) - SHOWN
        told = f"{self.name}: differs in {shown}{f' and {more} more' if more > 0 else ''}"
        return f"{told}; {self.note}" if self.note else told


def compare(
    first: Manifest, second: Manifest, golden: tuple[Golden, Golden] | None = None
) -> list[Part]:
    """The parts of two contents in order, with the files that differ or are in one alone.

    Parameters
    ----------
    first, second
        Of the release in the store and of the one made again.
    golden
        Their golden cases, for the prices of regressors that are not the same; None where one
        cannot be read.
    """
    files: dict[str, list[str]] = {name: [] for name in PARTS.values()}
    for path in sorted({*first.files, *second.files}):
        name, rest = _part(path)
        differing = files.setdefault(name, [])
        if path not in second.files:
            differing.append(f"{rest} (not made again)")
        elif path not in first.files:
            differing.append(f"{rest} (not in the release)")
        elif first.files[path] != second.files[path]:
            differing.append(rest)
    regressors = sorted(set(files) - set(PARTS.values()))
    order = ["head", "schema", "transformers", *regressors, "vehicles", "comparables"]
    order += ["figures", "golden cases"]
    notes = dict(_notes(golden, regressors)) if golden else {}
    return [Part(name, tuple(files[name]), notes.get(name, "")) for name in order]


def _part(path: str) -> tuple[str, str]:
    """Name of the part that a file is of, and its path within."""
    top, _, rest = path.partition("/")
    if top == REGRESSORS and "/" in rest:
        name, _, rest = rest.partition("/")
        return name, rest
    return PARTS.get(top, top), rest or top


def _notes(golden: tuple[Golden, Golden], regressors: Sequence[str]) -> Iterator[tuple[str, str]]:
    first, second = golden
    for name in regressors:
        if name not in first.prices or name not in second.prices:
            continue
        if first.cars != second.cars or first.as_of != second.as_of:
            yield name, "the golden cars are others"
        else:
            yield name, Difference.of(first.prices[name], second.prices[name]).told
