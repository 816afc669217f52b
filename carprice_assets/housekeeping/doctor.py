"""What ails a data home, found by looking alone: one finding a matter, with what to do."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from carprice_assets.bargains.published import present
from carprice_assets.errors import UserError
from carprice_assets.home import Home
from carprice_assets.housekeeping.restore import WORK
from carprice_assets.listings.migrations import COMMAND, MIGRATIONS
from carprice_assets.listings.warehouse import Warehouse
from carprice_assets.markets import load_markets
from carprice_assets.releases.ledger import TORN, UNREADABLE, last_sequence, read_lines
from carprice_assets.releases.market_folder import LEDGER
from carprice_assets.releases.repair import moves, pointer_problem
from carprice_assets.releases.shadow import read_shadow
from carprice_assets.releases.store import ReleaseStore
from carprice_assets.releases.valuer import Valuer

Level = Literal["OK", "WARN", "FAIL"]
FULL_BYTES, LOW_BYTES = 200_000_000, 2_000_000_000
OLD_DAYS = 30


@dataclass(frozen=True)
class Finding:
    """One matter: how it stands, and what to do about it (``""`` where nothing is to do)."""

    level: Level
    what: str
    told: str
    do: str = ""

    @property
    def line(self) -> str:
        """The finding as one line."""
        do = f" -> {self.do}" if self.do else ""
        return " ".join(f"{self.level:<4}  {self.what}: {self.told}{do}".splitlines())


def examine(home: Home, now: datetime | None = None) -> Iterator[Finding]:
    """Look at everything that needs no Dagster; nothing is changed or waited for."""
    yield from _home(home)
    if not home.root.is_dir():
        return
    yield _disk(home)
    yield _warehouse(home)
    yield from _markets(home)
    for folder in sorted(home.releases.glob("*")):
        if folder.is_dir():
            yield from _releases(home, folder.name, now or datetime.now(UTC))
    yield _chromium()


def _home(home: Home) -> Iterator[Finding]:
    if not home.root.exists():
        yield Finding(
            "WARN",
            "home",
            f"{home.root} is not there yet",
            "carprice run or carprice import makes it; CARPRICE_HOME names another",
        )
        return
    if not home.root.is_dir():
        yield Finding("FAIL", "home", f"{home.root} is no folder", "set CARPRICE_HOME to one")
        return
    wanted = (home.root, home.artifacts, home.releases, home.spool, home.dagster)
    refused = [path for path in wanted if path.exists() and not os.access(path, os.W_OK | os.X_OK)]
    if refused:
        yield Finding(
            "FAIL", "home", f"{refused[0]} may not be written to", "give this user its permissions"
        )
    else:
        yield Finding("OK", "home", str(home.root))
    if (home.root / WORK).exists():
        yield Finding(
            "FAIL", "home", "a restore was interrupted", "give carprice restore DIR once more"
        )


def _disk(home: Home) -> Finding:
    usage = shutil.disk_usage(home.root)
    told = f"{usage.free / 1e9:,.1f} GB free of {usage.total / 1e9:,.1f} GB"
    files = os.statvfs(home.root)
    if files.f_files and not files.f_favail:
        return Finding("FAIL", "disk", "no file more can be made", "remove files on this disk")
    prune = "carprice prune shows what may go"
    if usage.free < FULL_BYTES:
        return Finding("FAIL", "disk", told, prune)
    if usage.free < LOW_BYTES:
        return Finding("WARN", "disk", told, prune)
    return Finding("OK", "disk", told)


def _warehouse(home: Home) -> Finding:
    warehouse = Warehouse.of(home)
    try:
        version, holder = warehouse.look()
    except UserError as error:
        return Finding("FAIL", "warehouse", str(error), "carprice restore a backup of it")
    if holder:
        return Finding("OK", "warehouse", f"in use: {holder}")
    if not version:
        told = "none yet" if not warehouse.path.exists() else "empty"
        return Finding("OK", "warehouse", told)
    size = f"{warehouse.path.stat().st_size / 1e6:,.1f} MB"
    if version > len(MIGRATIONS):
        return Finding(
            "FAIL",
            "warehouse",
            f"schema version {version}, this carprice knows up to {len(MIGRATIONS)}",
            "install a later carprice",
        )
    if not all(step.by_itself for step in MIGRATIONS[version:]):
        return Finding("FAIL", "warehouse", f"schema version {version} is old", f"run {COMMAND}")
    later = "" if version == len(MIGRATIONS) else ", migrated when it is opened next"
    return Finding("OK", "warehouse", f"schema version {version}{later}, {size}")


def _markets(home: Home) -> Iterator[Finding]:
    good, broken = load_markets(home)
    for line in broken.values():
        yield Finding("FAIL", "market file", line, "mend the file; carprice markets check reads it")
    yield Finding("OK", "market files", f"{len(good)} good: {', '.join(sorted(good))}")


def _releases(home: Home, market: str, now: datetime) -> Iterator[Finding]:
    what = f"market {market}"
    store = ReleaseStore(home.releases)
    try:
        problem = pointer_problem(store, market)
        lines = read_lines(home.releases / market / LEDGER)
    except (OSError, UserError) as error:
        yield Finding("FAIL", what, str(error), "give this user its permissions")
        return
    if damaged := [line for line in lines if line.get("event") in (UNREADABLE, TORN)]:
        yield Finding(
            "WARN",
            what,
            f"line {damaged[0]['line']} of its ledger cannot be read",
            "a torn last line is mended by the next decision; another's text is kept as it is",
        )
    if problem:
        yield Finding("FAIL", what, problem, f"carprice releases repair --market {market}")
        return
    pointer = store.pointer(market)
    if pointer is None:
        yield Finding("OK", what, "no champion yet")
    else:
        if pointer.sequence > last_sequence(moves(lines)):
            yield Finding(
                "WARN",
                what,
                "its ledger lacks the last move",
                "the next decision adds it by itself",
            )
        seen = {line["sequence"] for line in moves(lines)}
        if lost := pointer.sequence - 1 - len(seen & set(range(1, pointer.sequence))):
            yield Finding(
                "WARN",
                what,
                f"its ledger lacks {lost} of {pointer.sequence - 1} earlier moves",
                "nothing adds them again: take the ledger from a backup, and ask who cut it",
            )
        yield _champion(store, market, pointer.release, now)
    yield from _shadow(store, market)
    try:
        present(home.releases, market)
    except UserError as error:
        do = f"carprice bargains --anew --market {market} publishes one anew"
        yield Finding("WARN", what, f"its list of bargains: {error}", do)
    others = [r for r in store.list(market) if pointer is None or r.id != pointer.release]
    for release in others:
        if problems := store.verify(release):
            told = f"release {release.id}, which does not serve, is damaged: {problems[0]}"
            yield Finding("WARN", what, told, "restore it, or remove its folder")


def _shadow(store: ReleaseStore, market: str) -> Iterator[Finding]:
    what, off = f"market {market}", f"carprice releases shadow --market {market} --off ends it"
    try:
        shadow = read_shadow(store.root, market)
        if shadow is not None:
            store.open(market, shadow)
    except (OSError, UserError) as error:
        told = str(error).split(": carprice ")[0]
        yield Finding("WARN", what, f"its shadow: {told}", off)


def _champion(store: ReleaseStore, market: str, release_id: str, now: datetime) -> Finding:
    what = f"market {market}"
    back = f"carprice releases rollback --market {market} --reason TEXT, or restore it"
    try:
        release = store.open(market, release_id)
        if problems := store.verify(release):
            return Finding("FAIL", what, f"champion {release_id} is damaged: {problems[0]}", back)
        last = Valuer.load(release.path).last_observed
    except UserError as error:
        return Finding("FAIL", what, f"champion {release_id}: {error}", back)
    days = (now.date() - last).days
    told = f"champion {release_id} is whole; its data end on {last.isoformat()}"
    if days > OLD_DAYS:
        return Finding(
            "WARN",
            what,
            f"{told}, {days} days ago",
            f"carprice crawl or carprice import, then carprice train --market {market}",
        )
    return Finding("OK", what, told)


def _chromium() -> Finding:
    from carprice_assets.sources.crawl.browser import NAMES

    for name in NAMES:
        if found := shutil.which(name):
            return Finding("OK", "Chromium", found)
    cache = Path(os.environ.get("PLAYWRIGHT_BROWSERS_PATH") or "~/.cache/ms-playwright")
    if found := sorted(cache.expanduser().glob("chromium-*")):
        return Finding("OK", "Chromium", str(found[-1]))
    return Finding(
        "WARN",
        "Chromium",
        "none is here: pages that must be rendered cannot be crawled",
        "install the package chromium, or run playwright install chromium",
    )
