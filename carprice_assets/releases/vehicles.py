"""Hashes of vehicles: a release says what it learned from without naming a car."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from carprice_assets.errors import UserError
from carprice_assets.releases.verify import npy_problem

Hashes: TypeAlias = NDArray[np.uint64]
FILE = "vehicles.npy"


def vehicle_hashes(salt: str, vehicles: Iterable[str]) -> Hashes:
    """The first 64 bits of SHA-256 over salt and vehicle name, one each, in the order given."""
    head = hashlib.sha256(f"{salt}\0".encode())

    def one(vehicle: str) -> int:
        digest = head.copy()
        digest.update(vehicle.encode())
        return int.from_bytes(digest.digest()[:8], "big")

    return np.fromiter((one(vehicle) for vehicle in vehicles), dtype=np.uint64)


def write_vehicles(folder: Path, hashes: Hashes) -> None:
    """Write ``vehicles.npy`` of a content folder: sorted, each once."""
    np.save(folder / FILE, np.unique(hashes).astype("<u8"), allow_pickle=False)


def read_vehicles(content: Path) -> Hashes:
    """The sorted hashes of a release's content folder.

    Raises
    ------
    UserError
        Where the file is missing or holds something else.
    """
    path = content / FILE
    if not path.is_file():
        raise UserError(f"{path} is missing")
    if problem := npy_problem(path, path.stat().st_size):
        raise UserError(f"{path} {problem}")
    hashes = np.load(path, allow_pickle=False)
    if hashes.dtype != np.uint64 or hashes.ndim != 1 or not bool(np.all(hashes[1:] > hashes[:-1])):
        raise UserError(f"{path} holds no sorted vehicle hashes")
    return hashes
