"""The transformers, one step together, and the feature set that puts them in order."""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from carprice_assets.artifacts import Artifact
from carprice_assets.defs.common import OWNERS, described, one_line_failures, progress_to
from carprice_assets.defs.markets import market_partitions
from carprice_assets.defs.resources import Platform
from carprice_assets.features.registry import BY_NAME, NAMES, upstream_of
from carprice_assets.features.training import encode, fit_transformer
from carprice_assets.listings.dataset import read_side

GROUP = "features"
KINDS = {"python", "numpy"}


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
)
def feature_set(
    context: dg.AssetExecutionContext, platform: Platform, dataset: Artifact
) -> dg.MaterializeResult[Any]:
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
    )
