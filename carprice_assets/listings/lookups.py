"""Normalised values of distinct raw texts, as temporary tables that SQL joins back."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from carprice_assets.listings import normalise, titles
from carprice_assets.listings.declared import in_range, read_number, read_word
from carprice_assets.markets import DeclaredFeature, Market
from carprice_assets.sources.declared import raw_factor, raw_text

if TYPE_CHECKING:
    import duckdb

SYMBOLS = {"$": "$", "€": "EUR", "£": "GBP", "¥": "JPY", "₹": "INR", "₩": "KRW", "₽": "RUB"}
CODES = frozenset(
    re.findall(
        r"\w+",
        "USD CAD AUD NZD EUR GBP CHF SEK NOK DKK PLN CZK HUF RON TRY RUB UAH ILS AED SAR INR"
        " CNY JPY KRW TWD HKD SGD MYR THB IDR PHP VND ZAR EGP NGN MXN COP CLP PEN ARS BRL",
    )
)


WORD_FIELDS: dict[str, Callable[[str], str]] = {
    "stock_type": normalise.stock_type,
    "drivetrain": normalise.drivetrain,
    "fuel_type": normalise.fuel_type,
    "bodystyle": normalise.bodystyle,
    "cat": normalise.category,
    "exterior_color": normalise.color,
    "interior_color": normalise.color,
    "vin": normalise.vin,
    "dealer": normalise.tidy,
}

TABLES = (
    "CREATE TEMP TABLE IF NOT EXISTS word_lookup (field TEXT, text TEXT, value TEXT, unsafe BOOL)",
    "CREATE TEMP TABLE IF NOT EXISTS number_lookup (text TEXT, value DOUBLE, currency TEXT)",
    "CREATE TEMP TABLE IF NOT EXISTS mileage_lookup (text TEXT, unit TEXT, value DOUBLE)",
    "CREATE TEMP TABLE IF NOT EXISTS own_lookup (market TEXT, field TEXT, text TEXT,"
    " factor DOUBLE, number DOUBLE, word TEXT, unsafe BOOL)",
    "CREATE TEMP TABLE IF NOT EXISTS name_lookup (key STRUCT(title TEXT, make TEXT, model TEXT,"
    " model_trim TEXT, trim TEXT), make TEXT, model TEXT, trim TEXT, year DOUBLE, unsafe TEXT)",
)
NAME_TEXTS: tuple[str, ...] = ("title", "make", "model", "model_trim", "trim")


def learn(con: duckdb.DuckDBPyConnection, table: str) -> None:
    """Add to the lookups every raw text of ``table`` (as ``extracted``) they do not hold yet."""
    for statement in TABLES:
        con.execute(statement)
    for field, function in WORD_FIELDS.items():
        _learn_words(con, table, field, function)
    for field in ("year", "price", "msrp"):
        learn_numbers(con, table, f"{field}_text")
    new = _distinct(
        con,
        f"SELECT DISTINCT mileage_text AS text, mileage_unit AS unit FROM {table}"
        " WHERE mileage_text IS NOT NULL EXCEPT SELECT text, unit FROM mileage_lookup",
    )
    values = [_finite(normalise.mileage(t, u)) for t, u in zip(*new, strict=True)]
    _insert(con, "mileage_lookup", {"text": new[0], "unit": new[1], "value": values})
    _learn_names(con, table)


def learn_declared(con: duckdb.DuckDBPyConnection, market: Market, table: str) -> None:
    """Make ``own_lookup`` anew: what the texts of the market's own features in ``table`` say.

    A number is multiplied by its factor; out of its range it is missing.
    """
    import pyarrow as pa

    con.execute("DELETE FROM own_lookup WHERE market = $market", {"market": market.name})
    for feature in market.features:
        text, factor = raw_text(feature.name), raw_factor(feature.name)
        texts, factors = _distinct(
            con, f"SELECT DISTINCT {text}, {factor} FROM {table} WHERE {text} IS NOT NULL"
        )
        columns: dict[str, Any] = {
            "market": pa.array([market.name] * len(texts), pa.string()),
            "field": pa.array([feature.name] * len(texts), pa.string()),
            "text": pa.array(texts, pa.string()),
            "factor": pa.array(factors, pa.float64()),
            "number": pa.array(map(_number_of(feature), texts, factors), pa.float64()),
            "word": pa.array(map(_word_of(feature), texts), pa.string()),
            "unsafe": pa.array(map(normalise.holds_markup, texts), pa.bool_()),
        }
        con.register("learned", pa.table(columns))
        try:
            con.execute("INSERT INTO own_lookup SELECT * FROM learned")
        finally:
            con.unregister("learned")


def _number_of(feature: DeclaredFeature) -> Callable[[str, float], float | None]:
    def number(text: str, factor: float) -> float | None:
        # The range, in the file's unit, helps to tell 1.998 from 1,998. What states the market's
        # unit where the file's is another is not to be multiplied, so it cannot be read.
        unit = feature.unit if factor == 1.0 else ""
        low, high = feature.low / factor, feature.high / factor
        of_file = replace(feature, unit=unit, low=low, high=high)
        value = read_number(of_file, text) * factor
        return value if in_range(feature, value) and math.isfinite(value) else None

    return number if feature.kind == "number" else lambda text, factor: None


def _word_of(feature: DeclaredFeature) -> Callable[[str], str | None]:
    if feature.kind == "number":
        return lambda text: None
    return lambda text: read_word(feature, text) or None


def learn_numbers(con: duckdb.DuckDBPyConnection, table: str, column: str) -> None:
    """Add the numbers and currencies of a column's texts to ``number_lookup``."""
    (texts,) = _distinct(
        con,
        f"SELECT DISTINCT {column} AS text FROM {table} WHERE {column} IS NOT NULL"
        " EXCEPT SELECT text FROM number_lookup",
    )
    values = [_finite(normalise.number(text)) for text in texts]
    currencies = [currency(text) for text in texts]
    _insert(con, "number_lookup", {"text": texts, "value": values, "currency": currencies})


