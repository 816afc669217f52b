"""A champion pointer that is broken or gone, made again from the ledger."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from carprice_assets.errors import UserError
from carprice_assets.releases.ledger import MOVES, Line, last_sequence, read_lines
from carprice_assets.releases.market_folder import LEDGER, POINTER
from carprice_assets.releases.pointer import Champion, read_pointer
from carprice_assets.releases.store import ReleaseStore

EVENT = "repaired"


def pointer_problem(store: ReleaseStore, market: str) -> str:
    """Why the champion pointer cannot be used, in one line; ``""`` where it can.

    A market whose ledger tells of no move needs none. One that is behind its ledger, as after a
    part of a backup was put back, is as good as lost.
    """
    folder = store.root / market
    try:
        pointer = read_pointer(folder / POINTER)
    except UserError as error:
        return str(error)
    told = last_sequence(read_lines(folder / LEDGER))
    if pointer is None and told:
        return f"{folder / POINTER} is gone, but the ledger tells of promotions"
    if pointer is not None and pointer.sequence < told:
        return f"{folder / POINTER} stands at move {pointer.sequence}, but the ledger at {told}"
    return ""


def no_champion(store: ReleaseStore, market: str) -> UserError:
    """Why nothing serves, with what to do: a pointer that is lost is not one that never was."""
    if problem := pointer_problem(store, market):
        return UserError(f"{problem}: run carprice releases repair --market {market}")
    return UserError(f"market {market} has no champion yet: run carprice train --market {market}")


def moves(lines: Sequence[Line]) -> list[Line]:
    """The lines that moved the pointer, in the order of their sequence."""
    found = [
        line for line in lines if line.get("event") in MOVES and type(line.get("sequence")) is int
    ]
    return sorted(found, key=lambda line: line["sequence"])


def replay(lines: Sequence[Line]) -> Champion | None:
    """The pointer as the moves of a ledger leave it; None where there is none."""
    pointer: Champion | None = None
    for line in moves(lines):
        release, at = str(line.get("release")), str(line.get("at"))
        facts = {key: line[key] for key in ("decision", "reason") if key in line}
        if pointer is None:
            replaced = line.get("replaced")
            before = (replaced,) if isinstance(replaced, str) else ()
            pointer = Champion(release, at, 0, str(line["event"]), replaced, before, facts)
        elif line["event"] == "rolled_back":
            pointer = pointer.rolled_back(release, at, facts)
        else:
            pointer = pointer.promoted(release, at, facts)
        # The line's own number and event: a line before it may be unreadable.
        pointer = Champion(
            pointer.release,
            pointer.since,
            line["sequence"],
            str(line["event"]),
            pointer.replaced,
            pointer.predecessors,
            pointer.facts,
        )
    return pointer


def repair(store: ReleaseStore, market: str) -> str:
    """Write the pointer that the ledger tells of; gives one line that says what was done.

    The broken file is kept beside, with a time in its name, and the ledger gets a line.

    Raises
    ------
    UserError
        Where the pointer is not broken, the ledger tells of no move, or the release that it
        names last is missing or damaged.
    """
    folder = store.folder(market)
    path = folder.path / POINTER
    if not folder.path.is_dir():
        raise UserError(f"market {market} has no releases")
    with folder.held():
        problem = pointer_problem(store, market)
        if not problem:
            raise UserError(f"market {market}: its champion pointer needs no repair")
        pointer = replay(read_lines(folder.path / LEDGER))
        if pointer is None:
            raise UserError(
                f"market {market}: {problem}, and its ledger tells of no promotion: carprice train"
                f" --market {market} makes a champion, once {path} is moved away"
            )
        release = store.open(market, pointer.release)
        if problems := store.verify(release):
            raise UserError(
                f"market {market}: the ledger names release {pointer.release}, which is damaged:"
                f" {problems[0]}: restore it from a backup"
            )
        kept = ""
        if path.exists():
            stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")
            kept = f"{POINTER}.broken-{stamp}"
            store.port.rename(path, folder.path / kept)
        pointer.write(path, store.port)
    store.record(
        market,
        {"event": EVENT, "release": pointer.release, "reason": problem, "kept": kept or None},
    )
    return (
        f"market {market}: release {pointer.release} serves, as the ledger's move"
        f" {pointer.sequence} says" + (f"; the broken file is kept as {kept}" if kept else "")
    )
