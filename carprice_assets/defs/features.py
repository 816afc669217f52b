"""The transformers, one step together, and the feature set that puts them in order."""

from collections.abc import Iterator

import dagster as dg

from carprice_assets.artifacts import Artifact
from carprice_assets.defs.common import OWNERS, one_line_failures, progress_to
from carprice_assets.defs.markets import market_partitions
from carprice_assets.defs.resources import Platform
from carprice_assets.features.assembly import (
    encode_sides,
    fit_transformer,
    upstream_of,
)
from carprice_assets.features.feature_set import FeatureSet
from carprice_assets.features.registry import TRANSFORMERS

DATASET = dg.AssetKey("dataset")


def _spec(transformer: type) -> dg.AssetSpec:
    return dg.AssetSpec(
        transformer.name,
        deps=[DATASET, *(dg.AssetKey(name) for name in upstream_of(transformer))],
        description=transformer.__doc__,
        group_name="features",
        kinds={"python", "numpy"},
        owners=OWNERS,
        code_version="1",
        skippable=True,
        partitions_def=market_partitions,
    ).with_io_manager_key("artifact_io")


@dg.multi_asset(
    name="transformers",
    specs=[_spec(transformer) for transformer in TRANSFORMERS],
    can_subset=True,
)
def transformers(
    context: dg.AssetExecutionContext, platform: Platform
) -> Iterator[dg.MaterializeResult[Artifact]]:
    """Each transformer fitted on the training part alone.

    One step for all, since a step costs seconds of process start. A transformer materialized
    alone takes the newest dataset; `feature_set` then refuses the mix and names it.
    """
    market = context.partition_key
    chosen = {key.to_user_string() for key in context.selected_asset_keys}
    with one_line_failures():
        dataset = platform.require("dataset", market)
        folders = {
            t.name: found
            for t in TRANSFORMERS
            if t.name not in chosen and (found := platform.latest(t.name, market))
        }
        for transformer in TRANSFORMERS:
            if transformer.name not in chosen:
                continue
            fitted = fit_transformer(
                transformer, dataset, folders, platform.artifacts, progress_to(context)
            )
            folders[transformer.name] = fitted.artifact
            yield dg.MaterializeResult(
                asset_key=transformer.name,
                value=fitted.artifact,
                data_version=dg.DataVersion(fitted.artifact.address),
                metadata={
                    "features": dg.MetadataValue.md("\n".join(f"- {n}" for n in fitted.features)),
                    "feature_count": len(fitted.features),
                    "rows": fitted.rows,
                    "seconds": fitted.seconds,
                    "bytes": fitted.artifact.size,
                    "dataset": dataset.address,
                },
            )


@dg.asset(
    partitions_def=market_partitions,
    group_name="features",
    kinds={"python", "numpy"},
    owners=OWNERS,
    code_version="1",
    io_manager_key="artifact_io",
    ins={"dataset": dg.AssetIn("dataset")},
    deps=[dg.AssetKey(t.name) for t in TRANSFORMERS],
)
def feature_set(
    context: dg.AssetExecutionContext, platform: Platform, dataset: Artifact
) -> dg.MaterializeResult[Artifact]:
    """All transformers in order, and the training and validation sides as they encode them.

    Refuses transformers that were fitted on different datasets, or on upstream states other
    than the present ones, and names the odd one: materialize that one again.
    """
    market = context.partition_key
    with one_line_failures():
        folders = {t.name: platform.require(t.name, market).path for t in TRANSFORMERS}
        addresses = {t.name: platform.require(t.name, market).address for t in TRANSFORMERS}
        features = FeatureSet.assemble(folders, addresses, dataset=dataset.address)
        artifact = platform.artifacts.put(
            lambda folder: encode_sides(folder, features, dataset, progress_to(context))
        )
    return dg.MaterializeResult(
        value=artifact,
        data_version=dg.DataVersion(artifact.address),
        metadata={
            "features": dg.MetadataValue.md("\n".join(f"- {n}" for n in features.feature_names)),
            "feature_count": len(features.feature_names),
            "transformer_bytes": sum(platform.require(t.name, market).size for t in TRANSFORMERS),
            "bytes": artifact.size,
            "dataset": dataset.address,
        },
    )
