"""Releases as lines for a terminal."""

from __future__ import annotations

from carprice_assets.errors import UserError
from carprice_assets.home import Home
from carprice_assets.markets import Market
from carprice_assets.releases.store import ReleaseStore
from carprice_assets.releases.valuer import Valuer


def release_lines(home: Home, market: Market) -> list[str]:
    """One line a release, first staged first; ``*`` marks the champion."""
    store = ReleaseStore(home.releases)
    champion = store.champion(market.name)
    lines: list[str] = []
    for release in store.list(market.name):
        mark = "*" if release.id == champion else " "
        try:
            head, staged = release.head(), release.provenance().staged_at
            size = release.manifest().size / 1e6
            told = f"{staged[:19]}  {head.champion:<16} {size:>7.1f} MB"
        except UserError as error:
            told = f"damaged: {error}"
        lines.append(f"{mark} {release.id}  {told}")
    return lines or [f"market {market.name} has no release yet"]


def verify_lines(home: Home, market: Market, release_id: str | None) -> tuple[list[str], bool]:
    """One line a problem, or one a whole release; and whether all are whole."""
    store = ReleaseStore(home.releases)
    chosen = [store.open(market.name, release_id)] if release_id else store.list(market.name)
    lines: list[str] = []
    sound = True
    for release in chosen:
        problems = store.verify(release)
        if not problems:
            try:
                Valuer.load(release.path)
            except UserError as error:
                problems = [str(error)]
        sound = sound and not problems
        lines += [f"{release.id}  {problem}" for problem in problems] or [f"{release.id}  whole"]
    return lines or [f"market {market.name} has no release yet"], sound
