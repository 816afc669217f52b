"""The shadow: a staged release that is scored beside the champion on served traffic.

``shadow.json`` in a market's folder names it; a running service follows. What both say of the same
cars is kept by :mod:`~carprice_assets.releases.shadow_pairs`.
"""

from __future__ import annotations

from pathlib import Path

from carprice_assets.errors import UserError
from carprice_assets.files import canonical_json
from carprice_assets.releases.manifest import RELEASE_ID
from carprice_assets.releases.market_folder import SHADOW, refuse
from carprice_assets.releases.port import replace_file
from carprice_assets.releases.store import ReleaseStore
from carprice_assets.releases.strict import check_format, read_object

FORMAT = 1
EVENTS = ("shadowed", "unshadowed")
"""What the ledger says of its beginning and end."""


def read_shadow(root: Path, market: str) -> str | None:
    """The id of the market's shadow; None where it has none.

    Raises
    ------
    UserError
        For a newer format or a file that names no release.
    """
    path = root / market / SHADOW
    if not path.exists():
        return None
    off = f"carprice releases shadow --market {market} --off"
    try:
        table = read_object(path)
    except UserError as error:
        raise UserError(f"{error}: {off} removes it") from error
    check_format(table, FORMAT, str(path))
    release = table.get("release")
    if not isinstance(release, str) or not RELEASE_ID.fullmatch(release):
        raise UserError(f"{path} names no release: {off} removes it")
    return release


def set_shadow(store: ReleaseStore, market: str, release_id: str) -> None:
    """Score ``release_id`` beside the champion from now on.

    Raises
    ------
    UserError
        Where it is missing or damaged, serves already, or the market has no champion.
    """
    if store.champion(market) is None:
        raise UserError(f"market {market} has no champion to score release {release_id} beside")
    folder = store.folder(market)
    with folder.locked():
        champion = store.champion(market)
        release = folder.open(release_id)
        if champion == release_id:
            raise UserError(f"market {market}: release {release_id} serves already")
        if _is_shadow(store, market, release_id):
            return
        refuse(release, "as a shadow")
        table = {"format": FORMAT, "release": release_id}
        replace_file(store.port, folder.path / SHADOW, canonical_json(table))
        folder.append({"event": EVENTS[0], "release": release_id, "champion": champion})


def _is_shadow(store: ReleaseStore, market: str, release_id: str) -> bool:
    """Whether the file names the release and the ledger tells so: a kill may come between them."""
    try:
        if read_shadow(store.root, market) != release_id:
            return False
    except UserError:
        return False  # a file that cannot be read is replaced
    lines = [line for line in store.ledger(market) if line.get("event") in EVENTS]
    return bool(lines) and (lines[-1]["event"], lines[-1].get("release")) == (EVENTS[0], release_id)


def end_shadow(store: ReleaseStore, market: str) -> None:
    """Score no release beside the champion any more; what was found stays.

    Raises
    ------
    UserError
        Where the market has no shadow.
    """
    folder = store.folder(market)
    path = folder.path / SHADOW
    if not path.exists():
        raise UserError(f"market {market} has no shadow")
    with folder.locked():
        try:
            release = read_shadow(store.root, market)
        except UserError:
            release = None  # whatever the file holds, it goes
        # The line comes first: what ended is told even where this is killed in between.
        folder.append({"event": EVENTS[1], "release": release})
        if path.exists():
            store.port.unlink(path)
        store.port.fsync_folder(folder.path)
