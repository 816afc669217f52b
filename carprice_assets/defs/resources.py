"""What assets work with: the home, the warehouse, the artifact store, the releases."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
from dagster_duckdb import DuckDBResource
from duckdb import DuckDBPyConnection
from upath import UPath

from carprice_assets.artifacts import Artifact, ArtifactStore
from carprice_assets.defs.common import one_line_failures
from carprice_assets.errors import UserError
from carprice_assets.files import canonical_json, read_json, write_atomic
from carprice_assets.home import Home
from carprice_assets.listings.dataset import require_current
from carprice_assets.listings.warehouse import Warehouse
from carprice_assets.markets import Market, load_market
from carprice_assets.releases.store import ReleaseStore


class WarehouseResource(DuckDBResource):
    """The one DuckDB file, opened for one short batch at a time.

    Goes through :class:`Warehouse`, which holds a file lock that dies with its owner and
    closes the connection also after an exception; the plain resource does neither.
    """

    database: str = ""

    @contextmanager
    def get_connection(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, what: str = "a query", waiting: Callable[[str], None] = lambda line: None
    ) -> Generator[DuckDBPyConnection]:
        """A connection with the lock held; ``waiting`` gets a line naming the holder."""
        with Warehouse.of(Home.current()).connect(what, waiting) as connection:
            yield connection


class ArtifactIOManager(dg.UPathIOManager):
    """Keeps an asset's value: the address of its content in the artifact store."""

    extension = ".json"

    def __init__(self, home: Home) -> None:
        self.home = home
        super().__init__(base_path=UPath(home.artifacts / "refs"))

    def dump_to_path(self, context: dg.OutputContext, obj: Any, path: UPath) -> None:
        """Write the address, whole or not at all."""
        with one_line_failures():
            write_atomic(home_path(path), canonical_json({"address": obj.address}))

    def load_from_path(self, context: dg.InputContext, path: UPath) -> Artifact:
        """The artifact whose address was written last."""
        return ArtifactStore(self.home.artifacts).get(read_json(home_path(path))["address"])


class ReleaseIOManager(dg.UPathIOManager):
    """Keeps the id of a release, whose content lies in the release store."""

    extension = ".json"

    def __init__(self, home: Home) -> None:
        super().__init__(base_path=UPath(home.artifacts / "refs"))

    def dump_to_path(self, context: dg.OutputContext, obj: str, path: UPath) -> None:
        """Write the id, whole or not at all."""
        with one_line_failures():
            write_atomic(home_path(path), canonical_json({"release": obj}))

    def load_from_path(self, context: dg.InputContext, path: UPath) -> str:
        """The id that was written last."""
        return read_json(home_path(path))["release"]


def home_path(path: UPath) -> Path:
    """A local path of an address below the home, which is always local."""
    return Path(str(path))


class ArtifactIOManagerFactory(dg.ConfigurableIOManagerFactory[ArtifactIOManager]):
    """Makes the IO manager for the home of the environment."""

    def create_io_manager(self, context: Any) -> ArtifactIOManager:
        """One manager for the current home."""
        return ArtifactIOManager(Home.current())


class ReleaseIOManagerFactory(dg.ConfigurableIOManagerFactory[ReleaseIOManager]):
    """Makes the IO manager for the home of the environment."""

    def create_io_manager(self, context: Any) -> ReleaseIOManager:
        """One manager for the current home."""
        return ReleaseIOManager(Home.current())


class Platform(dg.ConfigurableResource[None]):
    """The home and its stores, and the settings of one market."""

    @property
    def home(self) -> Home:
        """The data home that the environment names."""
        return Home.current()

    @property
    def artifacts(self) -> ArtifactStore:
        """The artifact store."""
        return ArtifactStore(self.home.artifacts)

    @property
    def releases(self) -> ReleaseStore:
        """The release store."""
        return ReleaseStore(self.home.releases)

    def market(self, name: str) -> Market:
        """The settings of the market called ``name``."""
        return load_market(self.home, name)

    def latest(self, asset: str, market: str) -> Artifact | None:
        """The artifact that ``asset`` last gave for ``market``; None where there is none.

        For assets that take in whichever of their upstream assets exist.
        """
        reference = self.home.artifacts / "refs" / asset / f"{market}.json"
        if not reference.exists():
            return None
        try:
            return self.artifacts.get(read_json(reference)["address"])
        except UserError:
            return None

    def staged(self, market: str) -> str:
        """The release that ``challenger`` staged last for ``market``.

        Raises
        ------
        UserError
            Where there is none.
        """
        reference = self.home.artifacts / "refs" / "challenger" / f"{market}.json"
        if not reference.exists():
            raise UserError(f"market {market} has no challenger yet: materialize challenger first")
        return read_json(reference)["release"]

    def require(self, asset: str, market: str) -> Artifact:
        """The artifact that ``asset`` last gave for ``market``.

        Raises
        ------
        UserError
            Where there is none, naming the asset; for a dataset made under other settings.
        """
        found = self.latest(asset, market)
        if found is None:
            raise UserError(f"market {market} has no {asset} yet: materialize {asset} first")
        if asset == "dataset":
            require_current(self.market(market), found.path)
        return found


@dg.definitions
def resources() -> dg.Definitions:
    """Resources stand in a module of their own, or loose assets beside them would be lost."""
    return dg.Definitions(
        resources={
            "warehouse": WarehouseResource(),
            "artifact_io": ArtifactIOManagerFactory(),
            "release_io": ReleaseIOManagerFactory(),
            "platform": Platform(),
        }
    )
