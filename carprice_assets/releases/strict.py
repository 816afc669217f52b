"""JSON read as if an enemy wrote it: bounded, without duplicate keys, NaN or deep nesting."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any, cast

from carprice_assets.errors import UserError

MAX_JSON = 16 << 20
"""Bytes of the largest JSON file that is read."""


def read_bounded(path: Path, limit: int = MAX_JSON) -> bytes:
    """The bytes of a regular file of at most ``limit`` bytes.

    Raises
    ------
    UserError
        Where it is missing, a link, no regular file, or larger.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from error
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise UserError(f"{path} is no regular file")
        if status.st_size > limit:
            raise UserError(f"{path} has {status.st_size} bytes, more than {limit}")
        return file.read(limit + 1)


def parse_object(data: bytes, where: str) -> dict[str, Any]:
    """The JSON object in ``data``; ``where`` names it in errors.

    Raises
    ------
    UserError
        For broken JSON, a duplicate key, NaN or infinity, nesting too deep, or no object.
    """
    try:
        value: Any = json.loads(data, object_pairs_hook=_unique, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise UserError(f"{where} is broken: {error}") from error
    if not isinstance(value, dict):
        raise UserError(f"{where} is broken: not a JSON object")
    return cast("dict[str, Any]", value)


def read_object(path: Path, where: str = "") -> dict[str, Any]:
    """The JSON object in the file ``path``; errors as :func:`parse_object`."""
    return parse_object(read_bounded(path), where or str(path))


def check_format(table: dict[str, Any], known: int, where: str) -> None:
    """Refuse a file of another format number than ``known``.

    Raises
    ------
    UserError
        Saying whether the file is newer than this program, or has no valid number.
    """
    number = table.get("format")
    if type(number) is not int or number < 1:
        raise UserError(f"{where} is broken: no format number")
    if number > known:
        raise UserError(
            f"{where} has format {number}, newer than the {known} that this version reads:"
            " update carprice"
        )


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) < len(pairs):
        raise ValueError("a key stands twice")
    return table


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is no JSON number")
