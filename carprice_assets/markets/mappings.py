"""Where the formats find a market's own features: ``[sources.columns]``, ``[sources.fields.…]``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from carprice_assets.errors import UserError
from carprice_assets.markets.features import DeclaredFeature

FORMATS = ("carscom-cards", "carscom-details", "carscom-export", "payload", "schema-org")
"""File formats whose fields are fixed, so that ``[sources.fields.<format>]`` may name more."""

FACTORS = (1e-9, 1e9)


@dataclass(frozen=True)
class ColumnMapping:
    """Where a format finds one field.

    ``factor`` turns the file's unit or currency into the market's; 1.0 where they agree.
    ``unit`` is what the file writes behind a number of the market's own, where it writes
    another unit than the declared one.
    """

    column: str
    factor: float = 1.0
    unit: str = ""


FeatureSources = Mapping[str, Mapping[str, ColumnMapping]]
"""Format to feature to where it stands."""


def read_feature_sources(
    where: str, features: Sequence[DeclaredFeature], sources: Mapping[str, Mapping[str, Any]]
) -> FeatureSources:
    """Where each declared feature is found, by format.

    Raises
    ------
    UserError
        Naming the key that is malformed, names no declared feature or no format, or reads the
        price; or the feature that no source names.
    """
    named = {feature.name: feature for feature in features}
    columns = sources.get("columns", {})
    tables: dict[str, Mapping[str, Any]] = {
        "columns": {name: columns[name] for name in named if name in columns}
    }
    at = {"columns": f"{where}: sources.columns"}
    fields = sources.get("fields", {}) if named or "fields" in sources else {}
    for format_name, table in fields.items():
        at[format_name] = f"{where}: sources.fields.{format_name}"
        if format_name not in FORMATS:
            raise UserError(f"{at[format_name]}: no such format; there are {', '.join(FORMATS)}")
        if not isinstance(table, dict):
            raise UserError(f"{at[format_name]} must be a table, got {table!r}")
        tables[format_name] = cast("dict[str, Any]", table)
        if unknown := set(tables[format_name]) - set(named):
            raise UserError(
                f"{at[format_name]}.{min(unknown)}: the market declares no such feature"
            )
    found = {
        format_name: {
            name: _mapping(f"{at[format_name]}.{name}", named[name], value)
            for name, value in table.items()
        }
        for format_name, table in tables.items()
    }
    _refuse_price(at, found, columns.get("price"))
    if lost := sorted(set(named) - {name for table in found.values() for name in table}):
        raise UserError(
            f"{where}: features.{lost[0]}: no source has it: name its column in [sources.columns]"
            f" or its key in [sources.fields.<format>]"
        )
    return {format_name: table for format_name, table in found.items() if table}


def _mapping(where: str, feature: DeclaredFeature, value: Any) -> ColumnMapping:
    if isinstance(value, str) and value:
        return ColumnMapping(value)
    if not isinstance(value, dict):
        raise UserError(f"{where}: expected a column name or a table, got {value!r}")
    table = cast("dict[str, Any]", value)
    if unknown := set(table) - {"column", "factor", "unit"}:
        raise UserError(f"{where}: unknown key {min(unknown)!r}")
    column, factor, unit = table.get("column"), table.get("factor", 1.0), table.get("unit", "")
    if not isinstance(column, str) or not column:
        raise UserError(f"{where}: 'column' must name a column")
    if feature.kind != "number" and (extra := set(table) - {"column"}):
        raise UserError(f"{where}: {min(extra)!r} belongs to numbers alone")
    if not isinstance(unit, str) or not unit.isprintable():
        raise UserError(f"{where}.unit must be text, got {unit!r}")
    low, high = FACTORS
    if isinstance(factor, bool) or not isinstance(factor, int | float) or not low < factor < high:
        raise UserError(f"{where}.factor must be a number above 0, got {factor!r}")
    return ColumnMapping(column, float(factor), unit.strip())


def _refuse_price(at: Mapping[str, str], found: FeatureSources, price: Any) -> None:
    """A feature that is the price would be known of no car that is to be valued."""
    own = price.get("column") if isinstance(price, dict) else price
    for format_name, table in found.items():
        for name, mapping in table.items():
            last = mapping.column.rsplit(".", 1)[-1].casefold()
            if (format_name == "columns" and mapping.column == own) or last.startswith("price"):
                raise UserError(f"{at[format_name]}.{name}: {mapping.column!r} tells the price")
