"""The verdict on raw rows: typed values, and the first rule that a row breaks.

All texts are normalised by the pure functions of ``normalise`` and ``titles``, the same that
the service uses, applied to distinct values and joined back in SQL.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from carprice_assets.errors import UserError
from carprice_assets.listings.contract import BY_NAME
from carprice_assets.listings.lookups import NAME_TEXTS, WORD_FIELDS, learn, learn_declared
from carprice_assets.listings.rejections import PAGE_FAULTS
from carprice_assets.markets import Market
from carprice_assets.sources import FORMATS
from carprice_assets.sources.base import literal
from carprice_assets.sources.declared import declared_sql, raw_factor, raw_text

if TYPE_CHECKING:
    import duckdb

KEPT = "source, row_hash, scraped_at, listing_id, url, seq"
FUTURE_YEARS = 2
DOLLARS = ("USD", "CAD", "AUD", "NZD", "SGD", "HKD", "TWD", "MXN", "COP", "CLP", "ARS")
"""Currencies whose prices are written with a bare ``$``."""


def extraction_sql(
    con: duckdb.DuckDBPyConnection, market: Market, rows: str, kept: str = KEPT
) -> str:
    """SQL for the raw fields of ``rows``, whatever sources they come from.

    ``rows`` is a table, or a SELECT in brackets, with the columns of ``incoming``.

    Raises
    ------
    UserError
        For rows of a source that is no format, or whose mapping the market has lost.
    """
    found = con.execute(f"SELECT DISTINCT source FROM {rows} ORDER BY source").fetchall()
    if unknown := [name for (name,) in found if name not in FORMATS]:
        raise UserError(f"market {market.name}: raw listings of an unknown format {unknown[0]!r}")
    selects: list[str] = []
    for name in [row[0] for row in found] or ["payload"]:
        extraction = FORMATS[name].extract(market)
        mine = f"(SELECT * FROM {rows} WHERE source = {literal(name)})"
        units = (
            f"{literal(extraction.currency or market.currency)} AS expected_currency,"
            f" {literal(_file_unit(market, extraction.factors.get('mileage_factor', 1.0)))}"
            f" AS mileage_unit{declared_sql(market, name)}"
        )
        selects.append(extraction.select(mine, f"{kept}, {units}"))
    return "\nUNION ALL\n".join(selects)


def _file_unit(market: Market, factor: float) -> str:
    if factor == 1.0:
        return market.distance
    return "km" if market.distance == "mi" else "mi"


def judge(con: duckdb.DuckDBPyConnection, market: Market, rows: str) -> None:
    """Make the temporary tables ``extracted`` (raw fields) and ``judged`` (a verdict a row).

    ``judged`` has the columns of ``listings`` but for the dates of the listing's life, and
    ``reason`` (NULL for an acceptable row) and ``detail``, the text that broke the rule. The
    features of the market's own stand in the maps ``numbers`` and ``words``, NULL where it
    declares none.
    """
    con.execute(f"CREATE OR REPLACE TEMP TABLE extracted AS {extraction_sql(con, market, rows)}")
    learn(con, "extracted")
    learn_declared(con, market, "extracted")
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE judged AS {_judge_sql(market)}",
        {
            "low": market.listings.price_low,
            "high": market.listings.price_high,
            "dollars": list(DOLLARS),
        },
    )


def _in_range(value: str, field: str) -> str:
    low, high = BY_NAME[field].low, BY_NAME[field].high
    return f"CASE WHEN {value} BETWEEN {low} AND {high} THEN {value} END"


CURRENCY_FITS = """(
  coalesce(price.currency, '') IN ('', expected_currency)
  OR (price.currency = '$' AND list_contains($dollars, expected_currency)))
  AND coalesce(upper(currency_text), expected_currency) = expected_currency"""

_WORDS = ",\n  ".join(f"{field}_word.value AS {field}" for field in WORD_FIELDS)
_WORD_JOINS = "\n".join(
    f"LEFT JOIN word_lookup AS {field}_word ON {field}_word.field = '{field}'"
    f" AND {field}_word.text = {field}_text"
    for field in WORD_FIELDS
)

# Which field holds markup, in the order of the fields; and how much of it is told.
_UNSAFE = " ".join(f"WHEN {field}_word.unsafe THEN '{field}'" for field in WORD_FIELDS)
_UNSAFE_TEXT = "CASE unsafe_field " + " ".join(
    f"WHEN '{field}' THEN {field}_text" for field in (*NAME_TEXTS, *WORD_FIELDS)
)
_PAGE_FAULTS = ", ".join(map(literal, PAGE_FAULTS))
SHOWN = 120
"""Characters of an unsafe text or of a page's fault that a rejection tells."""


def _own(name: str) -> str:
    """The lookup of a feature of the market's own."""
    return f"look_{name}"


