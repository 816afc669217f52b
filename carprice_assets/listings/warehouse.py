"""The warehouse: one DuckDB file, opened by one process at a time, for seconds."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from carprice_assets.errors import UserError
from carprice_assets.files import write_atomic
from carprice_assets.home import Home

if TYPE_CHECKING:
    import duckdb

MIGRATIONS = tuple(Path(__file__).with_name(f"schema_{number}.sql") for number in (1, 2, 3))
"""Script ``i`` takes a warehouse from schema version ``i`` to ``i + 1``; never edited later."""

POLL_SECONDS = 0.2
REPEAT_SECONDS = 15.0


def _silent(line: str) -> None:
    del line


@dataclass(frozen=True)
class Warehouse:
    """Where the DuckDB file lies and what a connection to it may use.

    DuckDB lets one process open a file for writing, so a file lock beside it is held while
    connected and at no other time. The lock is an flock: the kernel frees it when its owner
    dies, however it dies.

    Attributes
    ----------
    path
        The DuckDB file; made with its folder on the first connection.
    memory_limit
        DuckDB's own limit; the process needs a few hundred megabytes beside it.
    threads
        Threads of a query.
    temp
        Folder for what does not fit in memory; by default beside the file. Emptied by
        whoever holds the lock.
    """

    path: Path
    memory_limit: str = "1500MB"
    threads: int = 2
    temp: Path | None = None

    @classmethod
    def of(cls, home: Home) -> Warehouse:
        """The warehouse of a data home."""
        return cls(home.warehouse)

    @property
    def temp_folder(self) -> Path:
        """Where DuckDB spills."""
        return self.temp or self.path.with_name(f"{self.path.name}.tmp")

    @property
    def lock_file(self) -> Path:
        """The file that is flocked while connected."""
        return self.path.with_name(f"{self.path.name}.lock")

    @property
    def holder_file(self) -> Path:
        """Sidecar that says who holds the lock: pid, what, since."""
        return self.path.with_name(f"{self.path.name}.holder.json")

    @contextmanager
    def connect(
        self, what: str = "work", waiting: Callable[[str], None] = _silent
    ) -> Generator[duckdb.DuckDBPyConnection, None, None]:
        """A connection to the migrated warehouse, always closed, also after an exception.

        Parameters
        ----------
        what
            A few words for those who wait.
        waiting
            Takes one line that names the holder, at once and every quarter of a minute while
            another process holds the lock.

        Raises
        ------
        UserError
            Where the file is no warehouse, damaged, of a later version, or may not be read.
        """
        from filelock import FileLock, Timeout

        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(f"{self.path}: cannot make its folder: {error.strerror}") from error
        if self.path.is_dir():
            raise UserError(f"{self.path}: is a folder, not a warehouse")
        lock = FileLock(str(self.lock_file))
        told = float("-inf")
        while True:
            try:
                lock.acquire(timeout=0)
                break
            except Timeout:
                if time.monotonic() - told >= REPEAT_SECONDS:
                    told = time.monotonic()
                    waiting(f"waiting for the warehouse: {self._holder()}")
                time.sleep(POLL_SECONDS)
            except OSError as error:
                raise UserError(f"{self.lock_file}: {error.strerror}") from error
        try:
            holder = {"pid": os.getpid(), "what": what, "since": _now()}
            write_atomic(self.holder_file, json.dumps(holder).encode())
            with self._open() as con:
                yield con
        finally:
            self.holder_file.unlink(missing_ok=True)
            shutil.rmtree(self.temp_folder, ignore_errors=True)
            lock.release()

    def _holder(self) -> str:
        try:
            holder = json.loads(self.holder_file.read_bytes())
            return f"process {holder['pid']} holds it for {holder['what']} since {holder['since']}"
        except (OSError, ValueError, KeyError, TypeError):
            return "another process holds it"  # it has not written its name yet, or has just gone

    @contextmanager
    def _open(self) -> Generator[duckdb.DuckDBPyConnection, None, None]:
        import duckdb

        shutil.rmtree(self.temp_folder, ignore_errors=True)  # left by a process that was killed
        settings = engine_settings(self.memory_limit, self.threads, self.temp_folder)
        try:
            con = duckdb.connect(str(self.path), config=settings)
        except duckdb.Error as error:
            raise UserError(f"{self.path}: cannot be opened: {first_line(error)}") from error
        try:
            con.execute("SET enable_progress_bar = false")  # it would print on standard output
            try:
                migrate(con, self.path)
            except duckdb.Error as error:
                raise UserError(f"{self.path}: is damaged: {first_line(error)}") from error
            yield con
        finally:
            con.close()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def engine_settings(memory_limit: str, threads: int, temp: Path) -> dict[str, Any]:
    """Settings of every DuckDB connection: bounded memory, no network."""
    return {
        "memory_limit": memory_limit,
        "threads": threads,
        "temp_directory": str(temp),
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
    }


def first_line(error: Exception) -> str:
    """The first line of an exception's message."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


@contextmanager
def transaction(con: duckdb.DuckDBPyConnection) -> Generator[None, None, None]:
    """All changes inside, or none: also after an exception or a kill."""
    con.execute("BEGIN TRANSACTION")
    try:
        yield
    except BaseException:
        con.execute("ROLLBACK")
        raise
    con.execute("COMMIT")


def migrate(con: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Bring the tables to the version this code knows, one transaction a step.

    Raises
    ------
    UserError
        Where the file is another program's database, or of a later schema version.
    """
    tables = {row[0] for row in con.execute("SELECT table_name FROM duckdb_tables()").fetchall()}
    if "schema_version" not in tables and tables:
        raise UserError(f"{path}: is a database of another program, not a warehouse")
    version = 0
    if tables:
        rows = con.execute("SELECT max(version) FROM schema_version").fetchall()
        version = rows[0][0] or 0
    if version > len(MIGRATIONS):
        raise UserError(
            f"{path}: has schema version {version}, this carprice knows up to {len(MIGRATIONS)}:"
            " install a later carprice"
        )
    for number, script in enumerate(MIGRATIONS[version:], start=version + 1):
        with transaction(con):
            con.execute(script.read_text(encoding="utf-8"))
            con.execute("INSERT INTO schema_version VALUES (?)", [number])
