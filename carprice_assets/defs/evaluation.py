"""A report for each regressor, and the leaderboard that puts them side by side."""

import dagster as dg

from carprice_assets.artifacts import Artifact
from carprice_assets.defs.common import OWNERS, data_address, one_line_failures
from carprice_assets.defs.markets import market_partitions
from carprice_assets.defs.resources import Platform
from carprice_assets.evaluation.reporting import board_of, report_on
from carprice_assets.regressors.registry import ALL


def report_name(regressor: str) -> str:
    """The asset that judges ``regressor``."""
    return f"{regressor}_report"


def _report_of(name: str) -> dg.AssetsDefinition:
    @dg.asset(
        name=report_name(name),
        partitions_def=market_partitions,
        group_name="evaluation",
        kinds={"python", "markdown"},
        owners=OWNERS,
        code_version="1",
        description=(
            f"`{name}` on the whole hold-out, nothing removed: R2, RMSE, MAE, MAPE, median error"
            " and R2 of the log price with intervals, per stock type, make, price band and age,"
            " beside the naive valuation; coverage and width of its ranges, its behaviour, its"
            " worst cases, its costs, its search, its pictures."
        ),
        io_manager_key="artifact_io",
        ins={
            "regressor": dg.AssetIn(name),
            "feature_set": dg.AssetIn("feature_set"),
            "dataset": dg.AssetIn("dataset"),
        },
    )
    def report(
        context: dg.AssetExecutionContext,
        platform: Platform,
        regressor: Artifact,
        feature_set: Artifact,
        dataset: Artifact,
    ) -> dg.MaterializeResult[Artifact]:
        with one_line_failures():
            reported = report_on(
                name,
                platform.market(context.partition_key),
                dataset=dataset,
                feature_set=feature_set,
                regressor=regressor,
                store=platform.artifacts,
            )
        return dg.MaterializeResult(
            value=reported.artifact,
            data_version=dg.DataVersion(reported.artifact.address),
            metadata={
                "headline": reported.report.headline(),
                "report": dg.MetadataValue.md(
                    reported.report.to_markdown(
                        {title: data_address(png) for title, png in reported.pictures.items()}
                    )
                ),
                **{name: float(f"{it:.4g}") for name, it in reported.report.costs.items()},
            },
        )

    return report


@dg.asset(
    partitions_def=market_partitions,
    group_name="evaluation",
    kinds={"python", "markdown"},
    owners=OWNERS,
    code_version="1",
    io_manager_key="artifact_io",
    ins={"feature_set": dg.AssetIn("feature_set")},
    deps=[dg.AssetKey(report_name(name)) for name in ALL],
)
def leaderboard(
    context: dg.AssetExecutionContext, platform: Platform, feature_set: Artifact
) -> dg.MaterializeResult[Artifact]:
    """All regressors of the present feature set side by side, and which one is put forward.

    The challenger is the one with the least error on *validation*; the hold-out has no say in
    the choice. Reports of an earlier feature set are left out and named.
    """
    with one_line_failures():
        found = {n: platform.latest(report_name(n), context.partition_key) for n in ALL}
        board = board_of(found, feature_set.address, platform.artifacts)
    return dg.MaterializeResult(
        value=board.artifact,
        data_version=dg.DataVersion(board.artifact.address),
        metadata={
            "leaderboard": dg.MetadataValue.md(board.markdown),
            "challenger": board.challenger,
            "left_out": ", ".join(board.left_out) or "none",
        },
    )


@dg.definitions
def evaluation() -> dg.Definitions:
    """One report a regressor, and the leaderboard."""
    return dg.Definitions(assets=[*(_report_of(name) for name in ALL), leaderboard])
