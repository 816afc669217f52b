"""The warehouse by command: to the present schema version, and written anew without its gaps."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from carprice_assets.disk import full_disk
from carprice_assets.errors import UserError
from carprice_assets.files import fsync_folder
from carprice_assets.listings import migrations
from carprice_assets.listings.warehouse import Warehouse, engine_settings, first_line

Waiting = Callable[[str], None]


def _silent(line: str) -> None:
    del line


def upgrade(warehouse: Warehouse, waiting: Waiting = _silent) -> str:
    """Take all migrations that are due, after a copy of the file as it is; gives what was done.

    Raises
    ------
    UserError
        Where there is no warehouse, it cannot be opened, or the disk has no room for the copy.
    """
    path = warehouse.path
    if not path.exists():
        raise UserError(f"{path}: there is no warehouse there yet: carprice import makes one")
    with warehouse.locked("a migration", waiting):
        found = warehouse.version()
        if found == (latest := len(migrations.MIGRATIONS)):
            return f"{path}: has schema version {found} already"
        migrations.require_known(found, path)
        copy = path.with_name(f"{path.name}.v{found}")
        warehouse.settle()
        copy_whole(path, copy)
        with warehouse.opened(commanded=True):
            pass
    return f"{path}: schema version {found} is {latest} now; {copy} is the file as it was"


def compact(warehouse: Warehouse, waiting: Waiting = _silent) -> tuple[int, int]:
    """Write the file anew without the space of what was deleted; gives bytes before and after.

    Written beside and renamed, so that a kill or a full disk leaves the old file.

    Raises
    ------
    UserError
        Where it cannot be opened, or the disk has no room for a second file.
    """
    import duckdb

    path = warehouse.path
    new = path.with_name(f"{path.name}.new")
    with warehouse.locked("writing it anew", waiting):
        with warehouse.opened():
            pass  # migrated, and its journal taken in
        before = path.stat().st_size
        new.unlink(missing_ok=True)  # left by a kill
        settings = engine_settings(warehouse.memory_limit, warehouse.threads, warehouse.temp_folder)
        try:
            with duckdb.connect(config=settings) as con:
                con.execute("SET enable_progress_bar = false")
                con.execute(f"ATTACH '{_quoted(path)}' AS old (READ_ONLY)")
                con.execute(f"ATTACH '{_quoted(new)}' AS new")
                con.execute("COPY FROM DATABASE old TO new")
                con.execute("DETACH new")
            _durable(new)
            os.replace(new, path)
            fsync_folder(path.parent)
        except (duckdb.Error, OSError) as error:
            told = full_disk(error) or first_line(error)
            raise UserError(f"{path}: cannot be written anew: {told}") from error
        finally:
            new.unlink(missing_ok=True)
            new.with_name(f"{new.name}.wal").unlink(missing_ok=True)
        return before, path.stat().st_size


def copy_whole(source: Path, target: Path) -> None:
    """Copy a file so that ``target`` is whole or as it was; made durable.

    Raises
    ------
    UserError
        Where the disk is full or refuses.
    """
    work = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        shutil.copyfile(source, work)
        _durable(work)
        os.replace(work, target)
        fsync_folder(target.parent)
    except OSError as error:
        told = full_disk(error) or error.strerror or str(error)
        raise UserError(f"{target}: cannot be written: {told}") from error
    finally:
        work.unlink(missing_ok=True)


def _durable(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")
