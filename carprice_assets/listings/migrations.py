"""Schema versions of the warehouse, and the steps from one to the next."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from carprice_assets.errors import UserError

if TYPE_CHECKING:
    import duckdb

COMMAND = "carprice warehouse migrate"


@dataclass(frozen=True)
class Migration:
    """One step to the next schema version.

    Attributes
    ----------
    script
        SQL that takes the tables there; never edited later.
    by_itself
        Whether opening the warehouse takes the step. True only for what adds tables or columns:
        it takes no time, needs no space, and loses nothing. A step that rewrites rows waits for
        the command, which keeps a copy.
    """

    script: Path
    by_itself: bool = True


def _script(number: int) -> Path:
    return Path(__file__).with_name(f"schema_{number}.sql")


MIGRATIONS = (
    Migration(_script(1)),
    Migration(_script(2)),
    Migration(_script(3)),
    Migration(_script(4)),
    Migration(_script(5)),
)
"""Step ``i`` takes a warehouse from schema version ``i`` to ``i + 1``."""


def schema_version(con: duckdb.DuckDBPyConnection, path: Path) -> int:
    """The schema version of the tables; 0 of a new file.

    Raises
    ------
    UserError
        Where the file is another program's database.
    """
    tables = {row[0] for row in con.execute("SELECT table_name FROM duckdb_tables()").fetchall()}
    if not tables:
        return 0
    if "schema_version" not in tables:
        raise UserError(f"{path}: is a database of another program, not a warehouse")
    return con.execute("SELECT max(version) FROM schema_version").fetchall()[0][0] or 0


def require_known(version: int, path: Path) -> None:
    """Raise a UserError where the schema version is later than this code knows."""
    if version > len(MIGRATIONS):
        raise UserError(
            f"{path}: has schema version {version}, this carprice knows up to {len(MIGRATIONS)}:"
            " install a later carprice"
        )
