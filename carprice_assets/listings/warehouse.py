"""The warehouse: one DuckDB file, opened by one process at a time, for seconds."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from carprice_assets.disk import full_disk
from carprice_assets.errors import UserError
from carprice_assets.files import fsync_folder, write_atomic
from carprice_assets.home import Home
from carprice_assets.listings import migrations

if TYPE_CHECKING:
    import duckdb

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
        self,
        what: str = "work",
        waiting: Callable[[str], None] = _silent,
        *,
        commanded: bool = False,
    ) -> Generator[duckdb.DuckDBPyConnection, None, None]:
        """A connection to the migrated warehouse, always closed, also after an exception.

        Parameters
        ----------
        what
            A few words for those who wait.
        waiting
            Takes one line that names the holder, at once and every quarter of a minute while
            another process holds the lock.
        commanded
            Whether also those migrations are taken that wait for a command.

        Raises
        ------
        UserError
            Where the file is no warehouse, damaged, of a later version or of one that waits for
            ``carprice warehouse migrate``, or may not be read; where the disk is full.
        """
        with self.locked(what, waiting), self.opened(commanded=commanded) as con:
            yield con

    @contextmanager
    def locked(
        self, what: str, waiting: Callable[[str], None] = _silent
    ) -> Generator[None, None, None]:
        """Hold the lock without opening the file, so that it may be copied or replaced whole."""
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
            with suppress(OSError):  # a courtesy; on a full disk there is still much to do
                write_atomic(self.holder_file, json.dumps(holder).encode())
            yield
        finally:
            self.holder_file.unlink(missing_ok=True)
            shutil.rmtree(self.temp_folder, ignore_errors=True)
            lock.release()

    def look(self) -> tuple[int, str]:
        """The schema version (0 without a file) and who holds the lock (``""`` for nobody).

        Changes nothing and never waits: while somebody holds the lock, the version is -1.

        Raises
        ------
        UserError
            Where the file is no warehouse or damaged.
        """
        from filelock import FileLock, Timeout

        if not self.path.exists():
            return 0, ""
        try:
            with FileLock(str(self.lock_file), timeout=0):
                return self.version(), ""
        except Timeout:
            return -1, self._holder()
        except OSError as error:
            raise UserError(f"{self.lock_file}: {error.strerror}") from error

    def version(self) -> int:
        """The schema version, for who holds the lock; errors as :meth:`look`."""
        import duckdb

        try:
            con = duckdb.connect(str(self.path), read_only=True)
            try:
                return migrations.schema_version(con, self.path)
            finally:
                con.close()
        except duckdb.Error as error:
            raise UserError(f"{self.path}: cannot be opened: {first_line(error)}") from error

    def _make(self) -> None:
        """A new file with its tables, made beside and renamed: a full disk leaves no broken one."""
        import duckdb

        new = self.path.with_name(f"{self.path.name}.new")
        new.unlink(missing_ok=True)  # left by a kill
        try:
            with duckdb.connect(str(new)) as con:
                migrate(con, self.path)
            with new.open("rb") as file:
                os.fsync(file.fileno())
            os.replace(new, self.path)
            fsync_folder(self.path.parent)
        finally:
            new.unlink(missing_ok=True)
            new.with_name(f"{new.name}.wal").unlink(missing_ok=True)

    def settle(self) -> None:
        """Take DuckDB's journal into the file, for who holds the lock; nothing without a file.

        Afterwards the file alone is the warehouse, of whatever schema version; errors as
        :meth:`look`, and where the disk is full.
        """
        import duckdb

        if not self.path.exists():
            return
        settings = engine_settings(self.memory_limit, self.threads, self.temp_folder)
        try:
            con = duckdb.connect(str(self.path), config=settings)
            try:
                con.execute("CHECKPOINT")
            finally:
                con.close()
        except duckdb.Error as error:
            told = full_disk(error) or f"cannot be opened: {first_line(error)}"
            raise UserError(f"{self.path}: {told}") from error

    def _holder(self) -> str:
        try:
            holder = json.loads(self.holder_file.read_bytes())
            return f"process {holder['pid']} holds it for {holder['what']} since {holder['since']}"
        except (OSError, ValueError, KeyError, TypeError):
            return "another process holds it"  # it has not written its name yet, or has just gone

    @contextmanager
    def opened(
        self, *, commanded: bool = False
    ) -> Generator[duckdb.DuckDBPyConnection, None, None]:
        """A connection for who holds the lock; as :meth:`connect`."""
        import duckdb

        shutil.rmtree(self.temp_folder, ignore_errors=True)  # left by a process that was killed
        settings = engine_settings(self.memory_limit, self.threads, self.temp_folder)
        try:
            if not self.path.exists():
                self._make()
            con = duckdb.connect(str(self.path), config=settings)
        except (duckdb.Error, OSError) as error:
            told = full_disk(error) or f"cannot be opened: {first_line(error)}"
            raise UserError(f"{self.path}: {told}") from error
        try:
            con.execute("SET enable_progress_bar = false")  # it would print on standard output
            try:
                migrate(con, self.path, commanded=commanded)
            except duckdb.Error as error:
                told = full_disk(error) or f"is damaged: {first_line(error)}"
                raise UserError(f"{self.path}: {told}") from error
            try:
                yield con
            except duckdb.Error as error:
                if told := full_disk(error):
                    raise UserError(f"{self.path}: {told}") from error
                raise
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
    import duckdb

    con.execute("BEGIN TRANSACTION")
    try:
        yield
    except BaseException:
        with suppress(duckdb.Error):  # where a full disk ended it already, nothing is left to undo
            con.execute("ROLLBACK")
        raise
    con.execute("COMMIT")


def migrate(con: duckdb.DuckDBPyConnection, path: Path, *, commanded: bool = False) -> int:
    """Bring the tables to the version that this code knows, one transaction a step.

    A new file takes all steps. Gives the version that was found.

    Raises
    ------
    UserError
        Where the file is another program's database, of a later version, or needs a step that
        is taken by command alone; then nothing was changed.
    """
    version = migrations.schema_version(con, path)
    migrations.require_known(version, path)
    due = migrations.MIGRATIONS[version:]
    if version and not commanded and not all(step.by_itself for step in due):
        raise UserError(
            f"{path}: has schema version {version}, this carprice needs"
            f" {len(migrations.MIGRATIONS)}: run {migrations.COMMAND}"
        )
    for number, step in enumerate(due, start=version + 1):
        with transaction(con):
            con.execute(step.script.read_text(encoding="utf-8"))
            con.execute("INSERT INTO schema_version VALUES (?)", [number])
    return version
