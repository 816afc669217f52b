"""Numbers and words drawn from a hash: the same key always gives the same."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


def roll(*key: object) -> float:
    """A number from 0 to 1, without 1."""
    digest = hashlib.blake2b(repr(key).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64


def pick(choices: Sequence[T], *key: object) -> T:
    """One of the choices, all equally likely."""
    return choices[int(roll(*key) * len(choices))]


def token(*key: object) -> str:
    """32 hex digits."""
    return hashlib.blake2b(repr(key).encode(), digest_size=16).hexdigest()
