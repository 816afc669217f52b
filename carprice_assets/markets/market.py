"""A market's settings, read from TOML and checked field by field."""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, TypeVar, cast
from urllib.parse import urlsplit

from carprice_assets.errors import UserError
from carprice_assets.home import Home
from carprice_assets.markets.bargains import BargainRules
from carprice_assets.markets.features import DeclaredFeature, features_to_json, read_features
from carprice_assets.markets.mappings import ColumnMapping, FeatureSources, read_feature_sources
from carprice_assets.markets.promotion import PromotionRules, check_promotion
from carprice_assets.markets.sites import Site, looks_like_site, read_site

OWN = Path(__file__).parent
SIDES = ("train", "validation", "calibration", "holdout")
KM_PER_MILE = 1.609344
Rules = TypeVar("Rules")
NAME = re.compile(r"[a-z][a-z0-9_-]{0,30}")


@dataclass(frozen=True)
class ListingRules:
    """What a listing's price must lie between, in the market's currency, both ends allowed."""

    price_low: float = 1_500.0
    price_high: float = 1_000_000.0


@dataclass(frozen=True)
class SplitRules:
    """The four sides in per cent, and the salt that must never change."""

    salt: str
    train: float = 72.0
    validation: float = 8.0
    calibration: float = 8.0
    holdout: float = 12.0


@dataclass(frozen=True)
class TrainingRules:
    """Settings of a training that a market may state; defaults are measured ones.

    ``min_new_listings`` is how many listings must have come since the last training before the
    sensor starts the next. Fewer are enough where the last training is more than ``max_age_days``
    old, or where what came since the champion's data differs from it by more than ``max_drift``
    (population stability index of the feature that moved most; 0.25 is a large shift).
    ``features_off`` names transformers or single features that no regressor gets to see.
    """

    seed: int = 20_260_101
    drop_outliers: bool = False
    overfit_limit: float = 0.10
    min_new_listings: int = 500
    max_age_days: int = 30
    max_drift: float = 0.25
    features_off: tuple[str, ...] = ()


@dataclass(frozen=True)
class RangeRules:
    """Ranges of valuations: the share of asking prices that they shall hold."""

    coverage: float = 0.90


