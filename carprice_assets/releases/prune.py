"""Removing old releases, and never one that may still be needed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from carprice_assets.errors import UserError
from carprice_assets.releases.hold import unused
from carprice_assets.releases.ledger import Line
from carprice_assets.releases.release import Release
from carprice_assets.releases.shadow import read_shadow
from carprice_assets.releases.sharing import size_on_disk
from carprice_assets.releases.store import ReleaseStore

APPROVALS = ("waiting", "approved", "expired", "overridden", "refused", "promoted")
"""Events after which it is known whether a release waits for a person."""


DAMAGED = "damaged, see carprice releases verify"


@dataclass(frozen=True)
class Verdict:
    """A release, and why it is kept; ``reason`` is empty where it goes."""

    release: Release
    reason: str

    @property
    def line(self) -> str:
        """One line for a terminal."""
        return f"{self.release.id}  {f'kept: {self.reason}' if self.reason else 'goes'}"


def plan(store: ReleaseStore, market: str, keep: int) -> list[Verdict]:
    """What :func:`prune` would do now, newest first.

    Kept are the ``keep`` releases that were staged last, the champion, its predecessor, one that
    waits for approval, the shadow, one that a process has loaded, and one that is damaged, for a
    person to look at.

    Raises
    ------
    UserError
        For a negative ``keep``, a shadow that cannot be read, or a pointer that cannot be or
        stands behind the ledger.
    """
    if keep < 0:
        raise UserError(f"cannot keep {keep} releases")
    pointer = store.folder(market).current()
    waiting = _waiting(store.ledger(market))
    shadow = read_shadow(store.root, market)
    serving = {pointer.release: "the champion"} if pointer else {}
    if pointer and pointer.previous:
        serving.setdefault(pointer.previous, "the champion's predecessor")
    verdicts: list[Verdict] = []
    newest = 0
    for release in reversed(store.list(market)):
        reason = serving.get(release.id, "")
        if not _readable(release):
            reason = reason or DAMAGED
        else:
            newest += 1
            reason = reason or (f"among the newest {keep}" if newest <= keep else "")
        reason = reason or ("waits for approval" if release.id in waiting else "")
        reason = reason or ("the shadow" if release.id == shadow else "")
        if not reason:
            with unused(release) as free:
                reason = "" if free else "in use"
        if not reason and store.verify(release):
            reason = DAMAGED
        verdicts.append(Verdict(release, reason))
    return verdicts


def prune(store: ReleaseStore, market: str, keep: int) -> list[Verdict]:
    """Remove what :func:`plan` lets go, under the market's lock, a ledger line before each.

    Files shared with a release that stays are not touched. What a process loads meanwhile stays.

    Raises
    ------
    UserError
        As :func:`plan`.
    """
    folder = store.folder(market)
    with folder.locked():
        folder.sweep()
        return list(_pruned(store, market, keep))


def _pruned(store: ReleaseStore, market: str, keep: int) -> Iterator[Verdict]:
    folder = store.folder(market)
    for verdict in plan(store, market, keep):
        if verdict.reason:
            yield verdict
            continue
        with unused(verdict.release) as free:
            if not free:
                yield Verdict(verdict.release, "in use")
                continue
            line = {"event": "pruned", "release": verdict.release.id, "keep": keep}
            folder.append(line | {"bytes": size_on_disk(verdict.release).own})
            folder.discard(verdict.release)
        yield verdict


def _readable(release: Release) -> bool:
    try:
        release.provenance()
        size_on_disk(release)
    except UserError:
        return False
    return True


def _waiting(lines: list[Line]) -> set[str]:
    last = {line.get("release"): line["event"] for line in lines if line.get("event") in APPROVALS}
    return {str(release) for release, event in last.items() if event == "waiting"}
