"""Ed25519 signatures of packs, by the library ``cryptography``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from carprice_assets.errors import UserError
from carprice_assets.files import sha256_bytes
from carprice_assets.home import Home
from carprice_assets.releases.strict import check_format, read_bounded

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (
        Ed25519PrivateKey,
        Ed25519PublicKey,
    )

FORMAT = 1
ALGORITHM = "ed25519"
MAX_KEY = 16_384


def signing_key(home: Home) -> Path | None:
    """``keys/signing.pem`` of the home, where there is one."""
    path = home.root / "keys" / "signing.pem"
    return path if path.exists() else None


def trusted_keys(home: Home) -> list[Path]:
    """The public keys in ``keys/trusted/`` of the home; with any, a pack must be signed."""
    return sorted((home.root / "keys" / "trusted").glob("*.pem"))


def fingerprint(key: Ed25519PublicKey) -> str:
    """Sixteen hex digits by which people tell keys apart."""
    return sha256_bytes(key.public_bytes_raw())[:16]


def sign(message: bytes, key: Path) -> dict[str, Any]:
    """The object of ``signature.json`` for ``message``.

    Raises
    ------
    UserError
        Where ``key`` is no Ed25519 private key in PEM without a password.
    """
    private = _private(key)
    return {
        "format": FORMAT,
        "algorithm": ALGORITHM,
        "key": private.public_key().public_bytes_raw().hex(),
        "signature": private.sign(message).hex(),
    }


def check_signature(
    table: dict[str, Any] | None, message: bytes, trusted: Sequence[Path], where: str
) -> str:
    """The fingerprint of the trusted key by which ``message`` was signed.

    Raises
    ------
    UserError
        Where it is not signed, by no trusted key, or is another message.
    """
    from cryptography.exceptions import InvalidSignature

    keys = {key.public_bytes_raw().hex(): key for key in map(_public, trusted)}
    if table is None:
        raise UserError(f"{where} is not signed, and this home asks for a signature")
    check_format(table, FORMAT, f"{where}: signature.json")
    key, signature = keys.get(str(table.get("key"))), table.get("signature")
    if table.get("algorithm") != ALGORITHM or key is None:
        raise UserError(f"{where} is signed by no key that this home trusts")
    try:
        key.verify(bytes.fromhex(str(signature)), message)
    except (InvalidSignature, ValueError) as error:
        raise UserError(f"{where} is changed: its signature does not fit") from error
    return fingerprint(key)


def _private(path: Path) -> Ed25519PrivateKey:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(read_bounded(path, MAX_KEY), None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise UserError(f"{path} is no private key in PEM without a password") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise UserError(f"{path} is no Ed25519 key")
    return key


def _public(path: Path) -> Ed25519PublicKey:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        key = load_pem_public_key(read_bounded(path, MAX_KEY))
    except (ValueError, UnsupportedAlgorithm) as error:
        raise UserError(f"{path} is no public key in PEM") from error
    if not isinstance(key, Ed25519PublicKey):
        raise UserError(f"{path} is no Ed25519 key")
    return key
