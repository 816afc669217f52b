"""Who the crawler says it is, to every server and in robots.txt."""

from __future__ import annotations

from importlib.metadata import version

ROBOTS_TOKEN = "carprice"  # noqa: S105 (a name, no secret)
"""The name that a group of robots.txt addresses; the user agent begins with it."""


def user_agent(contact: str) -> str:
    """``carprice/<version> (+<contact>)``; without a contact (loopback only) no bracket."""
    product = f"{ROBOTS_TOKEN}/{version('carprice')}"
    words = " ".join(contact.split())
    return f"{product} (+{words})" if words else product