@dataclass(frozen=True)
class Market:
    """One market: its name, units, sources and limits.

    ``sources`` holds the raw table of every source; :meth:`columns` reads ``sources.columns``,
    :meth:`sites` those with an ``adapter``.
    ``regressors`` holds parameters that take the place of a regressor's defaults.
    ``features`` are those of the market's own, by name.
    """

    name: str
    title: str
    currency: str
    distance: Literal["mi", "km"]
    split: SplitRules
    listings: ListingRules = field(default_factory=ListingRules)
    training: TrainingRules = field(default_factory=TrainingRules)
    promotion: PromotionRules = field(default_factory=PromotionRules)
    ranges: RangeRules = field(default_factory=RangeRules)
    bargains: BargainRules = field(default_factory=BargainRules)
    sources: Mapping[str, Mapping[str, Any]] = field(default_factory=dict[str, Any])
    regressors: Mapping[str, Mapping[str, Any]] = field(default_factory=dict[str, Any])
    features: tuple[DeclaredFeature, ...] = ()
    path: Path | None = None

    @property
    def cleaning(self) -> dict[str, Any]:
        """Everything that the cleaned numbers and sides depend on; JSON."""
        declared: dict[str, Any] = {}
        if self.features:
            declared["features"] = features_to_json(self.features)
            declared["fields"] = self.sources.get("fields", {})
        return declared | {
            "currency": self.currency,
            "distance": self.distance,
            "salt": self.split.salt,
            "price_low": self.listings.price_low,
            "price_high": self.listings.price_high,
            "columns": self.sources.get("columns", {}),
        }

    def sites(self) -> Mapping[str, Site]:
        """Name to site, for every ``[sources.<name>]`` table with an ``adapter`` or ``start``.

        Raises
        ------
        UserError
            Naming the first key that is wrong.
        """
        return {
            name: read_site(f"market {self.name}", name, table)
            for name, table in self.sources.items()
            if looks_like_site(table)
        }

    def feature_sources(self) -> FeatureSources:
        """Where each format finds the market's own features.

        Raises
        ------
        UserError
            Naming the first key that is wrong, or a feature that no source has.
        """
        return read_feature_sources(f"market {self.name}", self.features, self.sources)

    @property
    def practice_port(self) -> int | None:
        """Port of this machine on which the market's own simulated stock is to be served.

        None where it simulates none, or names no site of this machine.
        """
        if "practice" not in self.sources:
            return None
        ports = (urlsplit(site.start).port or 80 for site in self.sites().values() if site.loopback)
        return next(ports, None)

    def columns(self) -> Mapping[str, ColumnMapping]:
        """The mapping of ``[sources.columns]``: listing field to column and factor.

        A value is a column name, or a table with ``column`` and, for ``mileage``, ``unit``
        (``km`` or ``mi``), for ``price`` and ``msrp``, ``currency`` and ``rate`` (market
        currency for one unit of the file's), for a number of the market's own ``factor`` and
        ``unit``.

        Raises
        ------
        UserError
            Where it is missing, malformed, or states a currency without a rate.
        """
        table = self.sources.get("columns")
        if not table:
            raise UserError(f"market {self.name}: no [sources.columns] table in {self.path}")
        own = self.feature_sources().get("columns", {})
        return {
            name: own[name] if name in own else self._mapping(name, value)
            for name, value in table.items()
        }

    def _mapping(self, name: str, value: Any) -> ColumnMapping:
        where = f"market {self.name}: sources.columns.{name}"
        if isinstance(value, str) and value:
            return ColumnMapping(value)
        if not isinstance(value, dict):
            raise UserError(f"{where}: expected a column name or a table, got {value!r}")
        table = cast("dict[str, Any]", value)
        if unknown := set(table) - {"column", "unit", "currency", "rate"}:
            raise UserError(f"{where}: unknown key {min(unknown)!r}")
        column = table.get("column")
        if not isinstance(column, str) or not column:
            raise UserError(f"{where}: 'column' must name a column")
        factor = 1.0
        if "unit" in table:
            factor = self._distance_factor(where, name, table["unit"])
        if "currency" in table or "rate" in table:
            factor = self._currency_factor(where, name, table)
        return ColumnMapping(column, factor)

    def _distance_factor(self, where: str, name: str, unit: Any) -> float:
        if name != "mileage":
            raise UserError(f"{where}: 'unit' belongs to mileage alone")
        if unit not in ("km", "mi"):
            raise UserError(f"{where}: unit {unit!r} is neither 'km' nor 'mi'")
        if unit == self.distance:
            return 1.0
        return 1 / KM_PER_MILE if unit == "km" else KM_PER_MILE

    def _currency_factor(self, where: str, name: str, table: Mapping[str, Any]) -> float:
        if name not in ("price", "msrp"):
            raise UserError(f"{where}: 'currency' belongs to price and msrp alone")
        currency, rate = table.get("currency"), table.get("rate")
        if currency == self.currency and rate is None:
            return 1.0
        if not isinstance(rate, int | float) or isinstance(rate, bool) or not 0 < rate < 1e9:
            raise UserError(
                f"{where}: {currency} is not the market's {self.currency}; state 'rate', the"
                f" {self.currency} for one {currency}"
            )
        return float(rate)


def market_files(home: Home) -> dict[str, Path]:
    """Name to TOML file; a user's file takes the place of the platform's own of that name."""
    found = {path.stem: path for path in sorted(OWN.glob("*.toml"))}
    if home.markets.is_dir():
        found |= {path.stem: path for path in sorted(home.markets.glob("*.toml"))}
    return found


def market_file(home: Home, name: str) -> Path:
    """Where the TOML file of a market is, or would be; a user's before the platform's own."""
    own = home.markets / f"{name}.toml"
    return own if own.is_file() else OWN / f"{name}.toml"


def load_markets(home: Home) -> tuple[dict[str, Market], dict[str, str]]:
    """All markets that can be read, and for each that cannot the one line that says why."""
    good: dict[str, Market] = {}
    broken: dict[str, str] = {}
    for name, path in market_files(home).items():
        try:
            good[name] = read_market(path)
        except UserError as error:
            broken[name] = str(error)
    return good, broken


def load_market(home: Home, name: str) -> Market:
    """The market called ``name``.

    Raises
    ------
    UserError
        Where there is none of that name, or its file is broken.
    """
    files = market_files(home)
    if name not in files:
        raise UserError(f"unknown market {name!r}: there are {', '.join(sorted(files))}")
    return read_market(files[name])


