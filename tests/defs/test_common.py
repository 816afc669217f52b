"""Failures that are told in one line, and those that keep their traceback."""

from __future__ import annotations

import errno

import dagster as dg
import pytest

from carprice_assets.defs.common import one_line_failures
from carprice_assets.errors import UserError

FREE = "free some space, then give the command again"


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (UserError("cars.csv: no such file"), "cars.csv: no such file"),
        (
            OSError(errno.ENOSPC, "No space left on device"),
            f"the disk is full (No space left on device): {FREE}",
        ),
        (
            OSError("4096 requested and 512 written"),
            f"the disk is full (4096 requested and 512 written): {FREE}",
        ),
        (PermissionError(errno.EACCES, "Permission denied", "/x"), "/x: Permission denied"),
        (IsADirectoryError(errno.EISDIR, "Is a directory", "/y"), "/y: Is a directory"),
    ],
)
def test_what_a_person_can_mend_is_told_in_one_line(error: Exception, told: str) -> None:
    with pytest.raises(dg.Failure) as caught, one_line_failures():
        raise error
    assert caught.value.description == told
    assert caught.value.__cause__ is error


@pytest.mark.parametrize("error", [FileNotFoundError(errno.ENOENT, "gone", "/x"), ValueError("x")])
def test_a_defect_keeps_its_traceback(error: Exception) -> None:
    with pytest.raises(type(error)), one_line_failures():
        raise error
