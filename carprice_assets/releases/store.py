"""The release store: stage, promote, roll back, verify.

One folder a market holds the releases (named by id), ``champion.json``, ``ledger.jsonl``,
``.lock`` and ``.tmp``. The pointer is the truth about what serves. Order of a move, under the
market's lock: the release is verified, the pointer (which carries the whole ledger line) is
replaced in one rename, then the line is appended to the ledger. After a kill between the two
the line is missing: readers add it from the pointer, and the next call that takes the lock
appends it.
"""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeAlias

from filelock import FileLock, Timeout

from carprice_assets.errors import UserError
from carprice_assets.files import fsync_folder, fsync_tree, sha256_bytes
from carprice_assets.markets.market import NAME
from carprice_assets.releases.ledger import MOVES, Line, append_line, last_sequence, read_lines
from carprice_assets.releases.manifest import RELEASE_ID, Manifest, check_path
from carprice_assets.releases.pointer import Champion, read_pointer
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

LOCK_TIMEOUT = 120.0
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
    """Releases of all markets below ``root``; ``clock`` gives the times that are recorded."""

    root: Path
    clock: Callable[[], datetime] = utc_now

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
        with self._work(market) as work:
            content = work / CONTENT
            content.mkdir()
            build(content)
            manifest = Manifest.of(content)
            (work / MANIFEST).write_bytes(manifest.to_bytes())
            hashes = {name: sha256_bytes(page) for name, page in (pages or {}).items()}
            for name, page in (pages or {}).items():
                check_path(name, PAGES)
                (work / PAGES / name).parent.mkdir(parents=True, exist_ok=True)
                (work / PAGES / name).write_bytes(page)
            facts = Provenance(manifest.id, self._now(), provenance, hashes)
            (work / PROVENANCE).write_bytes(facts.to_bytes())
            self._refuse(Release(market, manifest.id, work), "built")
            final = self._folder(market) / manifest.id
            if not final.exists():
                fsync_tree(work)
                try:
                    os.rename(work, final)
                except OSError:  # another process staged the same content first
                    if not final.exists():
                        raise
                fsync_folder(final.parent)
            release = Release(market, manifest.id, final)
            if work.exists():
                self._refuse(release, "in the store")
        return release

    def list(self, market: str) -> Releases:
        """All releases of ``market``, first staged first; damaged ones are listed too."""
        folder = self._folder(market)
        if not folder.is_dir():
            return []
        names = (path.name for path in folder.iterdir() if path.is_dir())
        found = [Release(market, n, folder / n) for n in names if RELEASE_ID.fullmatch(n)]
        return sorted(found, key=lambda release: (_staged_at(release), release.id))

    def open(self, market: str, release_id: str) -> Release:
        """The release of that id, its manifest readable.

        Raises
        ------
        UserError
            Where there is none, or its manifest is broken or of a newer format.
        """
        path = self._folder(market) / release_id
        if not RELEASE_ID.fullmatch(release_id) or not path.is_dir():
            raise UserError(f"market {market} has no release {release_id}")
        release = Release(market, release_id, path)
        release.manifest()
        return release

    def verify(self, release: Release) -> Texts:
        """One line for each thing wrong with a release; empty where it is whole."""
        return release_problems(release)

    def pointer(self, market: str) -> Champion | None:
        """The champion pointer with its history; None before the first promotion."""
        return read_pointer(self._pointer_path(market))

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
        with self._locked(market):
            now = self.pointer(market)
            serving = now.release if now else None
            if serving != expected:
                raise Conflict(
                    f"market {market}: release {serving} serves, not {expected}, against which"
                    f" {release_id} was judged"
                )
            if serving == release_id:
                raise Conflict(f"market {market}: release {release_id} serves already")
            self._refuse(self.open(market, release_id), "in the store")
            facts = {"decision": decision.to_json()}
            if now is None:
                moved = Champion(release_id, self._now(), 1, "promoted", facts=facts)
            else:
                moved = now.promoted(release_id, self._now(), facts)
            self._move(market, moved)

    def rollback(self, market: str, to: str | None, reason: str) -> str:
        """Go back to the predecessor, or to the release ``to``; gives the id that serves now.

        Raises
        ------
        UserError
            Without a reason, a champion or a predecessor, or where the target is damaged.
        """
        if not reason.strip():
            raise UserError("a rollback needs a reason")
        with self._locked(market):
            now = self.pointer(market)
            target = to or (now.previous if now else None)
            if now is None or target is None:
                raise UserError(f"market {market} has no release to go back to")
            if target == now.release:
                raise UserError(f"market {market}: release {target} serves already")
            self._refuse(self.open(market, target), "in the store")
            self._move(market, now.rolled_back(target, self._now(), {"reason": reason}))
        return target

    def ledger(self, market: str) -> Lines:
        """All lines in order, also the one that a kill kept from the file."""
        lines = read_lines(self._ledger_path(market))
        pointer = self.pointer(market)
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
        with self._locked(market):
            now = self._now()
            append_line(self._ledger_path(market), {"at": now, **line}, now)

    def _move(self, market: str, moved: Champion) -> None:
        moved.write(self._pointer_path(market))
        append_line(self._ledger_path(market), moved.line(), moved.since)

    def _refuse(self, release: Release, where: str) -> None:
        if problems := release_problems(release):
            more = f" and {len(problems) - 1} more" if len(problems) > 1 else ""
            raise UserError(f"release {release.id} {where} is refused: {problems[0]}{more}")

    @contextmanager
    def _locked(self, market: str) -> Generator[None]:
        folder = self._folder(market)
        if not folder.exists():
            folder.mkdir(parents=True, exist_ok=True)
            fsync_folder(folder.parent)
        lock = FileLock(folder / ".lock", timeout=LOCK_TIMEOUT, fallback_to_soft=False)
        try:
            lock.acquire()
        except Timeout as error:
            raise UserError(f"{folder / '.lock'} is held by another process") from error
        try:
            pointer = self.pointer(market)
            path = self._ledger_path(market)
            if pointer and pointer.sequence > last_sequence(read_lines(path)):
                append_line(path, pointer.line(), self._now())
            yield
        finally:
            lock.release()

    @contextmanager
    def _work(self, market: str) -> Generator[Path]:
        """An empty folder for staging, under a lock of its own: free means its owner is gone."""
        folder = self._folder(market) / ".tmp"
        name = uuid.uuid4().hex
        lock = FileLock(folder / f"{name}.lock", fallback_to_soft=False)
        with self._locked(market):
            folder.mkdir(exist_ok=True)
            _sweep(folder)
            for stray in folder.parent.glob(".champion.json.*.tmp"):
                stray.unlink()  # no pointer is written while this process holds the lock
            lock.acquire()
            (folder / name).mkdir()
        try:
            yield folder / name
        finally:
            shutil.rmtree(folder / name, ignore_errors=True)
            (folder / f"{name}.lock").unlink(missing_ok=True)
            lock.release()

    def _now(self) -> str:
        return self.clock().astimezone(UTC).isoformat(timespec="milliseconds")

    def _folder(self, market: str) -> Path:
        if not NAME.fullmatch(market):
            raise UserError(f"{market!r} is no market's name")
        return self.root / market

    def _pointer_path(self, market: str) -> Path:
        return self._folder(market) / "champion.json"

    def _ledger_path(self, market: str) -> Path:
        return self._folder(market) / "ledger.jsonl"


def _sweep(folder: Path) -> None:
    """Remove what stagings left whose process is gone."""
    for path in folder.glob("*.lock"):
        lock = FileLock(path, blocking=False, fallback_to_soft=False)
        try:
            lock.acquire()
        except Timeout:
            continue
        shutil.rmtree(path.with_suffix(""), ignore_errors=True)
        path.unlink(missing_ok=True)
        lock.release()


def _staged_at(release: Release) -> str:
    try:
        return release.provenance().staged_at
    except UserError:
        return "unknown"
