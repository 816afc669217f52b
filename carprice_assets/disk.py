"""Telling a full disk from a defect, whichever library came upon it."""

from __future__ import annotations

import errno
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from carprice_assets.errors import UserError

FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}

# DuckDB, SQLite, CatBoost and LightGBM tell it in words; numpy, whose writes go past Python's
# files, only by how much it did not write.
TEXTS = re.compile(
    r"no space left on device|disk quota exceeded|disk is full|file too large"
    r"|\d+ requested and \d+ written|could not write all bytes",
    re.IGNORECASE,
)

UNTOLD = re.compile(r"disk i/o error", re.IGNORECASE)
"""What SQLite says where it finds no room for its shared memory: of a broken disk, too."""

LEAST_BYTES = 4_000_000
"""Bytes without which Dagster cannot keep a run, however small."""


def require_space(folder: Path) -> None:
    """Raise a UserError where the disk of ``folder`` is as good as full, before work begins."""
    free = shutil.disk_usage(folder).free
    if free < LEAST_BYTES:
        raise UserError(
            f"the disk is full ({folder} has {free / 1e6:.1f} MB left): free some space, then give"
            " the command again"
        )


def full_disk(error: BaseException, folder: Path | None = None) -> str:
    """One line where the disk, or what one may use of it, is full; else ``""``.

    Looks through the causes too, and names the file where one is known. ``folder`` is one of the
    disk that was written to: where it has no room, an error that does not say why has its reason.
    """
    for each in _chain(error):
        if isinstance(each, OSError) and each.errno in FULL:
            told = f"{each.filename}: {each.strerror}" if each.filename else str(each.strerror)
            return f"the disk is full ({told}): free some space, then give the command again"
        if not isinstance(each, (KeyboardInterrupt, SystemExit)) and TEXTS.search(str(each)):
            line = next(line for line in str(each).splitlines() if TEXTS.search(line)).strip()
            return f"the disk is full ({line[:200]}): free some space, then give the command again"
        if folder is not None and UNTOLD.search(str(each)):
            free = shutil.disk_usage(folder).free
            if free < LEAST_BYTES:
                return (
                    f"the disk is full ({free / 1e6:.1f} MB left): free some space, then give the"
                    " command again"
                )
    return ""


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    each: BaseException | None = error
    while each is not None and id(each) not in seen:
        seen.add(id(each))
        yield each
        each = each.__cause__ or each.__context__
