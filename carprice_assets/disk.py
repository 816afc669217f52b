"""Telling a full disk from a defect, whichever library came upon it."""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator

FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}

# DuckDB, SQLite, CatBoost and LightGBM tell it in words; numpy, whose writes go past Python's
# files, only by how much it did not write.
TEXTS = re.compile(
    r"no space left on device|disk quota exceeded|disk is full|file too large"
    r"|\d+ requested and \d+ written|could not write all bytes",
    re.IGNORECASE,
)


def full_disk(error: BaseException) -> str:
    """One line where the disk, or what one may use of it, is full; else ``""``.

    Looks through the causes too, and names the file where one is known.
    """
    for each in _chain(error):
        if isinstance(each, OSError) and each.errno in FULL:
            told = f"{each.filename}: {each.strerror}" if each.filename else str(each.strerror)
            return f"the disk is full ({told}): free some space, then give the command again"
        if not isinstance(each, (KeyboardInterrupt, SystemExit)) and TEXTS.search(str(each)):
            line = next(line for line in str(each).splitlines() if TEXTS.search(line)).strip()
            return f"the disk is full ({line[:200]}): free some space, then give the command again"
    return ""


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    each: BaseException | None = error
    while each is not None and id(each) not in seen:
        seen.add(id(each))
        yield each
        each = each.__cause__ or each.__context__