def _own_joins(market: Market) -> str:
    return "\n".join(
        f"LEFT JOIN own_lookup AS {_own(name)} ON {_own(name)}.market = {literal(market.name)}"
        f" AND {_own(name)}.field = '{name}' AND {_own(name)}.text = {raw_text(name)}"
        f" AND {_own(name)}.factor = {raw_factor(name)}"
        for name in (feature.name for feature in market.features)
    )


def _own_map(market: Market, kind: str) -> str:
    """SQL for the map of the market's own numbers, or of its words."""
    value, of = ("number", "DOUBLE") if kind == "number" else ("word", "TEXT")
    if not market.features:
        return f"NULL::MAP(TEXT, {of})"
    pairs = ", ".join(
        f"'{f.name}': {_own(f.name)}.{value}" for f in market.features if f.kind == kind
    )
    return f"MAP {{{pairs}}}::MAP(TEXT, {of})"


def _own_cases(market: Market, case: str) -> str:
    """A WHEN for each feature of the market's own."""
    return " ".join(
        case.format(name=feature.name, own=_own(feature.name), text=raw_text(feature.name))
        for feature in market.features
    )


def _judge_sql(market: Market) -> str:
    """SQL of the verdict: the first rule that a row breaks, of those in ``rejections``."""
    unsafe = _own_cases(market, "WHEN {own}.unsafe THEN '{name}'")
    unsafe_text = _own_cases(market, "WHEN '{name}' THEN {text}")
    return f"""
WITH typed AS (
  SELECT
    e.*, name.make, name.model, name.trim,
    coalesce(year.value, name.year) AS year,
    price.value * price_factor AS price,
    {CURRENCY_FITS} AS currency_fits,
    {_in_range("(msrp.value * msrp_factor)", "msrp")} AS msrp,
    {_in_range("(mileage.value * mileage_factor)", "mileage")} AS mileage,
    {_WORDS},
    {_own_map(market, "number")} AS numbers,
    {_own_map(market, "category")} AS words,
    coalesce(name.unsafe, CASE {_UNSAFE} {unsafe} END) AS unsafe_field
  FROM extracted AS e
  LEFT JOIN name_lookup AS name ON name.key = (title_text, make_text, model_text, model_trim_text,
    trim_text)
  LEFT JOIN number_lookup AS year ON year.text = year_text
  LEFT JOIN number_lookup AS price ON price.text = price_text
  LEFT JOIN number_lookup AS msrp ON msrp.text = msrp_text
  LEFT JOIN mileage_lookup AS mileage ON mileage.text = mileage_text AND mileage.unit = mileage_unit
  {_WORD_JOINS}
  {_own_joins(market)}
), ruled AS (
  SELECT *, CASE
    WHEN page_fault_text IN ({_PAGE_FAULTS}) THEN page_fault_text
    WHEN page_fault_text IS NOT NULL THEN 'page_unreadable'
    WHEN listing_id IS NULL THEN 'no_listing_id'
    WHEN unsafe_field IS NOT NULL THEN 'unsafe_text'
    WHEN coalesce(title_text, make_text, model_text, model_trim_text) IS NULL THEN 'no_title'
    WHEN make IS NULL THEN 'no_make'
    WHEN model IS NULL THEN 'no_model'
    WHEN year IS NULL THEN 'no_year'
    WHEN year <> floor(year) OR year < {BY_NAME["year"].low}
      OR year > date_part('year', scraped_at) + {FUTURE_YEARS} THEN 'year_out_of_range'
    WHEN price IS NULL THEN 'no_price'
    WHEN NOT currency_fits THEN 'other_currency'
    WHEN price NOT BETWEEN $low AND $high THEN 'price_out_of_range'
  END AS reason
  FROM typed
)
SELECT
  source, row_hash, scraped_at, listing_id, url, seq,
  vin, dealer, price, make, model, trim, year, mileage, msrp,
  stock_type, drivetrain, fuel_type, bodystyle, cat, exterior_color, interior_color,
  numbers, words, reason,
  CASE
    WHEN page_fault_text IN ({_PAGE_FAULTS}) THEN left(page_detail_text, {SHOWN})
    WHEN page_fault_text IS NOT NULL
      THEN left(concat_ws(': ', page_fault_text, page_detail_text), {SHOWN})
    WHEN reason = 'unsafe_text' THEN unsafe_field || ': ' || left({_UNSAFE_TEXT} {unsafe_text} END,
      {SHOWN})
    WHEN reason IN ('no_make', 'no_model') THEN concat_ws(' ', title_text, make_text, model_text,
      model_trim_text)
    WHEN reason IN ('no_year', 'year_out_of_range') THEN coalesce(year_text, title_text)
    WHEN reason IN ('no_price', 'price_out_of_range') THEN price_text
    WHEN reason = 'other_currency' THEN concat_ws(' ', price_text, currency_text)
  END AS detail
FROM ruled
"""
