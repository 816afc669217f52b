"""Where a search keeps its trials: one SQLite file, by Optuna's own storage."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from carprice_assets.errors import UserError
from carprice_assets.files import canonical_json, sha256_bytes
from carprice_assets.regressors.base import Progress

STUDY = "search"
LOCK_WAIT = 1.0
"""Seconds after which whoever waits for another search is told so."""


class SpaceRecorder:
    """Stands in for an Optuna trial and writes down what a space may propose.

    Each ``suggest_`` call gives its lower end or first choice, so of a space with branches the
    first one is recorded.
    """

    def __init__(self) -> None:
        self.found: dict[str, dict[str, Any]] = {}

    def suggest_float(self, name: str, low: float, high: float, **options: Any) -> float:
        """Record a real parameter; gives ``low``."""
        self.found[name] = {"kind": "float", "low": low, "high": high, **options}
        return low

    def suggest_int(self, name: str, low: int, high: int, **options: Any) -> int:
        """Record a whole-number parameter; gives ``low``."""
        self.found[name] = {"kind": "int", "low": low, "high": high, **options}
        return low

    def suggest_categorical(self, name: str, choices: Any) -> Any:
        """Record a choice; gives the first."""
        self.found[name] = {"kind": "choice", "choices": list(choices)}
        return self.found[name]["choices"][0]


def described(space: Callable[[Any], Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """What ``space`` proposes: parameter to its kind, ends or choices; JSON."""
    recorder = SpaceRecorder()
    space(recorder)
    return recorder.found


def study_file(folder: Path, regressor: str, **given: Any) -> Path:
    """The file of the study that fits ``given``: space, fixed parameters, seed, threads.

    Trials are comparable only where all of these are equal, so another value of one of them
    is another file. ``folder`` is that of one feature set.
    """
    return folder / f"{regressor}-{sha256_bytes(canonical_json(given))[:16]}.sqlite"


@contextmanager
def opened(path: Path | None, progress: Progress) -> Generator[Any]:
    """The study in the file ``path``, made where there is none; in memory for None.

    One search at a time: a second waits until the first ends or dies, then goes on from its
    trials.

    Raises
    ------
    UserError
        Where the file is no study, or one of another version of Optuna.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    if path is None:
        yield optuna.create_study(study_name=STUDY)
        return
    from filelock import FileLock, Timeout
    from sqlalchemy.exc import SQLAlchemyError

    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path.with_suffix(".lock"), fallback_to_soft=False)
    try:
        lock.acquire(timeout=LOCK_WAIT)
    except Timeout:
        progress("waiting for another search of the same parameters")
        lock.acquire()
    storage: Any = None
    try:
        try:
            # The address serves to tell the kind of database; the file is opened by `_connect`.
            kind = {"creator": partial(_connect, path)}
            storage = optuna.storages.RDBStorage("sqlite:///", engine_kwargs=kind)
            study = optuna.create_study(study_name=STUDY, storage=storage, load_if_exists=True)
        except (SQLAlchemyError, optuna.exceptions.OptunaError, RuntimeError) as error:
            line = str(error).splitlines()[0]
            raise UserError(f"{path}: no study to go on with ({line}); remove it") from error
        yield study
    finally:
        if storage is not None:
            storage.remove_session()
            storage.engine.dispose()
        lock.release()


def _connect(path: Path) -> sqlite3.Connection:
    """Writes ahead of the file: whole after a kill, and no wait for the disk at each step."""
    connection = sqlite3.connect(path, timeout=60, check_same_thread=False)
    try:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
    except sqlite3.Error:
        connection.close()
        raise
    return connection
