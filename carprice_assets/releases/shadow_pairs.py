"""What a shadow and the champion said of the same served cars.

Appended to ``shadow/<release id>.jsonl`` beside the releases, which stay as they are. The file
holds make, model, year and stock type of a car, never more of it, and is bounded: once full it
becomes ``.1.jsonl``, whose place the next takes. It is a sample, so no line of it is synced.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np

from carprice_assets.files import canonical_json

FOLDER = "shadow"
MAX_BYTES = 4_000_000
"""Bytes of one of the two files, about 25,000 cars."""
FAR = 0.10
"""A relative difference that counts as far."""


@dataclass(frozen=True)
class Pair:
    """One car as both releases value it; a price is None where there is none."""

    at: str
    champion: str
    car: Mapping[str, Any]
    price: float | None
    shadow: float | None

    def to_bytes(self) -> bytes:
        """The line of the file."""
        table = {
            **{"at": self.at, "champion": self.champion, "car": dict(self.car)},
            **{"price": self.price, "shadow": self.shadow},
        }
        return canonical_json(table) + b"\n"


def append_pairs(root: Path, market: str, release_id: str, pairs: Sequence[Pair]) -> None:
    """Append to the bounded file of a shadow, in one write."""
    path = root / market / FOLDER / f"{release_id}.jsonl"
    path.parent.mkdir(exist_ok=True)
    data = b"".join(pair.to_bytes() for pair in pairs)
    if path.exists() and path.stat().st_size + len(data) > MAX_BYTES:
        os.replace(path, path.with_suffix(".1.jsonl"))
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        os.write(descriptor, data)
    finally:
        os.close(descriptor)


@dataclass(frozen=True)
class ShadowSummary:
    """What a shadow said of served cars, beside the champions of the time.

    Attributes
    ----------
    cars
        Cars that either priced.
    first, last
        UTC ISO times of the first and last of them.
    champions
        Ids of the releases that served meanwhile.
    only_champion, only_shadow
        Cars that one of the two alone priced.
    median, mean_absolute, far
        Of the cars that both priced: median and mean absolute relative difference, shadow over
        champion, and the share that differs by more than :data:`FAR`; NaN without any.
    by_stock_type
        Stock type (``unknown`` where none was given) to cars and median relative difference.
    """

    cars: int
    first: str
    last: str
    champions: tuple[str, ...]
    only_champion: int
    only_shadow: int
    median: float
    mean_absolute: float
    far: float
    by_stock_type: Mapping[str, tuple[int, float]]

    @property
    def line(self) -> str:
        """The summary in one line."""
        both = self.cars - self.only_champion - self.only_shadow
        told = f"{self.cars:,} cars from {self.first[:16]} to {self.last[:16]}"
        if both:
            told += (
                f": median difference {self.median:+.1%}, mean absolute {self.mean_absolute:.1%},"
                f" {self.far:.1%} differ by more than {FAR:.0%}"
            )
        return (
            told + f"; {self.only_champion:,} without a price of its own,"
            f" {self.only_shadow:,} that it alone prices"
        )


def summarise(root: Path, market: str, release_id: str) -> ShadowSummary | None:
    """What the files of a shadow hold; None where there is nothing."""
    pairs = list(_read(root, market, release_id))
    if not pairs:
        return None
    both = [pair for pair in pairs if pair.price and pair.shadow]
    apart = np.array([(pair.shadow or 0.0) / (pair.price or 1.0) - 1.0 for pair in both])
    kinds = np.array([str(pair.car.get("stock_type") or "unknown") for pair in both])
    return ShadowSummary(
        cars=len(pairs),
        first=min(pair.at for pair in pairs),
        last=max(pair.at for pair in pairs),
        champions=tuple(sorted({pair.champion for pair in pairs})),
        only_champion=sum(pair.shadow is None for pair in pairs),
        only_shadow=sum(pair.price is None for pair in pairs),
        median=float(np.median(apart)) if both else float("nan"),
        mean_absolute=float(np.mean(np.abs(apart))) if both else float("nan"),
        far=float(np.mean(np.abs(apart) > FAR)) if both else float("nan"),
        by_stock_type={
            str(kind): (int((kinds == kind).sum()), float(np.median(apart[kinds == kind])))
            for kind in np.unique(kinds)
        },
    )


def shadow_page(root: Path, market: str, release_id: str) -> str:
    """The section of a model card; ``""`` where the release was never a shadow."""
    found = summarise(root, market, release_id)
    if found is None:
        return ""
    rows = [
        f"| {kind.replace('|', ' ')} | {cars:,} | {median:+.1%} |"
        for kind, (cars, median) in found.by_stock_type.items()
    ]
    head = ["| stock type | cars | median difference |", "| --- | --- | --- |"] if rows else []
    table = "\n".join([*head, *rows])
    beside = ", ".join(found.champions)
    return f"## Shadow\n\n{found.line}. Beside {beside}.\n\n{table}\n"


def shadow_facts(root: Path, market: str, release_id: str) -> dict[str, str]:
    """The summary for the metadata of a decision; empty where there is none."""
    found = summarise(root, market, release_id)
    return {} if found is None else {"shadow": found.line}


def _read(root: Path, market: str, release_id: str) -> Iterator[Pair]:
    """Whole lines of both files; a line that was cut off by a kill is left out."""
    folder = root / market / FOLDER
    for name in (f"{release_id}.1.jsonl", f"{release_id}.jsonl"):
        try:
            data = (folder / name).read_bytes()
        except FileNotFoundError:
            continue
        for line in data.splitlines():
            if pair := _pair(line):
                yield pair


def _pair(line: bytes) -> Pair | None:
    try:
        value: Any = json.loads(line)
    except ValueError:
        return None
    if not isinstance(value, dict):
        return None
    table = cast("dict[str, Any]", value)
    car = table.get("car")
    price, shadow = _price(table.get("price")), _price(table.get("shadow"))
    if not isinstance(car, dict) or (price is None and shadow is None):
        return None
    known = cast("dict[str, Any]", car)
    return Pair(str(table.get("at", "")), str(table.get("champion", "")), known, price, shadow)


def _price(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and value > 0 else None
