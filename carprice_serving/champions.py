"""Champions of a data home: the release source of a real service."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from carprice_assets.bargains import published
from carprice_assets.errors import UserError
from carprice_assets.home import Home
from carprice_assets.markets.market import market_file, market_files, read_market
from carprice_assets.releases.engine import Parts
from carprice_assets.releases.release import MANIFEST
from carprice_assets.releases.store import ReleaseStore
from carprice_assets.releases.strict import read_object
from carprice_assets.releases.valuer import Valuer
from carprice_serving.release_details import (
    Decision,
    ReleaseDetails,
    read_decisions,
    read_details,
    read_picture,
)
from carprice_serving.release_list import read_releases
from carprice_serving.schemas import Releases

POINTER = "champion.json"
WARMING = 3
"""Golden cars that a release values before it is put into service."""


@dataclass(frozen=True)
class HomeReleases:
    """The releases below ``home.releases``, one folder a market.

    ``parts`` are the readers that a release is loaded with; the platform's own by default.
    """

    home: Home
    parts: Parts | None = None

    @property
    def store(self) -> ReleaseStore:
        """The store of all markets."""
        return ReleaseStore(self.home.releases)

    def markets(self) -> set[str]:
        """Markets with a settings file, and those with a folder of releases."""
        names = set(market_files(self.home))
        if self.home.releases.is_dir():
            names |= {path.parent.name for path in self.home.releases.glob(f"*/{POINTER}")}
        return names

    def title(self, market: str) -> str:
        """The ``title`` of the market's file; its name where there is none."""
        path = market_file(self.home, market)
        identity = _identity(path)
        return market if identity is None else _title(path, identity)

    def pointer(self, market: str) -> Hashable | None:
        """What tells a replaced pointer from the one before; None where there is none."""
        return _identity(self.home.releases / market / POINTER)

    def champion(self, market: str) -> str | None:
        """The id of the release that shall serve."""
        try:
            return self.store.champion(market)
        except UserError as error:  # told to whoever asks ``/ready``: where the home is stays here
            raise UserError(str(error).replace(f"{self.home.root}/", "")) from error

    def load(self, market: str, release_id: str) -> Valuer:
        """The release, its files checked, its golden cases replayed, and warm.

        Raises
        ------
        UserError
            Where it is missing or damaged.
        """
        release = self.store.open(market, release_id)
        valuer = Valuer.load(release.path, verify=True, parts=self.parts)
        _warm(valuer)
        return valuer

    def holds(self, market: str, release_id: str) -> bool:
        """Whether the release's folder is still there."""
        return (self.home.releases / market / release_id / MANIFEST).is_file()

    def releases(self, market: str, limit: int) -> Releases:
        """The latest releases and the latest lines of the ledger."""
        return read_releases(self.store, market, limit)

    def details(self, market: str, release_id: str) -> ReleaseDetails:
        """All that is shown of one release."""
        return read_details(self.store, market, release_id)

    def decisions(self, market: str, limit: int) -> list[Decision]:
        """The latest lines of the market's ledger, latest first."""
        return read_decisions(self.store, market, limit)

    def picture(self, market: str, release_id: str, name: str) -> bytes:
        """A plot of a release, as PNG."""
        return read_picture(self.store, market, release_id, name)

    def bargains_pointer(self, market: str) -> Hashable | None:
        """As :meth:`pointer`, of the market's list of bargains."""
        return _identity(self.home.releases / market / published.POINTER)

    def bargains(self, market: str) -> published.BargainList | None:
        """The market's present list of bargains."""
        return published.present(self.home.releases, market)


@lru_cache(maxsize=256)
def _title(path: Path, _identity: Hashable) -> str:
    """The title in a market's file as it is now; its name where the file cannot be read."""
    try:
        return read_market(path).title
    except UserError:  # told by `carprice markets check`; what serves goes on
        return path.stem


def _identity(path: Path) -> Hashable | None:
    """Inode, times and size of a file: a replaced file differs in one of them."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_ctime_ns, status.st_size


def _warm(valuer: Valuer) -> None:
    """Let every regressor answer one car as requests do, so that no request is the first."""
    for car in golden_of(valuer)[:WARMING]:
        for regressor in valuer.regressors:
            valuer.value_cars([car], as_of=valuer.last_observed, regressor=regressor)


def golden_of(valuer: Valuer) -> list[Any]:
    """The golden cars of a release."""
    return list(read_object(valuer.content / "golden.json").get("cars", []))
