"""Addresses as pages give them: made absolute, checked for their host, numbered."""

from __future__ import annotations

from urllib.parse import SplitResult, urljoin, urlsplit

LONGEST = 2_000
"""Characters of an address that is followed."""

SHOWN = 300
"""Characters of a stranger's address that are told."""

_PORTS = {"http": 80, "https": 443}


def with_page(start: str, number: int) -> str:
    """``start`` with its query parameter ``page`` set; the others stay as they are, in order."""
    parts = urlsplit(start)
    kept = [part for part in parts.query.split("&") if part and part.partition("=")[0] != "page"]
    return parts._replace(query="&".join([*kept, f"page={number}"])).geturl()


def absolute(address: str, page: str) -> SplitResult | None:
    """An address found on ``page``, whole and without fragment; None where it is none.

    The host stays what it is: see :func:`same_host`. None for other schemes than http and
    https, for one with a user name, and for one longer than :data:`LONGEST`.
    """
    if len(address) > LONGEST:
        return None
    try:
        parts = urlsplit(urljoin(page, address.strip()))
        if parts.scheme not in _PORTS or not parts.hostname or parts.username is not None:
            return None
        _ = parts.port  # raises where it is no number
    except ValueError:
        return None
    if any(letter in parts.netloc for letter in "\\ @%"):
        return None
    return parts._replace(fragment="")


def same_host(one: SplitResult, page: str) -> bool:
    """Whether an address lies at the host and port of ``page``, http or https."""
    other = urlsplit(page)
    return (one.hostname, one.port or _PORTS[one.scheme]) == (
        other.hostname,
        other.port or _PORTS.get(other.scheme),
    ) or (one.hostname == other.hostname and one.port is None and other.port is None)


def same_page(one: str, other: str, *, query: bool = False) -> bool:
    """Whether two addresses name one page: scheme, fragment, last slash (and query) aside."""
    return _bare(one, query) == _bare(other, query)


def _bare(address: str, query: bool) -> tuple[str, str, str]:
    parts = urlsplit(address)
    return parts.netloc.lower(), parts.path.rstrip("/"), parts.query if query else ""


def shown(address: str) -> str:
    """An address short enough to be told."""
    return address if len(address) <= SHOWN else f"{address[:SHOWN]}…"
