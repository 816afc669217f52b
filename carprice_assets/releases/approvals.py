"""Waiting for a person: who may approve, which releases wait, and when a wait ends.

All of it stands in the ledger. A ``waiting`` line begins a wait; a promotion, a refusal, an
override or an ``expired`` line about the same release ends it.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from carprice_assets.errors import UserError
from carprice_assets.home import Home
from carprice_assets.releases.decision import Decision
from carprice_assets.releases.store import ReleaseStore

WAITING, EXPIRED, APPROVED, OVERRIDDEN, REFUSED = (
    "waiting",
    "expired",
    "approved",
    "overridden",
    "refused",
)
ENDS = (EXPIRED, OVERRIDDEN, REFUSED, "promoted")
VARIABLE, SETTINGS, KEY = "CARPRICE_APPROVER", "settings.toml", "approver"
LONGEST_NAME = 100


@dataclass(frozen=True)
class Wait:
    """A release that waits for approval.

    ``since`` and ``until`` are UTC; ``against`` the champion that it was judged against.
    """

    release: str
    since: datetime
    until: datetime
    against: str | None

    def over(self, now: datetime) -> bool:
        """True from the moment on at which the wait has ended."""
        return now >= self.until


def waits(ledger: Sequence[Mapping[str, Any]]) -> list[Wait]:
    """The waits that no line has ended, first begun first; overdue ones are among them."""
    found: dict[str, Wait] = {}
    for line in ledger:
        release, event = str(line.get("release")), line.get("event")
        if event == WAITING:
            found.setdefault(release, _wait(release, line))
        elif event in ENDS:
            found.pop(release, None)
    return list(found.values())


def _wait(release: str, line: Mapping[str, Any]) -> Wait:
    # A line that does not say until when has waited long enough: nothing waits for ever.
    since = _moment(line.get("at")) or datetime.min.replace(tzinfo=UTC)
    until = _moment(line.get("until")) or since
    return Wait(release, since, until, line.get("champion"))


def _moment(text: Any) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def begin(
    store: ReleaseStore,
    market: str,
    release: str,
    decision: Decision,
    *,
    days: int,
    now: datetime,
    run: str,
) -> Wait:
    """Let a release that passes wait; one that waits already keeps its end."""
    expire(store, market, now)
    for wait in waits(store.ledger(market)):
        if wait.release == release:
            return wait
    until = now + timedelta(days=days)
    against = decision.facts.get("against")
    store.record(
        market,
        {
            "event": WAITING,
            "at": _told(now),
            "until": _told(until),
            "release": release,
            "champion": against,
            "decision": decision.to_json(),
            "run": run,
        },
    )
    return Wait(release, now, until, against)


def expire(store: ReleaseStore, market: str, now: datetime) -> list[str]:
    """End the waits that are overdue; gives their releases."""
    over = [wait for wait in waits(store.ledger(market)) if wait.over(now)]
    for wait in over:
        line = {"event": EXPIRED, "release": wait.release, "until": _told(wait.until)}
        store.record(market, {"at": _told(now), **line})
    return [wait.release for wait in over]


def require_wait(store: ReleaseStore, market: str, release: str, now: datetime) -> Wait:
    """The wait of ``release``, which has not ended.

    Raises
    ------
    UserError
        Where it does not wait, or no longer; the end of its wait is recorded then.
    """
    over = expire(store, market, now)
    if release in over:
        raise UserError(
            f"market {market}: the wait of release {release} for approval is over: carprice train"
            f" --market {market}, or materializing champion in the UI, has the newest judged again"
        )
    open_waits = waits(store.ledger(market))
    for wait in open_waits:
        if wait.release == release:
            return wait
    waiting = ", ".join(wait.release for wait in open_waits) or "none does"
    raise UserError(f"market {market}: release {release} does not wait for approval ({waiting})")


def approver(home: Home) -> str:
    """Who approves and overrides: ``$CARPRICE_APPROVER``, or ``approver`` in ``settings.toml``.

    Raises
    ------
    UserError
        Where neither names anybody, or the file is broken.
    """
    path = home.root / SETTINGS
    name: Any = os.environ.get(VARIABLE, "")
    if not name.strip() and path.exists():
        try:
            name = tomllib.loads(path.read_text(encoding="utf-8")).get(KEY, "")
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise UserError(f"{path} is no TOML: {error}") from error
    if not isinstance(name, str) or not name.strip():
        raise UserError(f"say who you are: set {VARIABLE}, or '{KEY} = \"Your name\"' in {path}")
    name = name.strip()
    if len(name) > LONGEST_NAME or not name.isprintable():
        raise UserError(f"{VARIABLE}: a name is one line of {LONGEST_NAME} characters at most")
    return name


def _told(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")
