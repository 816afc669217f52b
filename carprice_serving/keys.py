"""API keys: kept as hashes, compared in constant time."""

from __future__ import annotations

import base64
import binascii
import hmac
import re
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, cast

from filelock import FileLock

from carprice_assets.errors import UserError
from carprice_assets.files import canonical_json, read_json, sha256_bytes, write_atomic
from carprice_assets.home import Home

FILE = "keys.json"
FORMAT = 1
KEY = re.compile(r"cp_([0-9a-f]{8})_[A-Za-z0-9_-]{43}")
NAME = re.compile(r"[\w .@-]{1,60}")
NOBODY = sha256_bytes(secrets.token_bytes(32))
"""Compared with where there is no such key, so that both take the same time."""


@dataclass(frozen=True)
class Key:
    """What is kept of a key: nothing that opens a door.

    A key has 256 random bits, so that a plain SHA-256 keeps it: there is nothing to guess.
    """

    id: str
    name: str
    sha256: str
    created: str
    rate: float | None = None
    """Requests a second; None for the service's own limit."""


@dataclass(frozen=True)
class Keys:
    """The keys that open a service, by id."""

    by_id: Mapping[str, Key] = field(default_factory=dict[str, Key])

    @classmethod
    def load(cls, home: Home) -> Keys:
        """Those of a data home; none where there is no file.

        Raises
        ------
        UserError
            Where ``keys.json`` is malformed.
        """
        path = home.root / FILE
        try:
            table = cast("dict[str, Any]", read_json(path))
            if table["format"] != FORMAT:
                raise UserError(f"{path}: not of format {FORMAT}, which this program reads")
            return cls({each["id"]: Key(**each) for each in table["keys"]})
        except FileNotFoundError:
            return cls()
        except OSError as error:
            raise UserError(f"{path}: {error.strerror}") from error
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise UserError(f"{path}: malformed: {error}") from error

    def save(self, home: Home) -> None:
        """Write ``keys.json``, readable for its owner alone."""
        kept = [asdict(key) for key in self.by_id.values()]
        path = home.root / FILE
        write_atomic(path, canonical_json({"format": FORMAT, "keys": kept}))
        path.chmod(0o600)

    def find(self, given: str) -> Key | None:
        """The key that a text is, or None."""
        shape = KEY.fullmatch(given)
        known = self.by_id.get(shape[1]) if shape else None
        kept = known.sha256 if known else NOBODY
        same = hmac.compare_digest(sha256_bytes(given.encode()), kept)
        return known if same else None


def locked(home: Home) -> FileLock:
    """Held while the keys are changed."""
    home.root.mkdir(parents=True, exist_ok=True)
    return FileLock(str(home.root / f".{FILE}.lock"))


def add(home: Home, name: str, rate: float | None = None) -> str:
    """Make a key; the text returned is nowhere kept.

    Raises
    ------
    UserError
        For a name that is taken or not of letters, digits, spaces and ``.@-_``.
    """
    if not NAME.fullmatch(name):
        raise UserError(f"name {name[:60]!r}: 1 to 60 letters, digits, spaces and .@-_")
    with locked(home):
        keys = Keys.load(home)
        if any(key.name == name for key in keys.by_id.values()):
            raise UserError(f"there is a key of the name {name!r}: remove it first")
        number = secrets.token_hex(4)
        text = f"cp_{number}_{secrets.token_urlsafe(32)}"
        created = datetime.now(UTC).isoformat(timespec="seconds")
        key = Key(number, name, sha256_bytes(text.encode()), created, rate)
        replace(keys, by_id={**keys.by_id, number: key}).save(home)
    return text


def remove(home: Home, which: str) -> Key:
    """Take a key back, by id or name; a running service follows within a second or two.

    Raises
    ------
    UserError
        Where there is no such key.
    """
    with locked(home):
        keys = Keys.load(home)
        for key in keys.by_id.values():
            if which in (key.id, key.name):
                left = {number: each for number, each in keys.by_id.items() if each != key}
                Keys(left).save(home)
                return key
    raise UserError(f"there is no key {which[:60]!r}; `carprice keys list` shows them")


def given_key(headers: Mapping[str, str]) -> str:
    """The key that a request brings: ``X-API-Key``, ``Bearer``, or the password of ``Basic``.

    Basic is what a browser asks a person for.
    """
    if own := headers.get("x-api-key"):
        return own.strip()
    kind, _, rest = headers.get("authorization", "").partition(" ")
    if kind.lower() == "bearer":
        return rest.strip()
    if kind.lower() == "basic":
        try:
            return base64.b64decode(rest, validate=True).decode().partition(":")[2]
        except (binascii.Error, UnicodeDecodeError):
            return ""
    return ""
