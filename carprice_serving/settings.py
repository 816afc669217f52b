"""What the environment sets, in one dataclass."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from carprice_assets.errors import UserError
from carprice_assets.home import Home, local_folder


@dataclass(frozen=True)
class Settings:
    """Settings of one service process; each has the environment variable named under it."""

    home: Home = field(default_factory=Home.current)
    """Data home whose releases are served (``CARPRICE_HOME``)."""
    host: str = "127.0.0.1"
    """Address to listen on (``CARPRICE_HOST``)."""
    port: int = 8000
    """TCP port; 0 takes a free one (``CARPRICE_PORT``)."""
    default_market: str | None = None
    """Market of ``/api/v1/predict``; by default the only one with a champion, else ``us``, else
    the first by name (``CARPRICE_DEFAULT_MARKET``)."""
    max_body: int = 4_000_000
    """Bytes of a request's body at most (``CARPRICE_MAX_BODY``)."""
    max_csv: int = 256_000_000
    """Bytes of a CSV file to be priced at most (``CARPRICE_MAX_CSV``)."""
    max_cars: int = 10_000
    """Cars of one request at most (``CARPRICE_MAX_CARS``)."""
    inline_cars: int = 8
    """Cars up to which an answer is computed on the event loop (``CARPRICE_INLINE_CARS``)."""
    slice_cars: int = 500
    """Cars that a worker thread values before it takes its turn again (``CARPRICE_SLICE_CARS``)."""
    threads: int = 2
    """Slices of long requests that are computed at the same time (``CARPRICE_THREADS``)."""
    poll_seconds: float = 1.0
    """Seconds between two looks at the champion pointers (``CARPRICE_POLL_SECONDS``)."""
    retry_seconds: float = 30.0
    """Seconds after which a release that failed to load is tried again
    (``CARPRICE_RETRY_SECONDS``)."""
    drain_seconds: int = 10
    """Seconds that running requests get to end after SIGTERM (``CARPRICE_DRAIN_SECONDS``)."""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Settings:
        """The settings that the environment names, defaults for the rest.

        Raises
        ------
        UserError
            For a value that is no number or out of range; names the variable.
        """
        given = os.environ if environment is None else environment
        return cls(
            home=_home(given),
            host=given.get("CARPRICE_HOST") or cls.host,
            port=_whole(given, "CARPRICE_PORT", cls.port, low=0, high=65_535),
            default_market=given.get("CARPRICE_DEFAULT_MARKET") or None,
            max_body=_whole(given, "CARPRICE_MAX_BODY", cls.max_body),
            max_csv=_whole(given, "CARPRICE_MAX_CSV", cls.max_csv),
            max_cars=_whole(given, "CARPRICE_MAX_CARS", cls.max_cars),
            inline_cars=_whole(given, "CARPRICE_INLINE_CARS", cls.inline_cars, low=0),
            slice_cars=_whole(given, "CARPRICE_SLICE_CARS", cls.slice_cars),
            threads=_whole(given, "CARPRICE_THREADS", cls.threads, high=256),
            poll_seconds=_seconds(given, "CARPRICE_POLL_SECONDS", cls.poll_seconds),
            retry_seconds=_seconds(given, "CARPRICE_RETRY_SECONDS", cls.retry_seconds),
            drain_seconds=_whole(given, "CARPRICE_DRAIN_SECONDS", cls.drain_seconds, high=86_400),
        )


def _home(given: Mapping[str, str]) -> Home:
    named = given.get("CARPRICE_HOME")
    return Home(local_folder(named, "CARPRICE_HOME")) if named else Home.current()


def _whole(
    given: Mapping[str, str], name: str, default: int, *, low: int = 1, high: int = 10**9
) -> int:
    text = given.get(name)
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and low <= int(text) <= high):
        raise UserError(f"{name} must be a whole number from {low} to {high}, got {text!r}")
    return int(text)


def _seconds(given: Mapping[str, str], name: str, default: float) -> float:
    text = given.get(name)
    if not text:
        return default
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0.001 <= value <= 86_400:
        raise UserError(f"{name} must be seconds from 0.001 to 86400, got {text!r}")
    return value