def read_market(path: Path) -> Market:
    """Read and check one market file.

    Raises
    ------
    UserError
        For broken TOML, an unknown key, a wrong type or a value out of range; names the key.
    """
    name = path.stem
    where = f"market {name}"
    if not NAME.fullmatch(name):
        raise UserError(f"{where}: a market's file name is lower-case letters, digits, - and _")
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{where}: {path} is no TOML: {error}") from error
    except OSError as error:
        raise UserError(f"{where}: cannot read {path}: {error.strerror}") from error
    known = {
        "title",
        "currency",
        "distance",
        "listings",
        "split",
        "training",
        "promotion",
        "ranges",
        "bargains",
    }
    if unknown := set(table) - known - {"sources", "regressors", "features"}:
        raise UserError(f"{where}: unknown key {min(unknown)!r}")
    currency, distance = table.get("currency"), table.get("distance")
    if not isinstance(currency, str) or not re.fullmatch(r"[A-Z]{3}", currency):
        raise UserError(f"{where}: currency must be three capitals such as 'USD', got {currency!r}")
    if distance not in ("mi", "km"):
        raise UserError(f"{where}: distance must be 'mi' or 'km', got {distance!r}")
    title = table.get("title", name)
    if not isinstance(title, str):
        raise UserError(f"{where}: title must be text")
    given = {"salt": f"{name}-1"} | _table(where, table, "split")
    split = _section(where, "split", SplitRules, given)
    parts = [getattr(split, side) for side in SIDES]
    if min(parts) <= 0 or abs(sum(parts) - 100) > 1e-9:
        raise UserError(f"{where}: split must be four positive parts that add up to 100")
    market = Market(
        name=name,
        title=title,
        currency=currency,
        distance=distance,
        split=split,
        listings=_section(where, "listings", ListingRules, _table(where, table, "listings")),
        training=_section(where, "training", TrainingRules, _table(where, table, "training")),
        promotion=_section(where, "promotion", PromotionRules, _table(where, table, "promotion")),
        ranges=_section(where, "ranges", RangeRules, _table(where, table, "ranges")),
        bargains=_section(where, "bargains", BargainRules, _table(where, table, "bargains")),
        sources=_tables(where, table, "sources"),
        regressors=_tables(where, table, "regressors"),
        features=read_features(where, _table(where, table, "features")),
        path=path,
    )
    if not 0.5 <= market.ranges.coverage <= 0.99:
        raise UserError(f"{where}: ranges.coverage must be from 0.5 to 0.99")
    check_promotion(where, market.promotion)
    market.bargains.check(where)
    if not 0 < market.listings.price_low < market.listings.price_high:
        raise UserError(f"{where}: listings.price_low must be above 0 and below price_high")
    market.feature_sources()
    if "columns" in market.sources:
        market.columns()
    market.sites()
    return market


def _table(where: str, table: Mapping[str, Any], key: str) -> dict[str, Any]:
    value = table.get(key, {})
    if not isinstance(value, dict):
        raise UserError(f"{where}: {key} must be a table, got {value!r}")
    return cast("dict[str, Any]", value)


def _tables(where: str, table: Mapping[str, Any], key: str) -> Mapping[str, Mapping[str, Any]]:
    tables = _table(where, table, key)
    for name, value in tables.items():
        if not isinstance(value, dict):
            raise UserError(f"{where}: {key}.{name} must be a table, got {value!r}")
    return tables


def _section(where: str, key: str, kind: type[Rules], values: Mapping[str, Any]) -> Rules:
    expected = {f.name: str(f.type) for f in fields(kind)}  # pyright: ignore[reportArgumentType]
    checked: dict[str, Any] = {}
    for name, value in values.items():
        if name not in expected:
            raise UserError(f"{where}: unknown key {key}.{name}")
        checked[name] = _value(f"{where}: {key}.{name}", expected[name], value)
    return kind(**checked)


def _value(where: str, kind: str, value: Any) -> Any:
    if kind == "float" and isinstance(value, int | float) and not isinstance(value, bool):
        if not math.isfinite(value):
            raise UserError(f"{where} must be a finite number, got {value!r}")
        return float(value)
    if kind == "tuple[str, ...]":
        if isinstance(value, list) and all(
            isinstance(each, str) for each in cast("list[Any]", value)
        ):
            return tuple(cast("list[str]", value))
        raise UserError(f"{where} must be a list of names, got {value!r}")
    if {"int": int, "str": str, "bool": bool}.get(kind) is type(value):
        return value
    raise UserError(f"{where} must be of type {kind}, got {value!r}")
