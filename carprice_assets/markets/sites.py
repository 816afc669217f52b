"""A site to crawl: one ``[sources.<name>]`` table of a market that names an adapter."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from ipaddress import ip_address
from typing import Any
from urllib.parse import SplitResult, urlsplit

from carprice_assets.errors import UserError

ADAPTERS = ("carscom", "schema-org")
"""Names of the site adapters, which ``carprice_assets.sources.sites`` holds."""

KINDS = ("search", "detail")
SITE_NAME = re.compile(r"[a-z][a-z0-9_-]{0,30}")
CONTACT = re.compile(r"(mailto:)?[^\s@:/]+@[^\s@]+\.[^\s@.]+|https?://[^\s/@]+\.[^\s/]+\S*")
MOST_CONTACT = 200


@dataclass(frozen=True)
class Site:
    """Where a market's listings are scraped, and how gently.

    Attributes
    ----------
    name
        The table's name.
    adapter
        How its pages are built, one of :data:`ADAPTERS`.
    start
        Address of the first search page. A query parameter ``page`` is added to it.
    contact
        A mail or web address that stands in the user agent. Required beyond loopback.
    permitted
        That the owner of the site allows scraping. Required beyond loopback.
    hosts
        More hosts (``host`` or ``host:port``) that pages may lie on; the start's is always one.
    rate
        Requests a second to one host, at most.
    concurrency
        Requests to one host at the same time, at most.
    daily_budget
        Requests to the site in 24 hours, at most.
    max_pages
        Search pages of one crawl, at most.
    render
        Kinds of page (``search``, ``detail``) that need a browser; None for the adapter's own.
    attempts
        Times a page is asked for before it counts as failed.
    timeout
        Seconds for one request or rendering.
    max_bytes
        Size of a page, at most.
    refetch_days
        Age of a listing's detail page from which it is fetched again though its card is the same.
    every_days
        Days between two scheduled crawls.
    resume_days
        Age up to which a crawl that did not end is gone on with.
    cool_off_hours
        Hours after a refusal in which no crawl of the site starts. Less than a day by default,
        so that the daily tick of the schedule comes after it.
    clock
        ``machine``: a page's day is this machine's (UTC); ``site``: that of its ``Date`` header.
    """

    name: str
    adapter: str
    start: str
    contact: str = ""
    permitted: bool = False
    hosts: tuple[str, ...] = ()
    rate: float = 0.5
    concurrency: int = 2
    daily_budget: int = 20_000
    max_pages: int = 1_000
    render: tuple[str, ...] | None = None
    attempts: int = 4
    timeout: float = 30.0
    max_bytes: int = 5_000_000
    refetch_days: int = 30
    every_days: int = 2
    resume_days: int = 3
    cool_off_hours: float = 20.0
    clock: str = "machine"

    @property
    def allowed_hosts(self) -> frozenset[str]:
        """``host`` or ``host:port`` of every address that may be fetched, lower case."""
        return frozenset({urlsplit(self.start).netloc.lower(), *(h.lower() for h in self.hosts)})

    @property
    def loopback(self) -> bool:
        """Whether every host of the site is this machine."""
        return all(is_loopback(host) for host in self.allowed_hosts)


def looks_like_site(table: Mapping[str, Any]) -> bool:
    """Whether a source's table was meant for a site, adapter or not."""
    return "adapter" in table or "start" in table


def is_loopback(host: str) -> bool:
    """Whether ``host`` or ``host:port`` names this machine by itself, without a look-up."""
    name = urlsplit(f"//{host}").hostname or ""
    if name == "localhost":
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False


