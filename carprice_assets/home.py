"""Where everything is kept: one folder, ``$CARPRICE_HOME``."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from carprice_assets.errors import UserError

PROJECT = Path(__file__).resolve().parent.parent


def local_folder(address: str, setting: str) -> Path:
    """The folder that ``address`` names, as a path or with ``file://`` or ``local://``.

    Raises
    ------
    UserError
        For an address elsewhere, such as ``s3://``: what is promised of a home cannot be kept
        there. ``setting`` names where the address stands.
    """
    protocol, mark, rest = address.partition("://")
    if mark and protocol not in ("file", "local"):
        raise UserError(
            f"{setting} is {address}, and a home must be a local folder: a place behind"
            f" {protocol}:// has no lock that dies with its owner, no rename of a folder in one"
            " step and no links, by which a release is whole or absent; carry releases there by"
            " carprice releases pack"
        )
    return Path(rest if mark else address).expanduser().resolve()


@dataclass(frozen=True)
class Home:
    """The folders below one data home.

    ``root`` defaults to ``warehouse/`` of the checkout, and ``$CARPRICE_HOME`` moves it.
    """

    root: Path

    @classmethod
    def current(cls) -> Home:
        """The home that the environment names."""
        named = os.environ.get("CARPRICE_HOME")
        return cls(local_folder(named, "CARPRICE_HOME") if named else PROJECT / "warehouse")

    @property
    def warehouse(self) -> Path:
        """The DuckDB file."""
        return self.root / "carprice.duckdb"

    @property
    def artifacts(self) -> Path:
        """Content-addressed folders: datasets, transformer states, regressors, reports."""
        return self.root / "artifacts"

    @property
    def releases(self) -> Path:
        """One folder a market: releases, champion pointer, ledger."""
        return self.root / "releases"

    @property
    def spool(self) -> Path:
        """Files that wait to be taken in by a short step."""
        return self.root / "spool"

    @property
    def practice(self) -> Path:
        """The practice sites' day and access log, one folder a market."""
        return self.root / "practice"

    @property
    def markets(self) -> Path:
        """The user's own market files."""
        return self.root / "markets"

    @property
    def dagster(self) -> Path:
        """``DAGSTER_HOME``: runs, event log, schedules."""
        return self.root / "dagster"
