"""Published lists: small files that never change, and a pointer to the present one."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any, cast

from carprice_assets.bargains.evidence import by_field
from carprice_assets.errors import UserError
from carprice_assets.files import canonical_json, sha256_bytes
from carprice_assets.markets.market import NAME
from carprice_assets.releases.port import make_folders, replace_file
from carprice_assets.releases.store import ReleaseStore
from carprice_assets.releases.strict import check_format, read_object

FOLDER, POINTER = "bargains", "bargains.json"
FORMAT = 1
LIST_ID = re.compile(r"[0-9a-f]{32}")
NEEDED = ("market", "currency", "distance", "day", "release", "offers", "bargains", "apart")


@dataclass(frozen=True)
class BargainList:
    """A published list of one market.

    ``content`` has :data:`NEEDED` and more, in JSON types; ``id`` is the hash of its bytes.
    """

    id: str
    content: dict[str, Any]

    @property
    def day(self) -> str:
        """ISO date of the market's last day when it was made."""
        return str(self.content["day"])

    @property
    def bargains(self) -> list[dict[str, Any]]:
        """Entries, the best first."""
        return cast("list[dict[str, Any]]", self.content["bargains"])

    @property
    def apart(self) -> list[dict[str, Any]]:
        """Entries that are more likely errors or frauds."""
        return cast("list[dict[str, Any]]", self.content["apart"])


def publish(store: ReleaseStore, market: str, content: dict[str, Any]) -> BargainList:
    """Keep a list below ``releases/<market>/bargains/`` and move the pointer to it.

    The file is there, whole, before the pointer names it; an equal list keeps its file. Written
    through the store's port, under the market's lock.
    """
    data = canonical_json({"format": FORMAT, **content})
    found = BargainList(sha256_bytes(data)[:32], content)
    folder = store.folder(market)
    with folder.held():
        _sweep(store, folder.path)
        path = folder.path / FOLDER / f"{found.id}.json"
        make_folders(store.port, path.parent)
        if not path.exists():
            replace_file(store.port, path, data)
        for each in (path.parent, folder.path):  # a call that failed may have left them unsynced
            store.port.fsync_folder(each)
        pointer = {"format": FORMAT, "list": found.id, "day": found.day}
        replace_file(store.port, folder.path / POINTER, canonical_json(pointer))
    return found


def present(releases: Path, market: str) -> BargainList | None:
    """The list that the pointer names; None where none was published.

    Raises
    ------
    UserError
        Where the pointer or the list is damaged.
    """
    path = _market(releases, market) / POINTER
    if not path.exists():
        return None
    pointer = read_object(path)
    check_format(pointer, FORMAT, str(path))
    return read(releases, market, str(pointer.get("list")))


def read(releases: Path, market: str, list_id: str) -> BargainList:
    """The list of that id, its hash checked.

    Raises
    ------
    UserError
        Where there is none, or its bytes are not those of its id.
    """
    path = _market(releases, market) / FOLDER / f"{list_id}.json"
    if not LIST_ID.fullmatch(list_id) or not path.exists():
        raise UserError(f"market {market} has no list of bargains {list_id}")
    if sha256_bytes(path.read_bytes())[:32] != list_id:
        raise UserError(f"{path} is changed: its hash is not its name")
    content = read_object(path)
    check_format(content, FORMAT, str(path))
    if missing := [key for key in NEEDED if key not in content]:
        raise UserError(f"{path}: {missing[0]} is missing")
    content.pop("format")
    for entry in (*content["bargains"], *content["apart"]):
        _bring_up(entry, str(content["day"]))
    return BargainList(list_id, content)


def _bring_up(entry: Any, day: str) -> None:
    """Give an entry of an older version what today's tell.

    Its days counted up to the list's day, and its evidence names encoded features.
    """
    if not isinstance(entry, dict) or "first_seen" in entry:
        return
    told = cast("dict[str, Any]", entry)
    try:
        first = date.fromisoformat(day) - timedelta(days=told["days_on_sale"])
        told["days_on_sale"] = (date.fromisoformat(told["last_seen"]) - first).days
        told["first_seen"] = first.isoformat()
        told["evidence"] = {name: by_field(errors) for name, errors in told["evidence"].items()}
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError):
        return  # whoever reads it says what is wrong with it


def history(releases: Path, market: str) -> list[BargainList]:
    """All lists of a market in order of their days; of one day, in order of their ids."""
    folder = _market(releases, market) / FOLDER
    ids = sorted(path.stem for path in folder.glob("*.json") if LIST_ID.fullmatch(path.stem))
    return sorted((read(releases, market, each) for each in ids), key=lambda each: each.day)


def _market(releases: Path, market: str) -> Path:
    if not NAME.fullmatch(market):
        raise UserError(f"{market!r} is no market's name")
    return releases / market


def _sweep(store: ReleaseStore, folder: Path) -> None:
    """Remove what a publication left that was killed; the caller holds the market's lock."""
    lists = (folder / FOLDER).glob(".*.json.*.tmp")
    strays = [path for path in lists if LIST_ID.fullmatch(path.name.split(".")[1])]
    for stray in (*strays, *folder.glob(f".{POINTER}.*.tmp")):
        store.port.unlink(stray)
