"""Who asks, and how often: the client behind trusted proxies, and a bucket of tokens for each."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from carprice_assets.errors import UserError

MOST_CLIENTS = 10_000
Network = IPv4Network | IPv6Network


def networks(text: str, name: str) -> tuple[Network, ...]:
    """Networks that a comma-separated text names.

    Raises
    ------
    UserError
        Naming ``name`` and the part that is no address or network.
    """
    found: list[Network] = []
    for part in filter(None, (each.strip() for each in text.split(","))):
        try:
            found.append(ip_network(part, strict=False))
        except ValueError as error:
            raise UserError(f"{name}: {part!r} is no address or network") from error
    return tuple(found)


def within(address: str, trusted: Sequence[Network]) -> bool:
    """Whether ``address`` is in one of the networks; a text that is no address is not."""
    try:
        found = ip_address(address)
    except ValueError:
        return False
    return any(found in network for network in trusted)


@lru_cache(maxsize=MOST_CLIENTS)
def beyond(address: str) -> bool:
    """Whether an address is not this machine's own; what is no address, as of a pipe, is."""
    try:
        return not ip_address(address).is_loopback
    except ValueError:
        return False


def client_of(peer: str, forwarded: Sequence[str], trusted: Sequence[Network]) -> str:
    """The address of the client.

    That is the peer, unless the peer is a trusted proxy: then the last address in the
    ``X-Forwarded-For`` headers that no trusted proxy has. What stands before it is what
    anyone may have written.
    """
    if not trusted or not within(peer, trusted):
        return peer
    hops = [hop.strip() for line in forwarded for hop in line.split(",")]
    client = peer
    for hop in reversed(hops):
        bare = hop[1 : hop.find("]")] if hop.startswith("[") else hop
        if bare.count(":") == 1:  # IPv4 with a port
            bare = bare.partition(":")[0]
        try:
            client = str(ip_address(bare))
        except ValueError:
            return client  # no address: whoever wrote it is the last one known
        if not within(client, trusted):
            return client
    return client


class Rates:
    """A bucket of tokens for each client: ``burst`` at most, ``rate`` more each second.

    The clients seen last are kept, so that no number of addresses fills the memory.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait(self, client: str, rate: float, burst: float) -> float:
        """Take a token: 0, or the seconds until there will be one."""
        now = self._clock()
        tokens, last = self._buckets.pop(client, (burst, now))
        tokens = min(burst, tokens + max(now - last, 0.0) * rate)
        granted = tokens >= 1.0
        self._buckets[client] = (tokens - 1.0 if granted else tokens, now)
        if len(self._buckets) > MOST_CLIENTS:
            self._buckets.popitem(last=False)
        return 0.0 if granted else (1.0 - tokens) / rate
