"""The champion pointer: one small file a market, replaced whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from carprice_assets.errors import UserError
from carprice_assets.files import canonical_json
from carprice_assets.releases.manifest import RELEASE_ID
from carprice_assets.releases.port import DISK, Port, replace_file
from carprice_assets.releases.strict import check_format, read_object

FORMAT = 1
MAX_PREDECESSORS = 20


class BrokenPointer(UserError):  # noqa: N818  # a UserError that says what kind
    """A pointer that can be made again from the ledger."""


@dataclass(frozen=True)
class Champion:
    """What serves, and everything that the ledger says about how it came to.

    Attributes
    ----------
    release
        The id of the release that serves.
    since
        UTC ISO time of the move.
    sequence
        1 for a market's first move, one more with each.
    event
        ``promoted`` or ``rolled_back``.
    replaced
        The release that served before the move.
    predecessors
        Where rollbacks lead, nearest first. A rollback takes what it goes back over out of
        the list, so that a second one leads further back.
    facts
        The decision of a promotion, the reason of a rollback.
    """

    release: str
    since: str
    sequence: int
    event: str
    replaced: str | None = None
    predecessors: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @property
    def previous(self) -> str | None:
        """The predecessor that a plain rollback leads to."""
        return self.predecessors[0] if self.predecessors else None

    def line(self) -> dict[str, Any]:
        """The ledger line of the move."""
        return {
            "at": self.since,
            "event": self.event,
            "sequence": self.sequence,
            "release": self.release,
            "replaced": self.replaced,
            **self.facts,
        }

    def promoted(self, release: str, at: str, facts: Mapping[str, Any]) -> Champion:
        """The pointer after ``release`` takes this one's place."""
        line = (self.release, *(p for p in self.predecessors if p not in (release, self.release)))
        return Champion(
            release, at, self.sequence + 1, "promoted", self.release, line[:MAX_PREDECESSORS], facts
        )

    def rolled_back(self, release: str, at: str, facts: Mapping[str, Any]) -> Champion:
        """The pointer after going back to ``release``."""
        moved = self.promoted(release, at, facts)
        line = moved.predecessors
        if release in self.predecessors:
            line = self.predecessors[self.predecessors.index(release) + 1 :]
        return Champion(release, at, moved.sequence, "rolled_back", self.release, line, facts)

    def write(self, path: Path, port: Port = DISK) -> None:
        """Replace the pointer file; a reader sees the old one or this one."""
        table = {
            "format": FORMAT,
            "release": self.release,
            "since": self.since,
            "previous": self.previous,
            "sequence": self.sequence,
            "event": self.event,
            "replaced": self.replaced,
            "predecessors": list(self.predecessors),
            "facts": dict(self.facts),
        }
        replace_file(port, path, canonical_json(table))


def read_pointer(path: Path) -> Champion | None:
    """The pointer in the file ``path``; None where nothing was ever promoted.

    Raises
    ------
    BrokenPointer
        For a file that is no pointer.
    UserError
        For a newer format.
    """
    if not path.exists():
        return None
    try:
        table = read_object(path)
    except UserError as error:
        raise BrokenPointer(str(error)) from error
    check_format(table, FORMAT, str(path))
    release, line, sequence = (table.get(k) for k in ("release", "predecessors", "sequence"))
    since, event, facts = (table.get(key) for key in ("since", "event", "facts"))
    replaced = table.get("replaced")
    ids: list[Any] = [release, *line] if isinstance(line, list) else [None]  # pyright: ignore[reportUnknownVariableType]
    if replaced is not None:
        ids.append(replaced)
    valid = all(isinstance(each, str) and RELEASE_ID.fullmatch(each) for each in ids)
    if not (
        valid
        and type(sequence) is int
        and sequence > 0
        and isinstance(since, str)
        and event in ("promoted", "rolled_back")
        and isinstance(facts, dict)
    ):
        raise BrokenPointer(f"{path} is no champion pointer")
    return Champion(str(release), since, sequence, str(event), replaced, tuple(line or ()), facts)  # pyright: ignore[reportUnknownArgumentType]
