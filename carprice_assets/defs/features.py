"""The transformers, one step together, and the feature set that puts them in order."""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from carprice_assets.artifacts import Artifact
from carprice_assets.defs.common import (
    OWNERS,
    check_spec,
    described,
    one_line_failures,
    progress_to,
)
from carprice_assets.defs.markets import market_partitions
from carprice_assets.defs.resources import Platform
from carprice_assets.features.price_leaks import LIMITS
from carprice_assets.features.refits import told
from carprice_assets.features.registry import BY_NAME, NAMES, upstream_of
from carprice_assets.features.training import Encoding, encode, fit_transformer
from carprice_assets.listings.dataset import read_side

GROUP = "features"
KINDS = {"python", "numpy"}
LEAKS_SHOWN = 5


def _spec(name: str) -> dg.AssetSpec:
    return dg.AssetSpec(
        name,
        deps=[dg.AssetKey("dataset"), *(dg.AssetKey(each) for each in upstream_of(name))],
        description=described(BY_NAME[name].__doc__),
        group_name=GROUP,
        kinds=KINDS,
        owners=OWNERS,
        code_version="1",
        skippable=True,
        partitions_def=market_partitions,
    ).with_io_manager_key("artifact_io")


def _list(names: tuple[str, ...]) -> dg.MarkdownMetadataValue:
    return dg.MetadataValue.md("\n".join(f"- `{name}`" for name in names))


@dg.multi_asset(name="transformers", specs=[_spec(name) for name in NAMES], can_subset=True)
def transformers(
    context: dg.AssetExecutionContext, platform: Platform
) -> Iterator[dg.MaterializeResult[Any]]:
    """Each transformer fitted on the training part alone.

    One step for all, since a step costs seconds of process start. A transformer materialized
    alone takes the newest dataset; `feature_set` then refuses the mix and names it.
    """
    market = context.partition_key
    chosen = {key.to_user_string() for key in context.selected_asset_keys}
    with one_line_failures():
        dataset = platform.require("dataset", market)
        train = read_side(dataset.path, "train")
        there = {
            name: found
            for name in NAMES
            if name not in chosen and (found := platform.latest(name, market)) is not None
        }
        for name in NAMES:
            if name not in chosen:
                continue
            fitted = fit_transformer(name, dataset, train, there, platform.artifacts)
            there[name] = fitted.artifact
            context.log.info(f"{name}: {len(fitted.features)} features, {fitted.seconds:.1f} s")
            yield dg.MaterializeResult(
                asset_key=name,
                value=fitted.artifact,
                data_version=dg.DataVersion(fitted.artifact.address),
                metadata={
                    "features": _list(fitted.features),
                    "feature_count": len(fitted.features),
                    "rows": fitted.rows,
                    "seconds": round(fitted.seconds, 2),
                    "bytes": fitted.artifact.size,
                    "dataset": dataset.address,
                },
            )


@dg.asset(
    partitions_def=market_partitions,
    group_name=GROUP,
    kinds=KINDS,
    owners=OWNERS,
    code_version="1",
    io_manager_key="artifact_io",
    ins={"dataset": dg.AssetIn("dataset")},
    deps=[dg.AssetKey(name) for name in NAMES],
    check_specs=[
        check_spec(
            "no_price_leak",
            "feature_set",
            "No single feature tells the price almost exactly: a copy of it, also times a factor"
            " or in other units, is found in the training cars and named.",
            blocking=True,
        ),
        check_spec(
            "encoders_learned_from_training_alone",
            "feature_set",
            "Each transformer is fitted anew on the training part and must come out as it is: one"
            " that has seen another row differs.",
            blocking=True,
        ),
    ],
)
def feature_set(
    context: dg.AssetExecutionContext, platform: Platform, dataset: Artifact
):  # no annotation: Dagster would read it as the types of asset and checks
    """All transformers in order, and the training and validation sides as they encode them.

    Refuses transformers that were fitted on different datasets, or on other upstream states
    than the present ones, and names the odd one: materialize that one again.
    """
    market = context.partition_key
    with one_line_failures():
        states = {name: platform.require(name, market) for name in NAMES}
        training = platform.market(market).training
        encoding = encode(
            states,
            dataset,
            platform.artifacts,
            drop_outliers=training.drop_outliers,
            progress=progress_to(context),
            features_off=training.features_off,
        )
    return dg.MaterializeResult(
        value=encoding.artifact,
        data_version=dg.DataVersion(encoding.artifact.address),
        metadata={
            "features": _list(encoding.features),
            "feature_count": len(encoding.features),
            "transformer_bytes": sum(state.size for state in states.values()),
            "features_off": list(training.features_off),
            "training_outliers": encoding.outliers,
            "training_rows_dropped": encoding.dropped,
            "dataset": dataset.address,
        },
        check_results=_checks(encoding),
    )


def _checks(encoding: Encoding) -> list[dg.AssetCheckResult]:
    leaks, foreign = encoding.leaks, encoding.foreign
    said = "; ".join(leak.line for leak in leaks[:LEAKS_SHOWN]) or "no feature tells the price"
    if leaks:
        said += ": take it out of the market's sources, or name it in training.features_off"
    return [
        dg.AssetCheckResult(
            check_name="no_price_leak",
            asset_key="feature_set",
            passed=not leaks,
            description=said,
            metadata={
                "features": sorted({leak.feature for leak in leaks}),
                "shares": {f"{leak.feature}, {leak.kind}": leak.share for leak in leaks},
                "limits": dict(LIMITS),
            },
        ),
        dg.AssetCheckResult(
            check_name="encoders_learned_from_training_alone",
            asset_key="feature_set",
            passed=not foreign,
            description=told(foreign),
            metadata={"transformers": list(foreign)},
        ),
    ]
