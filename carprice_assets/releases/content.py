"""Writing the content folder of a release from its parts."""

from __future__ import annotations

import math
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from carprice_assets.errors import UserError
from carprice_assets.features.limits import Limits
from carprice_assets.files import canonical_json
from carprice_assets.listings.contract import BY_NAME, FIELDS, Field
from carprice_assets.markets.features import (
    DeclaredFeature,
    features_from_json,
    features_to_json,
)
from carprice_assets.markets.market import Market
from carprice_assets.releases.comparables import Comparables
from carprice_assets.releases.engine import FEATURES, REGRESSORS, Engine, Parts, own_parts
from carprice_assets.releases.golden import Golden
from carprice_assets.releases.head import Head
from carprice_assets.releases.manifest import regular_files
from carprice_assets.releases.strict import check_format
from carprice_assets.releases.vehicles import Hashes, write_vehicles

FIGURES_FORMAT = 1
DETECTOR = "bargains"
"""Folder of the bargain detector's serving form, where a release carries one."""
SCHEMA_FORMAT = 2
"""The second has features of the market's own; without any, the first is written."""


def build_content(
    folder: Path,
    *,
    market: Market,
    dataset: Mapping[str, Any],
    feature_set_folder: Path,
    regressors: Mapping[str, Path],
    champion: str,
    golden: Sequence[Mapping[str, Any]],
    figures: Mapping[str, Any],
    vehicles: Hashes,
    features: Sequence[DeclaredFeature] = (),
    comparables: Comparables | None = None,
    parts: Parts | None = None,
    detector: Path | None = None,
) -> None:
    """Fill ``folder``; equal parts give equal bytes.

    Parameters
    ----------
    folder
        Empty; the store's ``build`` callback gets it.
    dataset
        ``address`` (of the dataset artifact), ``last_observed`` (ISO date), and what else
        names the data; JSON.
    feature_set_folder
        What ``FeatureSet.save`` wrote.
    regressors
        Name to serving folder (with ``form.json``) of each regressor carried.
    champion
        The regressor that answers, one of ``regressors``.
    golden
        Cars in business form, see :func:`~carprice_assets.releases.golden.golden_cars`. Their
        prices are computed from the folder as written.
    figures
        Regressor to its deterministic figures; JSON.
    vehicles
        Hashes of the vehicles used in fitting, early stopping and calibration.
    features
        Those of the market's own, as declared when the dataset was made.
    comparables
        The listings learned from, for answers that show some.
    parts
        Readers; the platform's own by default.
    detector
        Folder of a bargain detector's serving form, fitted on the same feature set.

    Raises
    ------
    UserError
        Where a part is missing or a golden car gets no price.
    """
    if set(figures) != set(regressors):
        odd = min(set(figures) ^ set(regressors))
        raise UserError(f"release of {market.name}: {odd} has figures or a serving form, not both")
    if len(vehicles) == 0:
        raise UserError(f"release of {market.name}: no vehicle that it learned from")
    table = {
        "format": 1,
        "market": market.name,
        "currency": market.currency,
        "distance": market.distance,
        "champion": champion,
        "regressors": sorted(regressors),
        "data": dict(dataset) | {"salt": market.split.salt},
    }
    head = Head.parse(table, f"release of {market.name}")
    (folder / "release.json").write_bytes(head.to_bytes())
    (folder / "schema.json").write_bytes(canonical_json(schema(features)))
    _copy(feature_set_folder, folder / FEATURES)
    for name, source in regressors.items():
        _copy(source, folder / REGRESSORS / name)
    if detector is not None:
        _copy(detector, folder / DETECTOR)
    write_vehicles(folder, vehicles)
    if comparables is not None:
        comparables.save(folder)
    (folder / "figures.json").write_bytes(
        canonical_json({"format": FIGURES_FORMAT, "regressors": dict(figures)})
    )
    engine = Engine.open(folder, head, parts or own_parts(head.currency, features))
    if parts is None:
        _check_answering(folder, engine)
    cases = Golden.of(engine, golden, head.last_observed)
    (folder / "golden.json").write_bytes(cases.to_bytes())


def schema(features: Sequence[DeclaredFeature] = ()) -> dict[str, Any]:
    """All fields of a listing in order, as ``schema.json`` keeps them, and the market's own."""
    table: dict[str, Any] = {"format": 1, "fields": [_field(field) for field in FIELDS]}
    if features:
        table |= {"format": SCHEMA_FORMAT, "features": features_to_json(features)}
    return table


def check_schema(table: dict[str, Any], where: str) -> tuple[DeclaredFeature, ...]:
    """Refuse a release that learned from fields which this program reads otherwise.

    Returns
    -------
    tuple
        The features of the market's own, as declared when the release was made.

    Raises
    ------
    UserError
        Naming the field.
    """
    check_format(table, SCHEMA_FORMAT, where)
    for entry in table.get("fields", []):
        if not entry["feature"]:
            continue
        known = BY_NAME.get(entry["name"])
        if known is None or not known.feature or _field(known) != entry:
            raise UserError(f"{where}: field {entry['name']!r} means something else here")
    return features_from_json(table.get("features", []), where)


def _field(field: Field) -> dict[str, Any]:
    return {
        "name": field.name,
        "kind": field.kind,
        "unit": field.unit,
        "low": field.low if math.isfinite(field.low) else None,
        "high": field.high if math.isfinite(field.high) else None,
        "required": field.required,
        "feature": field.feature,
        "values": list(field.values),
    }


def _check_answering(folder: Path, engine: Engine) -> None:
    """Refuse content whose answers would lack order, ranges or the unsupported verdict."""
    if Limits.load(folder / FEATURES) is None:
        raise UserError("the feature set has no limits: materialize feature_set again")
    for name, predictor in engine.predictors.items():
        if predictor.order is None or predictor.spread is None:
            raise UserError(f"{name} has no order guard or no ranges: materialize {name} again")


def _copy(source: Path, target: Path) -> None:
    if not source.is_dir():
        raise UserError(f"{source} is missing: materialize its asset again")
    for name in regular_files(source):
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source / name, target / name)
