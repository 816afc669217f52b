"""``schema-org``: spooled lines whose payload is a JSON-LD ``Car`` with its ``Offer``.

Whoever publishes a car chooses among several forms of a property: a brand is a text or an object
with a name, offers are one or a list, a price is a number or a text. All are read here, in SQL,
by the paths at which a value may stand; the first that holds a text, number or truth value
counts.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from carprice_assets.markets import Market
from carprice_assets.sources.base import Extraction, literal
from carprice_assets.sources.spool import read_lines

if TYPE_CHECKING:
    import duckdb

OFFER = ("offers", "offers[0]")
NAMED = ("", ".name", "[0]", "[0].name")
"""Where the name of a thing may stand below its property."""

SPECIFICATIONS = (*("priceSpecification",), *(f"priceSpecification[{n}]" for n in range(4)))
"""Where an offer's prices with a type may stand."""

UNITS = {"KMT": "km", "KM": "km", "SMI": "mi", "MI": "mi", "KILOMETERS": "km", "MILES": "mi"}
"""Codes of UN/CEFACT and words for them."""


def paths(properties: Iterable[str], endings: Iterable[str] = ("",)) -> list[str]:
    """Every property with every ending, property by property."""
    ends = tuple(endings)
    return [f"{name}{end}" for name in properties for end in ends]


def below_offer(*names: str) -> list[str]:
    """``names`` below the offer, or below the first of a list of them."""
    return [f"{offer}.{name}" for offer in OFFER for name in names]


PRICE = below_offer("price")
SPECIFIED = below_offer(*(f"{at}.price" for at in SPECIFICATIONS))
SPECIFIED_TYPE = below_offer(*(f"{at}.priceType" for at in SPECIFICATIONS))
SPECIFIED_CURRENCY = below_offer(*(f"{at}.priceCurrency" for at in SPECIFICATIONS))
MILEAGE = paths(("mileageFromOdometer",), ("", ".value", "[0]", "[0].value"))
UNIT = paths(("mileageFromOdometer",), (".unitCode", ".unitText", "[0].unitCode", "[0].unitText"))
CERTIFICATION = paths(("hasCertification",), NAMED)

TEXTS: dict[str, list[str]] = {
    "title": ["name"],
    "make": paths(("brand", "manufacturer"), NAMED),
    "model": paths(("model",), NAMED),
    "trim": paths(("vehicleConfiguration",), NAMED),
    "fuel_type": paths(("fuelType", "vehicleEngine.fuelType", "vehicleEngine[0].fuelType"), NAMED),
    "drivetrain": paths(("driveWheelConfiguration",), (*NAMED, '."@id"')),
    "bodystyle": paths(("bodyType",), NAMED),
    "cat": paths(("category",), NAMED),
    "exterior_color": paths(("color",), NAMED),
    "interior_color": paths(("vehicleInteriorColor",), NAMED),
    "vin": ["vehicleIdentificationNumber"],
    "dealer": below_offer("seller.name", "seller", "seller[0].name", "offeredBy.name"),
    "currency": below_offer("priceCurrency"),
}
"""Raw field to the paths of its text."""

YEAR = ["vehicleModelDate", "modelDate", "productionDate"]
CONDITION = [*paths(("itemCondition",), (*NAMED, '."@id"')), *below_offer("itemCondition")]

PATHS = tuple(
    dict.fromkeys(
        path
        for group in (
            *TEXTS.values(),
            *(YEAR, CONDITION, PRICE, MILEAGE, UNIT, CERTIFICATION),
            *(SPECIFIED, SPECIFIED_TYPE, SPECIFIED_CURRENCY),
        )
        for path in group
    )
)
_PLACE = {path: place for place, path in enumerate(PATHS, 1)}

# All paths of a row are looked up in one pass; objects, lists and null are no values.
PARSE = (
    f"list_transform(json_extract(payload, [{', '.join(literal('$.' + p) for p in PATHS)}]),"
    " lambda j: CASE WHEN left(j, 1) NOT IN ('{', '[') THEN json_extract_string(j, '$') END)"
)


def at(path: str) -> str:
    """SQL for the value at one of :data:`PATHS`, as text or NULL."""
    return f"nullif(trim(p[{_PLACE[path]}]), '')"


def first(wanted: Iterable[str]) -> str:
    """SQL for the first value at any of ``wanted``."""
    return f"coalesce({', '.join(map(at, wanted))}, NULL)"


def _year() -> str:
    """A year, or that of a date."""
    text = first(YEAR)
    return f"coalesce(nullif(regexp_extract({text}, '^(\\d{{4}})-\\d\\d', 1), ''), {text})"


def _price_of_type(listed: bool) -> str:
    """SQL for the first price of a specification that is, or is not, a list price.

    A list price in another currency than the offer's is none.
    """
    own_currency = first(TEXTS["currency"])
    cases: list[str] = []
    for price, kind, currency in zip(SPECIFIED, SPECIFIED_TYPE, SPECIFIED_CURRENCY, strict=True):
        is_list = f"coalesce(regexp_matches({at(kind)}, '(ListPrice|MSRP|SRP)$'), false)"
        fits = f"coalesce(upper({at(currency)}) = upper({own_currency}), true)"
        test = f"{is_list} AND {fits}" if listed else f"NOT {is_list}"
        cases.append(f"CASE WHEN {test} THEN {at(price)} END")
    return f"coalesce({', '.join(cases)})"


def _mileage() -> str:
    """A number with its unit behind it, where it is stated and the number says none."""
    value, unit = first(MILEAGE), first(UNIT)
    words = " ".join(f"WHEN {literal(code)} THEN ' {word}'" for code, word in UNITS.items())
    return (
        f"CASE WHEN regexp_matches({value}, '[a-zA-Z]{{2}}') OR {unit} IS NULL THEN {value}"
        f" ELSE {value} || CASE upper({unit}) {words} ELSE ' ' || {unit} END END"
    )


def _stock_type() -> str:
    """Condition; a used car with a certification that says so is certified."""
    return (
        f"CASE WHEN regexp_matches(lower({first(CERTIFICATION)}), 'certified')"
        f" AND NOT coalesce(regexp_matches(lower({first(CONDITION)}), 'new'), false)"
        f" THEN 'Certified' ELSE {first(CONDITION)} END"
    )


FIELDS = {name: first(where) for name, where in TEXTS.items()} | {
    "year": _year(),
    "stock_type": _stock_type(),
    "price": f"coalesce({first(PRICE)}, {_price_of_type(listed=False)})",
    "msrp": _price_of_type(listed=True),
    "mileage": _mileage(),
    "currency": first([*TEXTS["currency"], *SPECIFIED_CURRENCY]),
}


@dataclass(frozen=True)
class SchemaOrgFormat:
    """The format of spooled JSON-LD cars."""

    name: str = "schema-org"

    def read(
        self,
        con: duckdb.DuckDBPyConnection,
        market: Market,
        path: Path,
        scraped_at: date | None,
    ) -> None:
        """See :meth:`carprice_assets.sources.base.Format.read`."""
        del market
        read_lines(con, path, self.name, scraped_at)

    def extract(self, market: Market) -> Extraction:
        """See :meth:`carprice_assets.sources.base.Format.extract`."""
        del market
        return Extraction((), FIELDS, {}, parse=PARSE)
