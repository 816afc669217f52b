"""Releases as lines for a terminal."""

from __future__ import annotations

from carprice_assets.errors import UserError
from carprice_assets.home import Home
from carprice_assets.markets import load_market
from carprice_assets.releases.prune import plan, prune
from carprice_assets.releases.repair import pointer_problem
from carprice_assets.releases.shadow import read_shadow
from carprice_assets.releases.sharing import size_on_disk
from carprice_assets.releases.store import ReleaseStore
from carprice_assets.releases.valuer import Valuer


def require_market(home: Home, market: str) -> None:
    """Raise a UserError where there is neither a release nor a market of that name.

    The way back must stay open while a market's file is broken or gone.
    """
    if not (home.releases / market).is_dir():
        load_market(home, market)


def release_lines(home: Home, market: str) -> list[str]:
    """One line a release, first staged first; ``*`` marks the champion, and the shadow is named."""
    store = ReleaseStore(home.releases)
    try:
        shadow = read_shadow(store.root, market)
    except UserError as error:
        shadow, broken = None, [f"  {error}"]
    else:
        broken = []
    champion = store.champion(market)
    if problem := pointer_problem(store, market):
        broken.append(f"  {problem}: run carprice releases repair --market {market}")
    lines: list[str] = []
    releases = store.list(market)
    if champion and champion not in {release.id for release in releases}:
        back = f"carprice releases rollback --market {market} --reason TEXT, or restore it"
        lines.append(f"* {champion}  serves by the pointer, but its folder is missing: {back}")
    for release in releases:
        mark = "*" if release.id == champion else " "
        try:
            head, staged = release.head(), release.provenance().staged_at
            told = f"{staged[:19]}  {head.champion:<16} {size_on_disk(release).told}"
            told += ", the shadow" if release.id == shadow else ""
        except UserError as error:
            told = f"damaged: {error}"
        lines.append(f"{mark} {release.id}  {told}")
    return lines + broken or [f"market {market} has no release yet"]


def verify_lines(home: Home, market: str, release_id: str | None) -> tuple[list[str], bool]:
    """One line a problem, or one a whole release; and whether all are whole."""
    store = ReleaseStore(home.releases)
    chosen = [store.open(market, release_id)] if release_id else store.list(market)
    lines: list[str] = []
    sound = True
    champion = store.champion(market)
    if (
        not release_id
        and champion is not None
        and champion not in {release.id for release in store.list(market)}
    ):
        lines.append(f"{champion}  serves by the pointer, but its folder is missing")
        sound = False
    for release in chosen:
        problems = store.verify(release)
        if not problems:
            try:
                Valuer.load(release.path)
            except UserError as error:
                problems = [str(error).removeprefix(f"release {release.id} ")]
        sound = sound and not problems
        lines += [f"{release.id}  {problem}" for problem in problems] or [f"{release.id}  whole"]
    return lines or [f"market {market} has no release yet"], sound


def prune_lines(home: Home, market: str, keep: int, do: bool) -> list[str]:
    """One line a release, newest first; nothing is removed but where ``do`` says so."""
    store = ReleaseStore(home.releases)
    verdicts = (prune if do else plan)(store, market, keep)
    lines = [verdict.line for verdict in verdicts]
    going = sum(not verdict.reason for verdict in verdicts)
    if going and not do:
        lines.append(f"{going} would go; nothing was changed: --yes does it")
    return lines or [f"market {market} has no release yet"]
