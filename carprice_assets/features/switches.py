"""Features that a market switches off: by transformer, or one by one."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Mapping, Sequence

from carprice_assets.errors import UserError
from carprice_assets.features.make_encoder import MakeEncoder
from carprice_assets.features.market_features import MarketFeatures
from carprice_assets.features.model_hasher import ModelHasher
from carprice_assets.features.outlier_detector import OutlierDetector
from carprice_assets.features.registry import MATRIX, NAMES, create

OPEN: Mapping[str, str] = {
    MakeEncoder.name: "make_",
    ModelHasher.name: "model_hash_",
    MarketFeatures.name: "market.",
}
"""Transformers whose features depend on the listings, and how the features' names begin."""
UNSEEN: frozenset[str] = frozenset(OutlierDetector().feature_names)
"""Features that are in a report alone."""


def check(off: Iterable[str], where: str, declared: Collection[str] | None = None) -> None:
    """Refuse names that can be no transformer's and no feature's, whatever the listings are.

    ``declared`` are the names of the market's own features, None where they are not known.

    Raises
    ------
    UserError
        Naming the first; ``where`` begins its line.
    """
    of_matrix = {name: () if name in OPEN else create(name).feature_names for name in MATRIX}
    fixed = [feature for features in of_matrix.values() for feature in features]
    own = OPEN[MarketFeatures.name]
    known = tuple(f"{own}{name}" for name in declared or ())
    for name in off:
        if declared is not None and name.startswith(own):
            if not any(name == each or name.startswith(f"{each}.") for each in known):
                _require(name, of_matrix, [*fixed, *known], where)
        elif name not in of_matrix and not name.startswith(tuple(OPEN.values())):
            _require(name, of_matrix, [*fixed, *known], where)


def check_features(names: Iterable[str], where: str) -> None:
    """Refuse names that can be no single feature's, whatever the listings are.

    Raises
    ------
    UserError
        Naming the first; ``where`` begins its line.
    """
    fixed = [each for n in MATRIX if n not in OPEN for each in create(n).feature_names]
    for name in names:
        if name not in fixed and not name.startswith(tuple(OPEN.values())):
            near = difflib.get_close_matches(name, fixed, n=1)
            hint = f": did you mean {near[0]!r}?" if near else ""
            raise UserError(f"{where}: no feature is called {name!r}{hint}")


def switched_off(
    off: Sequence[str], features: Mapping[str, Sequence[str]], where: str = "features_off"
) -> frozenset[str]:
    """The single features that ``off`` names.

    Parameters
    ----------
    off
        Names of transformers or of features.
    features
        The names of each transformer's features, for all of the matrix.

    Raises
    ------
    UserError
        For a name that is neither.
    """
    every = [name for names in features.values() for name in names]
    found: set[str] = set()
    for name in off:
        if name in features:
            found |= set(features[name])
            continue
        _require(name, features, every, where)
        found.add(name)
    return frozenset(found)


def _require(name: str, transformers: Collection[str], features: Sequence[str], where: str) -> None:
    """Raise a UserError, with what is spelled alike, unless ``name`` is a feature."""
    if name in features:
        return
    if name in NAMES or name in UNSEEN:
        raise UserError(f"{where}: regressors see nothing of {name}: it cannot be switched off")
    own = f"{OPEN[MarketFeatures.name]}{name}"
    near = [own] if own in features else []
    near = near or difflib.get_close_matches(name, [*transformers, *features], n=1)
    hint = f": did you mean {near[0]!r}?" if near else ""
    raise UserError(f"{where}: no transformer or feature is called {name!r}{hint}")
