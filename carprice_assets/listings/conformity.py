"""Proof that the stored listings keep the contract, asked of the table and not of cleaning."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from carprice_assets.listings.contract import FIELDS, Field
from carprice_assets.listings.declared import fields_of
from carprice_assets.markets import Market
from carprice_assets.sources.base import literal

if TYPE_CHECKING:
    import duckdb


def violations(con: duckdb.DuckDBPyConnection, market: Market) -> dict[str, int]:
    """Listings that break a rule of the contract, by field; empty where it is kept.

    Looked for: a required field missing, a number out of its range or not finite, a word
    outside a closed vocabulary, a price outside the market's limits, a listing id twice. The
    features of the market's own are fields too.
    """
    named: dict[str, Any] = {
        "market": market.name,
        "low": market.listings.price_low,
        "high": market.listings.price_high,
    }
    rules = {field.name: _broken(field, f'"{field.name}"') for field in FIELDS}
    for field in fields_of(market.features):
        kind = "numbers" if field.kind == "number" else "words"
        rules[field.name] = _broken(field, f"{kind}['{field.name}']")
    rules["price"] += " OR price NOT BETWEEN $low AND $high"
    counted = ", ".join(f'count(*) FILTER ({rule}) AS "{name}"' for name, rule in rules.items())
    row = con.execute(
        f"SELECT {counted}, count(*) - count(DISTINCT listing_id)"
        " FROM listings WHERE market = $market",
        named,
    ).fetchall()[0]
    found = dict(zip([*rules, "listing_id twice"], row, strict=True))
    return {name: rows for name, rows in found.items() if rows}


def _broken(field: Field, name: str) -> str:
    """SQL that is true where a value, the SQL ``name``, breaks the field's rules."""
    rules = [f"{name} IS NULL"] if field.required else []
    if field.kind == "number":
        rules.append(f"NOT isfinite({name})")
        rules += [f"{name} < {field.low!r}"] if math.isfinite(field.low) else []
        rules += [f"{name} > {field.high!r}"] if math.isfinite(field.high) else []
    elif field.kind == "category":
        words = ", ".join(literal(value) for value in field.values)
        rules.append(f"{name} NOT IN ({words})")
    elif field.kind == "text":
        rules.append(f"{name} = ''")
    return " OR ".join(rules) or "false"
