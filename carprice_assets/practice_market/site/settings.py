"""What can be set of a practice site: the ``[sources.practice]`` table of a market."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any
from urllib.parse import urlsplit

from carprice_assets.errors import UserError
from carprice_assets.markets.market import Market as MarketFile
from carprice_assets.markets.sites import Site, is_loopback
from carprice_assets.practice_market.settings import Settings
from carprice_assets.practice_market.stock import Market, simulate

CARSCOM, SCHEMA_ORG = "carscom", "schema-org"
TEMPLATES = (CARSCOM, SCHEMA_ORG)
DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class SiteSettings:
    """One practice site.

    Attributes
    ----------
    market, title
        The market's name, and how people call it.
    seed, size
        Of the simulated market.
    template
        How the pages are built, one of `TEMPLATES`.
    rate
        Units of `currency` for one USD.
    per_page
        Cards of a search page, before those that it repeats.
    currency, distance
        Of the pages of the template schema-org; carscom shows USD and miles.
    host, port
        Where it is served.
    """

    market: str
    title: str = "Practice market"
    seed: int = 7
    size: int = 2500
    template: str = CARSCOM
    rate: float = 1.0
    per_page: int = 50
    currency: str = "USD"
    distance: str = "mi"
    host: str = "127.0.0.1"
    port: int = 8010

    def open_market(self) -> Market:
        """The simulated market; its last day is that of `Settings.days`."""
        return simulate(Settings(seed=self.seed, size=self.size))


def site_settings(market: MarketFile) -> SiteSettings:
    """Read ``[sources.practice]`` and the port of the market's loopback site.

    Raises
    ------
    UserError
        Without such a table or such a site, or for a value of a wrong type or out of range.
    """
    where = f"market {market.name}"
    if "practice" not in market.sources:
        raise UserError(f"{where}: no [sources.practice] table, so there is no practice site")
    table = market.sources["practice"]
    parts = urlsplit(_loopback_site(where, market.sites()).start)
    types = {field.name: str(field.type) for field in fields(SiteSettings)}
    given = {
        key: _checked(f"{where}: sources.practice.{key}", types[key], table[key])
        for key in ("seed", "size", "template", "rate", "per_page")
        if key in table
    }
    if given.get("template", CARSCOM) not in TEMPLATES:
        names = ", ".join(TEMPLATES)
        raise UserError(
            f"{where}: sources.practice.template {given['template']!r}: there are {names}"
        )
    return SiteSettings(
        market=market.name,
        title=market.title,
        currency=market.currency,
        distance=market.distance,
        host=parts.hostname or "127.0.0.1",
        port=parts.port or DEFAULT_PORTS[parts.scheme],
        **given,
    )


def _loopback_site(where: str, sites: Mapping[str, Site]) -> Site:
    if not sites:
        raise UserError(f"{where}: no [sources.<name>] table with an adapter and a start address")
    for site in sites.values():
        if is_loopback(urlsplit(site.start).netloc):
            return site
    name, site = next(iter(sites.items()))
    raise UserError(f"{where}: sources.{name}.start {site.start} is not on this machine")


def _checked(at: str, kind: str, value: Any) -> Any:
    if kind == "str" and isinstance(value, str):
        return value
    if kind == "int" and type(value) is int and value > 0:
        return value
    if kind == "float" and type(value) in (int, float) and 0 < value < 1e6:
        return float(value)
    words = {"str": "text", "int": "a whole number > 0", "float": "a number > 0"}
    raise UserError(f"{at} must be {words[kind]}, got {value!r}")
