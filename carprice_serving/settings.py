"""What the environment sets, in one dataclass."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from carprice_assets.errors import UserError
from carprice_assets.home import Home, local_folder
from carprice_serving.limits import Network, networks


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
    workers: int = 1
    """Processes that answer (``CARPRICE_WORKERS``)."""
    keys: str = "auto"
    """Whether a key is asked for (``CARPRICE_KEYS``): ``required``, ``off``, or ``auto``, which
    asks for one as soon as the service listens beyond this machine."""
    rate: float = 100.0
    """Requests a second of one key, or of one address beyond this machine where no key is asked
    for; 0 for no limit (``CARPRICE_RATE``)."""
    burst_seconds: float = 2.0
    """Seconds of ``rate`` that may come at once (``CARPRICE_BURST_SECONDS``)."""
    trusted_proxies: tuple[Network, ...] = ()
    """Addresses and networks, by comma, whose ``X-Forwarded-For`` is believed
    (``CARPRICE_TRUSTED_PROXIES``)."""
    max_running: int = 1_000
    """Requests that are answered at the same time at most (``CARPRICE_MAX_RUNNING``)."""
    time_limit: float = 60.0
    """Seconds until an answer must have begun (``CARPRICE_TIME_LIMIT``)."""
    access_log: bool = False
    """Whether each request is logged, and not its failure alone (``CARPRICE_ACCESS_LOG``)."""
    spool_megabytes: int = 256
    """Size of the answers kept for ``served_valuations`` at most; 0 keeps none
    (``CARPRICE_SPOOL_MEGABYTES``)."""

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
            workers=_whole(given, "CARPRICE_WORKERS", cls.workers, high=64),
            keys=_choice(given, "CARPRICE_KEYS", ("auto", "required", "off")),
            rate=_seconds(given, "CARPRICE_RATE", cls.rate, low=0.0, unit="requests a second"),
            burst_seconds=_seconds(given, "CARPRICE_BURST_SECONDS", cls.burst_seconds),
            trusted_proxies=networks(
                given.get("CARPRICE_TRUSTED_PROXIES") or "", "CARPRICE_TRUSTED_PROXIES"
            ),
            max_running=_whole(given, "CARPRICE_MAX_RUNNING", cls.max_running),
            time_limit=_seconds(given, "CARPRICE_TIME_LIMIT", cls.time_limit),
            access_log=_choice(given, "CARPRICE_ACCESS_LOG", ("0", "1")) == "1",
            spool_megabytes=_whole(
                given, "CARPRICE_SPOOL_MEGABYTES", cls.spool_megabytes, low=0, high=10**6
            ),
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


def _choice(given: Mapping[str, str], name: str, words: tuple[str, ...]) -> str:
    """One of ``words``, the first by default."""
    text = given.get(name) or words[0]
    if text not in words:
        raise UserError(f"{name} must be one of {', '.join(words)}, got {text!r}")
    return text


def _seconds(
    given: Mapping[str, str],
    name: str,
    default: float,
    *,
    low: float = 0.001,
    unit: str = "seconds",
) -> float:
    text = given.get(name)
    if not text:
        return default
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not low <= value <= 86_400:
        raise UserError(f"{name} must be {unit} from {low:g} to 86400, got {text!r}")
    return value
