"""Which addresses may be fetched: those of the site's hosts, and never a private network's."""

from __future__ import annotations

import re
import time
from collections.abc import Awaitable, Callable, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import SplitResult, urldefrag, urljoin, urlsplit

from carprice_assets.markets import Site

MAX_REDIRECTS = 5
LOOKUP_SECONDS = 300.0
"""How long the answer of a name look-up is trusted."""

_DEFAULT_PORTS = {"http": ":80", "https": ":443"}
_UNSAFE = re.compile(r"[\x00-\x20\x7f\\]")

Resolve = Callable[[str], Awaitable[Sequence[str]]]
"""Host name to the texts of its IP addresses; raises OSError where there is none."""


async def resolve(host: str) -> Sequence[str]:
    """The addresses of a host, by the machine's own resolver."""
    import asyncio

    found = await asyncio.get_running_loop().getaddrinfo(host, None)
    return [str(entry[4][0]) for entry in found]


def host_of(address: str) -> str:
    """``host`` or ``host:port``, lower case, without a scheme's default port."""
    return _host(urlsplit(address))


def _host(parts: SplitResult) -> str:
    return parts.netloc.lower().removesuffix(_DEFAULT_PORTS.get(parts.scheme, " "))


def target(address: str, location: str) -> str:
    """Where a redirect or link found at ``address`` leads, without a fragment.

    Raises
    ------
    ValueError
        Where ``location`` cannot be parsed.
    """
    return urldefrag(urljoin(address, location.strip())).url


def is_public(text: str) -> bool:
    """Whether an IP address lies in the open internet: not private, link-local, loopback, ..."""
    try:
        found = ip_address(text.partition("%")[0])
    except ValueError:
        return False
    if isinstance(found, IPv6Address):
        inner = found.ipv4_mapped or found.sixtofour or (found.teredo or (None, None))[1]
        if inner is not None:
            return _is_open(found if found.ipv4_mapped is None else inner) and _is_open(inner)
    return _is_open(found)


def _is_open(found: IPv4Address | IPv6Address) -> bool:
    return found.is_global and not found.is_multicast and not found.is_reserved


class Addresses:
    """The rule for one site.

    Parameters
    ----------
    site
        Its hosts are the only ones.
    resolver
        Name look-up; injected in tests.
    clock
        Monotonic seconds.
    """

    def __init__(
        self, site: Site, resolver: Resolve = resolve, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._hosts = frozenset(host_of(f"http://{h}") for h in site.allowed_hosts) | frozenset(
            host_of(f"https://{h}") for h in site.allowed_hosts
        )
        self._loopback = site.loopback
        self._resolve = resolver
        self._clock = clock
        self._looked_up: dict[str, tuple[float, str]] = {}

    def fault(self, address: str) -> str:
        """Why an address may not be fetched, judged by its text alone; '' where it may."""
        if _UNSAFE.search(address):
            return "an address with spaces or backslashes"
        try:
            parts = urlsplit(address)
            host = _host(parts)
            named = parts.hostname
        except ValueError:
            return "no address"
        if parts.scheme not in ("http", "https"):
            return f"{parts.scheme or 'no scheme'} is neither http nor https"
        if not named:
            return "an address without a host"
        # The text of the whole authority is compared, so a user name never hides another host.
        if host not in self._hosts:
            return f"{host} is no host of the site"
        return ""

    async def network_fault(self, address: str) -> str:
        """Why an address may not be fetched: :meth:`fault`, or where its host's name leads.

        The request itself looks the name up once more; a name server that changes its answer
        between the two is not noticed before the next look-up.
        """
        fault = self.fault(address)
        if fault or self._loopback:
            return fault
        name = urlsplit(address).hostname or ""
        known = self._looked_up.get(name)
        if known is None or self._clock() - known[0] > LOOKUP_SECONDS:
            known = (self._clock(), await self._look_up(name))
            if not known[1].startswith("cannot"):
                self._looked_up[name] = known
        return known[1]

    async def _look_up(self, name: str) -> str:
        try:
            found = await self._resolve(name)
        except (OSError, UnicodeError) as error:
            return f"cannot look up {name}: {error}"
        if not found:
            return f"cannot look up {name}: it has no address"
        closed = [each for each in found if not is_public(each)]
        return f"{name} leads to {closed[0]}, which is no public address" if closed else ""
