"""The release store: stage, promote, roll back, verify.

One folder a market holds the releases (named by id), ``champion.json``, ``ledger.jsonl``,
``.lock`` and ``.tmp``. The pointer is the truth about what serves. Order of a move, under the
market's lock: the release is verified, the pointer (which carries the whole ledger line) is
replaced in one rename, then the line is appended to the ledger. After a kill between the two
the line is missing: readers add it from the pointer, and the next call that takes the lock
appends it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeAlias

from carprice_assets.errors import UserError
from carprice_assets.files import sha256_bytes
from carprice_assets.markets.market import NAME
from carprice_assets.releases.ledger import MOVES, Line, last_sequence, read_lines
from carprice_assets.releases.manifest import Manifest, check_path
from carprice_assets.releases.market_folder import LEDGER, MarketFolder, refuse
from carprice_assets.releases.market_folder import LOCK_TIMEOUT as LOCK_TIMEOUT
from carprice_assets.releases.pointer import Champion
from carprice_assets.releases.port import DISK, Port, write_new
from carprice_assets.releases.release import (
    CONTENT,
    MANIFEST,
    PAGES,
    PROVENANCE,
    Provenance,
    Release,
)
from carprice_assets.releases.rules import Decision
from carprice_assets.releases.verify import release_problems

Releases: TypeAlias = list[Release]
Lines: TypeAlias = list[Line]
Texts: TypeAlias = list[str]


class Conflict(UserError):  # noqa: N818  # the word of the store's contract
    """Another promotion or rollback came first."""


def utc_now() -> datetime:
    """The present moment in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class ReleaseStore:
    """Releases of all markets below ``root``; ``clock`` gives the times that are recorded.

    ``port`` is the disk: every change goes through it.
    """

    root: Path
    clock: Callable[[], datetime] = utc_now
    port: Port = DISK

    def stage(
        self,
        market: str,
        build: Callable[[Path], None],
        provenance: Mapping[str, Any],
        pages: Mapping[str, bytes] | None = None,
    ) -> Release:
        """Let ``build`` fill an empty content folder and keep it as a release.

        ``pages`` are Markdown pages and their pictures by relative path, kept beside the
        provenance: they tell times, so they are no part of what the id is the hash of. Built
        beside, fsynced, then moved to its id in one rename. Content that is there already keeps
        its first provenance and pages.

        Raises
        ------
        UserError
            Where the content may not be a release, or the one of that id is damaged.
        """
        folder = self.folder(market)
        with folder.work() as work:
            content = work / CONTENT
            self.port.mkdir(content)
            build(content)
            manifest = Manifest.of(content)
            write_new(self.port, work / MANIFEST, manifest.to_bytes())
            hashes = {name: sha256_bytes(page) for name, page in (pages or {}).items()}
            for name, page in (pages or {}).items():
                check_path(name, PAGES)
                write_new(self.port, work / PAGES / name, page)
            facts = Provenance(manifest.id, self._now(), provenance, hashes)
            write_new(self.port, work / PROVENANCE, facts.to_bytes())
            return folder.settle(work, manifest.id)

    def list(self, market: str) -> Releases:
        """All releases of ``market``, first staged first; damaged ones are listed too."""
        found = self.folder(market).releases()
        return sorted(found, key=lambda release: (_staged_at(release), release.id))

    def open(self, market: str, release_id: str) -> Release:
        """The release of that id, its manifest readable.

        Raises
        ------
        UserError
            Where there is none, or its manifest is broken or of a newer format.
        """
        return self.folder(market).open(release_id)

    def verify(self, release: Release) -> Texts:
        """One line for each thing wrong with a release; empty where it is whole."""
        return release_problems(release)

    def pointer(self, market: str) -> Champion | None:
        """The champion pointer with its history; None before the first promotion."""
        return self.folder(market).pointer()

    def champion(self, market: str) -> str | None:
        """The id of the release that serves."""
        pointer = self.pointer(market)
        return pointer.release if pointer else None

    def promote(
        self, market: str, release_id: str, expected: str | None, decision: Decision
    ) -> None:
        """Make ``release_id`` the champion if ``expected`` still is (None: if there is none).

        Where the disk is full after the pointer has moved, the OSError comes through and the
        next call appends the ledger line.

        Raises
        ------
        Conflict
            Where another release than ``expected`` serves.
        UserError
            Where the decision refuses, or the release is missing or damaged.
        """
        if decision.status != "promoted":
            raise UserError(f"release {release_id} of market {market} is refused: {decision.line}")
        folder = self.folder(market)
        with folder.locked():
            now = folder.current()
            serving = now.release if now else None
            if serving != expected:
                lost = {"event": "conflict", "release": release_id, "expected": expected}
                folder.append({**lost, "serving": serving})
                raise Conflict(
                    f"market {market}: release {serving} serves, not {expected}, against which"
                    f" {release_id} was judged"
                )
            if serving == release_id:
                raise Conflict(f"market {market}: release {release_id} serves already")
            refuse(folder.open(release_id), "in the store")
            facts = {"decision": decision.to_json()}
            if now is None:
                moved = Champion(release_id, self._now(), 1, "promoted", facts=facts)
            else:
                moved = now.promoted(release_id, self._now(), facts)
            folder.move(moved)

    def rollback(
        self,
        market: str,
        to: str | None,
        reason: str,
        check: Callable[[Release], object] = lambda _: None,
    ) -> str:
        """Go back to the predecessor, or to the release ``to``; gives the id that serves now.

        ``check`` gets the target, whole, before anything moves, and raises where it must not serve.

        Raises
        ------
        UserError
            Without a reason, a champion or a predecessor, or where the target is damaged or has
            never served: there is no going back to what asks for a decision first.
        """
        if not reason.strip():
            raise UserError("a rollback needs a reason")
        folder = self.folder(market)
        with folder.locked():
            now = folder.current()
            target = to if to is not None else (now.previous if now else None)
            if now is None or target is None:
                raise UserError(f"market {market} has no release to go back to")
            if target == now.release:
                raise UserError(f"market {market}: release {target} serves already")
            release = folder.open(target)
            refuse(release, "in the store")
            _require_served(market, now, self.ledger(market), target)
            check(release)
            folder.move(now.rolled_back(target, self._now(), {"reason": reason}))
        return target

    def ledger(self, market: str) -> Lines:
        """All lines in order, also the one that a kill kept from the file."""
        folder = self.folder(market)
        lines = read_lines(folder.path / LEDGER)
        pointer = folder.pointer()
        if pointer and pointer.sequence > last_sequence(lines):
            lines.append(pointer.line())
        return lines

    def record(self, market: str, line: Mapping[str, Any]) -> None:
        """Append a line that moves nothing, such as a refusal; ``at`` is added where missing.

        Raises
        ------
        ValueError
            Without an ``event``, or with one that only a move may write.
        """
        if not isinstance(line.get("event"), str) or line["event"] in MOVES:
            raise ValueError(f"no event to record: {line.get('event')!r}")
        folder = self.folder(market)
        with folder.locked():
            folder.append(line)

    def folder(self, market: str) -> MarketFolder:
        """The folder of ``market``, for what changes it.

        Raises
        ------
        UserError
            Where a market cannot be called so.
        """
        if not NAME.fullmatch(market):
            raise UserError(f"{market!r} is no market's name")
        return MarketFolder(market, self.root / market, self._now, self.port)

    def _now(self) -> str:
        return self.clock().astimezone(UTC).isoformat(timespec="milliseconds")


def _staged_at(release: Release) -> str:
    try:
        return release.provenance().staged_at
    except UserError:
        return "unknown"


def _require_served(market: str, now: Champion, ledger: Lines, release_id: str) -> None:
    served = {now.replaced, *now.predecessors}
    for line in ledger:
        if line.get("event") in MOVES:
            served |= {line.get("release"), line.get("replaced")}
    if release_id not in served:
        raise UserError(
            f"market {market}: release {release_id} has never served, so there is no going back"
            " to it: carprice releases approve or override lets it serve"
        )
