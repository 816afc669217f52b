"""One asset a regressor, each a step of its own."""

import dagster as dg

from carprice_assets.artifacts import Artifact
from carprice_assets.defs.common import (
    OWNERS,
    check_spec,
    described,
    one_line_failures,
    picture,
    progress_to,
)
from carprice_assets.defs.markets import market_partitions
from carprice_assets.defs.pools import TRAINING_POOL
from carprice_assets.defs.resources import Platform
from carprice_assets.evaluation import plots
from carprice_assets.regressors.ensemble import Ensemble
from carprice_assets.regressors.registry import ALL, REGRESSORS
from carprice_assets.regressors.training import Encoded, fit_regressor, members_of

KINDS = {
    "random_forest": "scikitlearn",
    "automl": "lightgbm",
    "tensorflow_network": "tensorflow",
    "pytorch_network": "pytorch",
}


class TrainingConfig(dg.Config):
    """How to fit one regressor."""

    trials: int = 0
    """Optuna trials on the validation side, those of earlier searches on the same features
    included; 0 takes the defaults, which are good, or as many trials as `minutes` allow."""

    minutes: float = 0.0
    """Minutes after which no further trial is begun; 0 for no limit. With a limit the same data
    need not give the same regressor."""


def _asset_of(name: str) -> dg.AssetsDefinition:
    @dg.asset(
        name=name,
        partitions_def=market_partitions,
        group_name="regressors",
        kinds={KINDS.get(name, "python")},
        pool=TRAINING_POOL,
        owners=OWNERS,
        code_version="1",
        description=(
            f"{described(ALL[name].__doc__)}\n\nFitted on the training part, stopped"
            " or searched on validation; keeps its serving form, which needs no framework that"
            " trains. Set `trials`, `minutes` or both in the run config to search with"
            " Optuna; a search that was killed goes on where it was."
        ),
        io_manager_key="artifact_io",
        ins={"feature_set": dg.AssetIn("feature_set")},
        deps=[dg.AssetKey(each) for each in REGRESSORS] if name == Ensemble.name else None,
        check_specs=[
            check_spec(
                "overfit_guard",
                name,
                "Validation error of the log price against the training error: a gap above the"
                " market's limit is shown as a warning, and the hold-out decides.",
                blocking=False,
            ),
            check_spec(
                "serving_form_parity",
                name,
                "The serving form gives the framework's prices on 1,000 validation cars.",
                blocking=True,
            ),
        ],
    )
    def regressor(
        context: dg.AssetExecutionContext,
        config: TrainingConfig,
        platform: Platform,
        feature_set: Artifact,
    ):  # no annotation: Dagster would read it as the types of asset and checks
        with one_line_failures():
            market = platform.market(context.partition_key)
            members: dict[str, Artifact] = {}
            if name == Ensemble.name:
                found = {each: platform.latest(each, market.name) for each in REGRESSORS}
                members = members_of(found, feature_set.address)
            fitted = fit_regressor(
                name,
                Encoded.open(feature_set),
                platform.artifacts,
                seed=market.training.seed,
                trials=config.trials,
                minutes=config.minutes,
                progress=progress_to(context),
                parameters=market.regressors.get(name),
                coverage=market.ranges.coverage,
                members=members,
            )
        limit, parity = market.training.overfit_limit, market.promotion.max_serving_difference
        pictures = {"importances": picture(plots.importances(fitted.importances), "importances")}
        if any(fitted.curves.values()):
            pictures["training_curves"] = picture(
                plots.training_curves(fitted.curves), "training curves"
            )
        if fitted.search:
            pictures["search"] = picture(plots.search_history(fitted.search["trials"]), "search")
        return dg.MaterializeResult(
            value=fitted.artifact,
            data_version=dg.DataVersion(fitted.artifact.address),
            metadata={
                "seconds": round(fitted.seconds, 1),
                "peak_memory_mb": round(fitted.memory),
                "bytes": fitted.artifact.size,
                "parameters": dg.MetadataValue.json(dict(fitted.parameters)),
                "feature_set": feature_set.address,
                **pictures,
            },
            check_results=[
                dg.AssetCheckResult(
                    check_name="overfit_guard",
                    asset_key=name,
                    passed=fitted.gap <= limit,
                    severity=dg.AssetCheckSeverity.WARN,
                    description=(
                        f"validation error {fitted.validation_error:.4g} against training error"
                        f" {fitted.train_error:.4g}: {fitted.gap:.0%} above,"
                        f" the limit is {limit:.0%}"
                    ),
                    metadata={
                        "train_error": fitted.train_error,
                        "validation_error": fitted.validation_error,
                        "gap": fitted.gap,
                        "limit": limit,
                    },
                ),
                dg.AssetCheckResult(
                    check_name="serving_form_parity",
                    asset_key=name,
                    passed=fitted.serving_difference <= parity,
                    metadata={"difference": fitted.serving_difference, "limit": parity},
                ),
            ],
        )

    return regressor


@dg.definitions
def regressors() -> dg.Definitions:
    """One asset for each entry of the registry."""
    return dg.Definitions(assets=[_asset_of(name) for name in ALL])
