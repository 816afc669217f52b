"""Artifacts that nothing leads to any more: marked from the roots, then swept.

Roots are the addresses that assets gave last, the datasets that releases were made from, and all
that the champions and their predecessors name. An artifact leads to those whose addresses stand in
its JSON files. What was asked for lately stays: a running training may be about to name it.
"""

from __future__ import annotations

import os
import re
import shutil
import time
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from carprice_assets.artifacts import ArtifactStore, folder_size
from carprice_assets.errors import UserError
from carprice_assets.home import Home
from carprice_assets.regressors.costs import COSTS
from carprice_assets.regressors.training import STUDIES
from carprice_assets.releases.release import CONTENT, HEAD, PROVENANCE
from carprice_assets.releases.store import ReleaseStore

ADDRESS = re.compile(rb"\b[0-9a-f]{32}\b")
MAX_JSON = 16 << 20


@dataclass(frozen=True)
class Garbage:
    """What may go.

    Attributes
    ----------
    paths
        Folders of artifacts, and what was kept beside them: searches' trials and costs.
    artifacts
        How many of them are artifacts.
    bytes
        Their size.
    kept, kept_bytes
        The artifacts that stay.
    """

    paths: tuple[Path, ...]
    artifacts: int
    bytes: int
    kept: int
    kept_bytes: int


def find_garbage(home: Home, hours: float) -> Garbage:
    """Artifacts that no root leads to and nobody asked for in the last ``hours``.

    Raises
    ------
    UserError
        Where a pointer or a reference cannot be read: what it names is not known, so nothing
        may go.
    """
    store = ArtifactStore(home.artifacts)
    stored = {path.name: path for path in _stored(store)}
    reached = _reached(_roots(home), stored)
    until = time.time() - hours * 3600
    unnamed = {name for name in set(stored) - reached if _asked_for(stored[name]) < until}
    beside = [
        path
        for folder in (STUDIES, COSTS)
        for path in sorted((store.root / folder).glob("*"))
        if path.stem in unnamed or (path.stem not in stored and _asked_for(path) < until)
    ]
    gone = [stored[name] for name in sorted(unnamed)]
    kept = [path for name, path in stored.items() if name not in unnamed]
    return Garbage(
        paths=(*gone, *beside),
        artifacts=len(gone),
        bytes=sum(map(_size, (*gone, *beside))),
        kept=len(kept),
        kept_bytes=sum(map(folder_size, kept)),
    )


def sweep(home: Home, garbage: Garbage, hours: float) -> tuple[int, int]:
    """Remove what :func:`find_garbage` found; gives artifacts and bytes that went.

    Each is moved away in one rename under the store's lock, unless it was asked for meanwhile:
    a kill leaves no half artifact.
    """
    store = ArtifactStore(home.artifacts)
    bin_folder = store.root / "tmp" / f"{os.getpid()}-{uuid.uuid4().hex}"
    bin_folder.mkdir(parents=True)
    removed = size = 0
    try:
        for number, path in enumerate(garbage.paths):
            with store.locked():
                if not path.exists() or _wanted(store, path, time.time() - hours * 3600):
                    continue
                away = bin_folder / str(number)
                os.rename(path, away)
            size += _size(away)
            removed += path == store.path_of(path.name)
            shutil.rmtree(away) if away.is_dir() else away.unlink()
    finally:
        shutil.rmtree(bin_folder, ignore_errors=True)
    return removed, size


def _wanted(store: ArtifactStore, path: Path, until: float) -> bool:
    """Whether an artifact was asked for meanwhile, or that which ``path`` is kept for."""
    if path == store.path_of(path.name):
        return _asked_for(path) >= until
    return store.path_of(path.stem).exists()


def _stored(store: ArtifactStore) -> Iterator[Path]:
    for path in sorted(store.root.glob("[0-9a-f][0-9a-f]/*")):
        if path.is_dir() and ADDRESS.fullmatch(path.name.encode()):
            yield path


def _roots(home: Home) -> Iterator[str]:
    for path in sorted((home.artifacts / "refs").rglob("*.json")):
        yield from _named(path)
    releases = ReleaseStore(home.releases)
    for folder in sorted(home.releases.glob("*")):
        if not folder.is_dir():
            continue
        pointer = releases.pointer(folder.name)
        serving = {pointer.release, *pointer.predecessors} if pointer else set[str]()
        for path in sorted(path for path in folder.iterdir() if path.is_dir()):
            yield from _named(path / CONTENT / HEAD)
            if path.name in serving:
                yield from _named(path / PROVENANCE)


def _reached(roots: Iterable[str], stored: dict[str, Path]) -> set[str]:
    waiting = [name for name in roots if name in stored]
    reached: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name in reached:
            continue
        reached.add(name)
        for path in stored[name].rglob("*.json"):
            waiting += [each for each in _named(path) if each in stored and each not in reached]
    return reached


def _named(path: Path) -> list[str]:
    """All that may be addresses in a JSON file; none where it is not there."""
    try:
        if path.stat().st_size > MAX_JSON:
            return []
        return [each.decode() for each in ADDRESS.findall(path.read_bytes())]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from error


def _asked_for(path: Path) -> float:
    return path.stat().st_mtime


def _size(path: Path) -> int:
    return folder_size(path) if path.is_dir() else path.stat().st_size
