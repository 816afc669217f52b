"""From a market's warehouse and champion to its list of bargains."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from carprice_assets.artifacts import ArtifactStore
from carprice_assets.bargains.current import Current, read_current, read_payloads
from carprice_assets.bargains.detector import Detector
from carprice_assets.bargains.ranking import Ranked, Work, rank
from carprice_assets.bargains.valuing import (
    Valued,
    feature_names,
    notes_of,
    unseen_of,
    value_offers,
)
from carprice_assets.errors import UserError
from carprice_assets.listings.contract import from_days, row_count
from carprice_assets.listings.declared import declared_alike
from carprice_assets.markets import Market
from carprice_assets.releases.content import DETECTOR
from carprice_assets.releases.valuer import Valuer

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    import duckdb

    Connect = Callable[[str], AbstractContextManager[duckdb.DuckDBPyConnection]]


def make_list(
    connect: Connect, market: Market, valuer: Valuer, store: ArtifactStore
) -> dict[str, Any]:
    """The content of a list, ready to be published, in JSON types.

    ``connect`` opens the warehouse for a short batch; between the batches it is free.

    Raises
    ------
    UserError
        Where the market has no listings, or its champion values in another currency.
    """
    if valuer.currency != market.currency:
        raise UserError(
            f"market {market.name} asks in {market.currency}, its champion values in"
            f" {valuer.currency}: train again"
        )
    with connect(f"current offers of {market.name}") as con:
        current = read_current(con, market)
    detector = detector_of(valuer)
    ranked = rank(_work(connect, market, valuer, store, current, detector))
    return {
        "market": market.name,
        "currency": market.currency,
        "distance": market.distance,
        "day": from_days(current.day).isoformat(),
        "release": valuer.release_id,
        "regressor": valuer.champion,
        "coverage": valuer.engine.predictor(None).coverage,
        "direction": list(detector.direction.texts) if detector else [],
        "autoencoders": sorted(detector.members) if detector else [],
        "stale_days": market.bargains.stale_days,
        "offers": ranked.offers,
        "unvalued": ranked.unvalued,
        "bargains": list(ranked.bargains),
        "apart": list(ranked.apart),
    }


def detector_of(valuer: Valuer) -> Detector | None:
    """The detector that a release carries; None where it carries none.

    Raises
    ------
    UserError
        Where it was fitted on other features than the release has.
    """
    detector = Detector.load(valuer.content / DETECTOR)
    if detector and detector.feature_names != feature_names(valuer):
        raise UserError(f"release {valuer.release_id}: its detector reads other features")
    return detector


def _work(
    connect: Connect,
    market: Market,
    valuer: Valuer,
    store: ArtifactStore,
    current: Current,
    detector: Detector | None,
) -> Work:
    def payloads(row_hashes: Any) -> dict[str, str]:
        if not row_hashes:
            return {}
        with connect(f"pages of offers of {market.name}") as con:
            return read_payloads(con, market.name, row_hashes)

    unseen = unseen_of(valuer, store)
    return Work(
        market,
        current,
        value_offers(valuer, market, current.offers, current.day, unseen),
        detector,
        lambda columns: notes_of(valuer, market, columns, current.day),
        payloads,
        _rejected(valuer, market, current),
        _own(valuer, market),
    )


def _own(valuer: Valuer, market: Market) -> tuple[str, ...]:
    """The market's own features that the release knows in the same kind and unit."""
    columns = {each.name: np.empty(0) for each in market.features}
    known = {each.name for each in valuer.features}
    return tuple(n for n in declared_alike(columns, market.features, valuer.features) if n in known)


def _rejected(valuer: Valuer, market: Market, current: Current) -> Valued:
    if row_count(current.rejected):
        return value_offers(valuer, market, current.rejected, current.day)
    nothing = np.empty(0)
    matrix = np.empty((0, len(feature_names(valuer))), np.float32)
    return Valued(nothing, nothing, nothing, matrix, np.empty(0, np.bool_))


__all__ = ["Ranked", "detector_of", "make_list"]
