"""A release on disk: its folder, manifest, head and provenance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from carprice_assets.errors import UserError
from carprice_assets.files import canonical_json, sha256_bytes
from carprice_assets.releases.head import Head
from carprice_assets.releases.manifest import SHA256, Manifest, check_path
from carprice_assets.releases.strict import (
    check_format,
    parse_object,
    read_bounded,
    read_object,
)

MANIFEST, PROVENANCE, CONTENT = "manifest.json", "provenance.json", "content"
PAGES = "reports"
HEAD = "release.json"
FORMAT = 1


@dataclass(frozen=True)
class Provenance:
    """Where a release came from: told beside the content, so that equal content has one id.

    ``staged_at`` is a UTC ISO time; ``facts`` hold run id, library versions and machine;
    ``pages`` the SHA-256 of each file below ``reports/`` by relative path, which tell times and
    so are no content either.
    """

    release: str
    staged_at: str
    facts: Mapping[str, Any]
    pages: Mapping[str, str] = field(default_factory=dict[str, str])

    def to_bytes(self) -> bytes:
        """The bytes of ``provenance.json``, with the digest of the rest."""
        body = self._body()
        return canonical_json(body | {"digest": _digest(body)})

    def _body(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "release": self.release,
            "staged_at": self.staged_at,
            "provenance": dict(self.facts),
            "pages": dict(self.pages),
        }

    @classmethod
    def read(cls, path: Path) -> Provenance:
        """Read and check the file ``path``; errors as :meth:`parse`."""
        return cls.parse(read_bounded(path), str(path))

    @classmethod
    def parse(cls, data: bytes, where: str) -> Provenance:
        """Check the bytes of ``provenance.json``; ``where`` names them in errors.

        Raises
        ------
        UserError
            For a newer format, a missing part, or a digest that does not fit.
        """
        table = parse_object(data, where)
        check_format(table, FORMAT, where)
        digest = table.pop("digest", None)
        release, staged_at, facts = (table.get(k) for k in ("release", "staged_at", "provenance"))
        if digest != _digest(table):
            raise UserError(f"{where} is changed: its digest does not fit")
        if not (
            isinstance(release, str) and isinstance(staged_at, str) and isinstance(facts, dict)
        ):
            raise UserError(f"{where} is broken: release, staged_at or provenance is missing")
        return cls(release, staged_at, cast("dict[str, Any]", facts), _pages(table, where))


@dataclass(frozen=True)
class Release:
    """One release of a market.

    ``path`` holds manifest.json, provenance.json, content/ and, where there are any, reports/.
    """

    market: str
    id: str
    path: Path

    @property
    def content(self) -> Path:
        """The folder that the id is the hash of."""
        return self.path / CONTENT

    def manifest(self) -> Manifest:
        """The manifest, checked in itself, not against the files."""
        path = self.path / MANIFEST
        return Manifest.parse(read_bounded(path), str(path))

    def provenance(self) -> Provenance:
        """The provenance, its digest checked."""
        return Provenance.read(self.path / PROVENANCE)

    def head(self) -> Head:
        """``content/release.json``: market, units, regressors, data."""
        path = self.content / HEAD
        return Head.parse(read_object(path), str(path))


def _pages(table: Mapping[str, Any], where: str) -> dict[str, str]:
    pages = table.get("pages", {})
    if not isinstance(pages, dict):
        raise UserError(f"{where} is broken: pages is no table")
    for name, digest in cast("dict[str, Any]", pages).items():
        check_path(name, where)
        if not isinstance(digest, str) or not SHA256.fullmatch(digest):
            raise UserError(f"{where}: the hash of {name} must be 64 hex digits")
    return cast("dict[str, str]", pages)


def _digest(body: Mapping[str, Any]) -> str:
    return sha256_bytes(canonical_json(dict(body)))
