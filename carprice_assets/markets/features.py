"""Features of its own that a market declares: the ``[features.<name>]`` tables of its file."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

from carprice_assets.errors import UserError

FEATURE_NAME = re.compile(r"[a-z][a-z0-9_]{0,40}")
KINDS = ("number", "category")
KEYS: Mapping[str, frozenset[str]] = {
    "number": frozenset({"kind", "doc", "unit", "low", "high"}),
    "category": frozenset({"kind", "doc", "values"}),
}
LONGEST = 200
MOST_VALUES = 500
RESERVED = frozenset(
    re.findall(
        r"\w+",
        # Fields of the contract, raw fields and columns of the tables.
        "listing_id vin dealer url observed_at first_seen last_seen delisted_at price make model"
        " trim year mileage msrp stock_type drivetrain fuel_type bodystyle cat exterior_color"
        " interior_color title model_trim currency page_fault page_detail market source scrape_id"
        " scraped_at seq payload row_hash vehicle side reason detail numbers words"
        # Transformers, whose blocks stand beside the columns under their names.
        " make_encoder model_hasher drivetrain_encoder bodystyle_encoder fuel_type_encoder"
        " stock_type_encoder exterior_color_vectors interior_color_vectors category_vectors"
        " category_codes imputer price_encoder vin_encoder word_encoder dealer_encoder"
        " market_features outlier_detector scaler"
        # What an answer and a priced file say.
        " predicted_price low high coverage supported reasons warnings error errors provenance"
        " asking_price deal_rating car cars age",
    )
)
"""Names that mean something already."""


@dataclass(frozen=True)
class DeclaredFeature:
    """One feature of a market's own. Any listing may lack it.

    Attributes
    ----------
    name
        As in requests, tables and reports.
    kind
        ``number``, or ``category``: a word.
    doc
        What it is, for people.
    unit
        Of a number; a text may state it behind the number.
    low, high
        Range of a number, both ends allowed; infinite where there is none.
    values
        Closed list of a category's words; empty for an open vocabulary.
    """

    name: str
    kind: Literal["number", "category"]
    doc: str = ""
    unit: str = ""
    low: float = -math.inf
    high: float = math.inf
    values: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The declaration with all its keys; infinite ends are None."""
        return {
            "name": self.name,
            "kind": self.kind,
            "doc": self.doc,
            "unit": self.unit,
            "low": self.low if math.isfinite(self.low) else None,
            "high": self.high if math.isfinite(self.high) else None,
            "values": list(self.values),
        }


def folded_word(text: str) -> str:
    """What two spellings of a word have in common: case, spaces, hyphens do not matter."""
    return re.sub(r"[\s_-]+", " ", text.casefold()).strip()


def read_features(where: str, tables: Mapping[str, Any]) -> tuple[DeclaredFeature, ...]:
    """The features that the ``[features]`` table of a market declares, by name.

    Raises
    ------
    UserError
        Naming the first key that is wrong.
    """
    return tuple(
        _feature(f"{where}: features.{name}", name, tables[name]) for name in sorted(tables)
    )


def features_from_json(value: Any, where: str) -> tuple[DeclaredFeature, ...]:
    """The features of a list of :meth:`DeclaredFeature.to_json`.

    Raises
    ------
    UserError
        Where it is no such list, or a feature is malformed or stands twice.
    """
    entries = cast("list[Any]", value) if isinstance(value, list) else [None]
    tables: dict[str, Any] = {}
    for entry in entries:
        if not isinstance(entry, dict):
            raise UserError(f"{where}: declared features must be a list of objects")
        table = cast("dict[str, Any]", entry)
        name = table.get("name")
        if not isinstance(name, str) or name in tables:
            raise UserError(f"{where}: declared feature {name!r} has no name, or stands twice")
        tables[name] = {k: v for k, v in table.items() if k != "name" and v not in (None, "", [])}
    return read_features(where, tables)


def features_to_json(features: Sequence[DeclaredFeature]) -> list[dict[str, Any]]:
    """``features`` for a JSON file, see :func:`features_from_json`."""
    return [feature.to_json() for feature in features]


def _feature(where: str, name: str, value: Any) -> DeclaredFeature:
    if not FEATURE_NAME.fullmatch(name):
        raise UserError(f"{where}: a feature's name is lower-case letters, digits and _")
    if name in RESERVED:
        raise UserError(f"{where}: {name} means something else already: choose another name")
    if not isinstance(value, dict):
        raise UserError(f"{where} must be a table, got {value!r}")
    table = cast("dict[str, Any]", value)
    kind = table.get("kind")
    if kind not in KINDS:
        raise UserError(f"{where}.kind must be 'number' or 'category', got {kind!r}")
    if unknown := set(table) - KEYS[kind]:
        raise UserError(f"{where}: a {kind} has no key {min(unknown)!r}")
    for key in ("doc", "unit"):
        text = table.get(key, "")
        if not isinstance(text, str) or len(text) > LONGEST or not text.isprintable():
            raise UserError(f"{where}.{key} must be one line of text, got {text!r}")
    low, high = _end(where, table, "low", -math.inf), _end(where, table, "high", math.inf)
    if low >= high:
        raise UserError(f"{where}.low must be below high")
    return DeclaredFeature(
        name=name,
        kind=kind,
        doc=table.get("doc", ""),
        unit=table.get("unit", "").strip(),
        low=low,
        high=high,
        values=_values(where, table.get("values")),
    )


def _end(where: str, table: Mapping[str, Any], key: str, default: float) -> float:
    value = table.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value:
        raise UserError(f"{where}.{key} must be a number, got {value!r}")
    if key in table and not math.isfinite(value):
        raise UserError(f"{where}.{key} must be a finite number, got {value!r}")
    return float(value)


def _values(where: str, value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    words = cast("list[Any]", value) if isinstance(value, list) else []
    if not words or len(words) > MOST_VALUES:
        raise UserError(f"{where}.values must list 1 to {MOST_VALUES} words, got {value!r}")
    seen: set[str] = set()
    for word in words:
        if not isinstance(word, str) or not folded_word(word) or len(word) > LONGEST:
            raise UserError(f"{where}.values: {word!r} is no word")
        if not word.isprintable() or "<" in word:
            raise UserError(f"{where}.values: {word!r} holds markup or control characters")
        if folded_word(word) in seen:
            raise UserError(f"{where}.values: {word!r} stands twice")
        seen.add(folded_word(word))
    return tuple(" ".join(word.split()) for word in words)