def learn_vins(con: duckdb.DuckDBPyConnection, table: str) -> None:
    """Add the VINs of ``table`` to ``word_lookup``."""
    _learn_words(con, table, "vin", normalise.vin)


def currency(text: str) -> str:
    """The currency that a price names: a code, ``$`` for any dollar or peso, ``''`` for none."""
    for word in re.findall(r"[A-Za-z]{3}", text):
        if word.upper() in CODES:
            return word.upper()
    return next((code for symbol, code in SYMBOLS.items() if symbol in text), "")


def name(
    title: str | None, make: str | None, model: str | None, model_trim: str | None, trim: str | None
) -> tuple[str, str, str, float | None]:
    """Make, model, trim and (from a title alone) year, normalised; ``''`` for what is missing.

    Fields of their own count before what is run together with others.
    """
    read = titles.parse_title(title) if title else titles.Title(None, "", "", "")
    the_make = normalise.make(make) if make else read.make
    if model:
        the_model, the_trim = titles.model_and_trim(the_make, model, trim or "")
    elif model_trim:
        the_model, the_trim = titles.split_model_trim(the_make, model_trim)
    else:
        the_model, the_trim = read.model, read.trim
    if trim and not model:
        the_trim = normalise.trim(trim)
    return the_make, the_model, the_trim, None if read.year is None else float(read.year)


def _learn_words(
    con: duckdb.DuckDBPyConnection, table: str, field: str, function: Callable[[str], str]
) -> None:
    (texts,) = _distinct(
        con,
        f"SELECT DISTINCT {field}_text AS text FROM {table} WHERE {field}_text IS NOT NULL"
        f" EXCEPT SELECT text FROM word_lookup WHERE field = '{field}'",
    )
    values = [function(text) or None for text in texts]
    fields = [field] * len(texts)
    unsafe = [normalise.holds_markup(text) for text in texts]
    learned = {"field": fields, "text": texts, "value": values, "unsafe": unsafe}
    _insert(con, "word_lookup", learned)


def _learn_names(con: duckdb.DuckDBPyConnection, table: str) -> None:
    texts = ", ".join(f"{part}_text" for part in NAME_TEXTS)
    new = _distinct(
        con,
        f"SELECT DISTINCT {texts} FROM {table}"
        " EXCEPT SELECT key.title, key.make, key.model, key.model_trim, key.trim FROM name_lookup",
    )
    keys = [dict(zip(NAME_TEXTS, row, strict=True)) for row in zip(*new, strict=True)]
    named = [name(*row) for row in zip(*new, strict=True)]
    _insert(
        con,
        "name_lookup",
        {
            "key": keys,
            "make": [row[0] or None for row in named],
            "model": [row[1] or None for row in named],
            "trim": [row[2] or None for row in named],
            "year": [row[3] for row in named],
            "unsafe": [_unsafe_part(key) for key in keys],
        },
    )


def _unsafe_part(key: dict[str, Any]) -> str | None:
    """Which of the texts of a name holds markup; None where none does."""
    return next((part for part, text in key.items() if text and normalise.holds_markup(text)), None)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _distinct(con: duckdb.DuckDBPyConnection, query: str) -> list[list[Any]]:
    """Columns of a query as lists."""
    table = con.sql(query).to_arrow_table()
    return [column.to_pylist() for column in table.columns]


def _insert(
    con: duckdb.DuckDBPyConnection, table: str, columns: Mapping[str, Sequence[Any]]
) -> None:
    import pyarrow as pa

    if not next(iter(columns.values())):
        return
    words = table == "word_lookup"
    types: dict[str, Any] = {
        "value": pa.string() if words else pa.float64(),
        "unsafe": pa.bool_() if words else pa.string(),
        "year": pa.float64(),
        "key": pa.struct([(part, pa.string()) for part in NAME_TEXTS]),
    }
    arrays = {n: pa.array(v, type=types.get(n, pa.string())) for n, v in columns.items()}
    con.register("learned", pa.table(arrays))
    try:
        con.execute(f"INSERT INTO {table} SELECT * FROM learned")
    finally:
        con.unregister("learned")