def read_site(where: str, name: str, table: Mapping[str, Any]) -> Site:
    """Check one site's table.

    Raises
    ------
    UserError
        For an unknown key, a wrong type, a limit out of range, or an address that is none;
        where scraping beyond loopback is not stated to be permitted, or has no contact.
    """
    at = f"{where}: sources.{name}"
    if not SITE_NAME.fullmatch(name):
        raise UserError(f"{at}: a site's name is lower-case letters, digits, - and _")
    known = {f.name: f for f in fields(Site) if f.name != "name"}
    if unknown := set(table) - set(known):
        raise UserError(f"{at}: unknown key {min(unknown)!r}")
    for needed in ("adapter", "start"):
        if needed not in table:
            raise UserError(f"{at}: needs '{needed}'")
    values = {
        key: _typed(f"{at}.{key}", str(known[key].type), given) for key, given in table.items()
    }
    site = Site(name=name, **values)
    _check(at, site)
    return site


def _typed(at: str, kind: str, given: Any) -> Any:
    if kind.startswith("tuple"):
        if not isinstance(given, list) or not all(isinstance(each, str) for each in given):
            raise UserError(f"{at} must be a list of texts, got {given!r}")
        return tuple(given)
    number = isinstance(given, int | float) and not isinstance(given, bool)
    if kind == "float" and number:
        return float(given)
    if {"int": int, "str": str, "bool": bool}.get(kind) is type(given):
        return given
    raise UserError(f"{at} must be of type {kind}, got {given!r}")


LIMITS: Mapping[str, tuple[float, float]] = {
    "rate": (0.01, 10_000),
    "concurrency": (1, 64),
    "daily_budget": (1, 10_000_000),
    "max_pages": (1, 1_000_000),
    "attempts": (1, 20),
    "timeout": (0.1, 600),
    "max_bytes": (1_000, 1_000_000_000),
    "refetch_days": (1, 10_000),
    "every_days": (1, 365),
    "resume_days": (0, 365),
    "cool_off_hours": (0, 10_000),
}


def _check(at: str, site: Site) -> None:
    if site.adapter not in ADAPTERS:
        raise UserError(f"{at}.adapter {site.adapter!r}: there are {', '.join(ADAPTERS)}")
    for key, (low, high) in LIMITS.items():
        if not low <= getattr(site, key) <= high:
            raise UserError(f"{at}.{key} must be {low:g} to {high:,.0f}, got {getattr(site, key)}")
    if site.clock not in ("machine", "site"):
        raise UserError(f"{at}.clock must be 'machine' or 'site', got {site.clock!r}")
    if unknown := set(site.render or ()) - set(KINDS):
        raise UserError(f"{at}.render: {min(unknown)!r} is none of {', '.join(KINDS)}")
    _address(f"{at}.start", site.start)
    for host in site.hosts:
        parts = _address(f"{at}.hosts", f"http://{host}/")
        if parts.netloc != host or parts.path != "/":
            raise UserError(f"{at}.hosts: {host!r} is not of the form host or host:port")
    if len(site.contact) > MOST_CONTACT or not _printable(site.contact):
        raise UserError(
            f"{at}.contact must be one line of up to {MOST_CONTACT} ASCII characters, since it"
            f" stands in the user agent, got {site.contact[:80]!r}"
        )
    beyond = [host for host in sorted(site.allowed_hosts) if not is_loopback(host)]
    if beyond and not site.permitted:
        raise UserError(
            f"{at}: {beyond[0]} is not this machine: 'permitted = true' must state that its owner"
            " allows scraping"
        )
    if beyond and not CONTACT.fullmatch(site.contact):
        raise UserError(
            f"{at}: {beyond[0]} is not this machine: 'contact' must give a mail or web address for"
            f" the user agent, got {site.contact!r}"
        )


def _printable(text: str) -> bool:
    return text.isascii() and text.isprintable()


def _address(at: str, address: str) -> SplitResult:
    try:
        parts = urlsplit(address)
        port_fits = parts.port is None or parts.port > 0
    except ValueError:
        raise UserError(f"{at}: {address!r} is no address") from None
    if parts.scheme not in ("http", "https") or not parts.hostname or not port_fits:
        raise UserError(f"{at}: {address!r} is no http or https address")
    if parts.username is not None or parts.fragment:
        raise UserError(f"{at}: {address!r} carries a user name or fragment")
    return parts
