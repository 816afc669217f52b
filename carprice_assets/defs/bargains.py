"""Bargains: the autoencoders, the detector made of them, the list, and its announcement."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import dagster as dg

from carprice_assets.artifacts import Artifact
from carprice_assets.bargains.announcing import line, new_bargains, post, remember
from carprice_assets.bargains.autoencoders import DOCS, KINDS
from carprice_assets.bargains.backtest import follow
from carprice_assets.bargains.making import detector_of, make_list
from carprice_assets.bargains.published import FOLDER, BargainList, history, present, publish
from carprice_assets.bargains.rules import Reconstruction, judge
from carprice_assets.bargains.training import fit_autoencoder
from carprice_assets.bargains.weighing import deployed_errors, fit_detector
from carprice_assets.defs.bargain_facts import (
    autoencoder_checks,
    detector_checks,
    list_checks,
    list_facts,
    reconstruction_facts,
)
from carprice_assets.defs.common import (
    OWNERS,
    check_spec,
    one_line_failures,
    picture,
    progress_to,
)
from carprice_assets.defs.markets import market_partitions
from carprice_assets.defs.resources import Platform, WarehouseResource
from carprice_assets.errors import UserError
from carprice_assets.evaluation import plots
from carprice_assets.evaluation.reporting import read_board
from carprice_assets.features.feature_set import FeatureSet
from carprice_assets.home import Home
from carprice_assets.listings.dataset import read_side
from carprice_assets.markets import load_markets
from carprice_assets.regressors.training import Encoded
from carprice_assets.releases.engine import FEATURES
from carprice_assets.releases.store import ReleaseStore
from carprice_assets.releases.valuer import Valuer

GROUP = "bargains"
PARITY_LIMIT = 1e-3
"""Standard deviations that torch and the serving form may differ by."""


def _champion(platform: Platform, market: str) -> Valuer | None:
    store = platform.releases
    serving = store.champion(market)
    return None if serving is None else Valuer.load(store.open(market, serving).path)


def _deployed(
    platform: Platform, market: str, dataset: str, warn: Callable[[str], None]
) -> dict[str, Reconstruction]:
    """Errors of the deployed detector's autoencoders on the present hold-out.

    A detector that cannot be read, of an older format say, is told and compared with no more:
    it would otherwise stop the very training that replaces it.
    """
    valuer = _champion(platform, market)
    if valuer is None:
        return {}
    try:
        detector = detector_of(valuer)
    except UserError as error:
        warn(f"compared with no deployed detector: {error}")
        return {}
    if detector is None:
        return {}
    holdout = read_side(platform.artifacts.get(dataset).path, "holdout")
    return deployed_errors(detector, FeatureSet.load(valuer.content / FEATURES), holdout)


def _autoencoder(name: str) -> dg.AssetsDefinition:
    @dg.asset(
        name=name,
        partitions_def=market_partitions,
        group_name=GROUP,
        kinds={"pytorch"},
        owners=OWNERS,
        code_version="1",
        description=(
            f"{DOCS[name]}\n\nLearns the encoded listings with their prices; a bargain is an offer"
            " whose signed errors are near the market's reference direction: by default a price"
            " lower than the rest implies, all else as expected. Fitted on the training part,"
            " stopped on validation; keeps its serving form, which needs no torch."
        ),
        io_manager_key="artifact_io",
        ins={"feature_set": dg.AssetIn("feature_set")},
        check_specs=autoencoder_checks(name),
    )
    def autoencoder(
        context: dg.AssetExecutionContext, platform: Platform, feature_set: Artifact
    ):  # no annotation: Dagster would read it as the types of asset and checks
        with one_line_failures():
            market = platform.market(context.partition_key)
            encoded = Encoded.open(feature_set)
            fitted = fit_autoencoder(
                name,
                encoded,
                platform.artifacts,
                rules=market.bargains,
                seed=market.training.seed,
                progress=progress_to(context),
            )
            deployed = _deployed(platform, market.name, encoded.dataset, context.log.warning)
        verdict = judge(fitted.reconstruction, deployed.get(name), market.bargains)
        return dg.MaterializeResult(
            value=fitted.artifact,
            data_version=dg.DataVersion(fitted.artifact.address),
            metadata={
                "seconds": round(fitted.seconds, 1),
                "bytes": fitted.artifact.size,
                "parameters": dg.MetadataValue.json(dict(fitted.parameters)),
                "feature_set": feature_set.address,
                "training_curves": picture(plots.training_curves(fitted.curves), "training curves"),
                **reconstruction_facts(fitted.reconstruction),
            },
            check_results=[
                dg.AssetCheckResult(
                    check_name="reconstruction_limits",
                    asset_key=name,
                    passed=verdict.passed,
                    severity=(
                        dg.AssetCheckSeverity.ERROR
                        if verdict.broken
                        else dg.AssetCheckSeverity.WARN
                    ),
                    description=verdict.line,
                    metadata={
                        "total": fitted.reconstruction.total,
                        "price": fitted.reconstruction.price,
                        "limit_total": market.bargains.max_reconstruction,
                        "limit_price": market.bargains.max_price_error,
                    },
                ),
                dg.AssetCheckResult(
                    check_name="serving_form_parity",
                    asset_key=name,
                    passed=fitted.serving_difference <= PARITY_LIMIT,
                    metadata={"difference": fitted.serving_difference, "limit": PARITY_LIMIT},
                ),
            ],
        )

    return autoencoder


@dg.asset(
    partitions_def=market_partitions,
    group_name=GROUP,
    kinds={"numpy"},
    owners=OWNERS,
    code_version="1",
    io_manager_key="artifact_io",
    ins={"feature_set": dg.AssetIn("feature_set"), "leaderboard": dg.AssetIn("leaderboard")},
    deps=[dg.AssetKey(name) for name in KINDS],
    check_specs=[
        check_spec(
            "finds_planted_bargains",
            "bargain_detector",
            "Of calibration cars whose prices were lowered, the combination finds as many as the"
            " best single way, or nearly.",
            blocking=False,
        )
    ],
)
def bargain_detector(
    context: dg.AssetExecutionContext,
    platform: Platform,
    feature_set: Artifact,
    leaderboard: Artifact,
):  # no annotation: Dagster would read it as the types of asset and checks
    """The residual in its range and the autoencoders that pass, weighed on validation.

    Asks the same rules as the check `reconstruction_limits` of each autoencoder, so that one
    that broke them takes no part, also when this is launched alone. The challenger carries it.
    """
    name = context.partition_key
    with one_line_failures():
        market = platform.market(name)
        encoded = Encoded.open(feature_set)
        regressor = read_board(leaderboard).challenger
        fitted = fit_detector(
            {each: platform.require(each, name) for each in KINDS},
            regressor,
            platform.require(regressor, name).path / "serving",
            encoded,
            platform.artifacts,
            rules=market.bargains,
            deployed=_deployed(platform, name, encoded.dataset, context.log.warning),
            seed=market.training.seed,
            progress=progress_to(context),
        )
    return dg.MaterializeResult(
        value=fitted.artifact,
        data_version=dg.DataVersion(fitted.artifact.address),
        metadata={
            "seconds": round(fitted.seconds, 1),
            "bytes": fitted.artifact.size,
            "regressor": regressor,
            "autoencoders": ", ".join(fitted.members) or "none",
            "left_out": "; ".join(f"{n}: {why}" for n, why in fitted.left_out.items()) or "none",
            "weights": dg.MetadataValue.json(dict(fitted.weights)),
            "precision": dg.MetadataValue.json(dict(fitted.precision)),
        },
        check_results=detector_checks(fitted.precision),
    )


@dg.asset(
    partitions_def=market_partitions,
    group_name=GROUP,
    kinds={"json"},
    owners=OWNERS,
    code_version="1",
    deps=["listings", "price_history", "champion"],
    output_required=False,
    check_specs=[
        check_spec(
            "list_keeps_its_word",
            "bargains",
            "Every bargain of the published list is below its range, saves what the market asks,"
            " has no grave doubt, and stands there once.",
            blocking=False,
        )
    ],
)
def bargains(
    context: dg.AssetExecutionContext, platform: Platform, warehouse: WarehouseResource
) -> Iterator[Any]:
    """Current offers that cost less than they should, the best first, and those set apart.

    Published as a small file that never changes, with a pointer, below `releases/`: the service
    answers from it. Cars that the champion has learned from are valued by the fit that had not
    seen them. Past lists are followed through the scrapes since.
    """
    name = context.partition_key
    tell = progress_to(context)
    with one_line_failures():
        market = platform.market(name)
        valuer = _champion(platform, name)
        if valuer is None:
            tell(f"market {name} has no champion yet: no list")
            # The check's output is not optional, though the asset's is.
            yield dg.AssetCheckResult(
                check_name="list_keeps_its_word",
                asset_key="bargains",
                passed=True,
                description="no champion yet: no list",
            )
            return

        def connect(what: str) -> Any:
            return warehouse.get_connection(what, tell)

        content = make_list(connect, market, valuer, platform.artifacts)
        found = publish(platform.releases, name, content)
        with connect(f"past lists of {name}") as connection:
            proof = follow(connection, name, history(platform.home.releases, name))
    tell(f"{len(found.bargains)} bargains of {content['offers']:,} offers, list {found.id}")
    yield dg.MaterializeResult(
        asset_key="bargains",
        data_version=dg.DataVersion(found.id),
        metadata=list_facts(found, proof),
        check_results=list_checks(found, market.bargains.min_saving),
    )


@dg.sensor(
    minimum_interval_seconds=60,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Announces new bargains once each: in its log, and to the market's"
    " `bargains.webhook` where it has one. A webhook that fails is tried again at the next tick.",
)
def announce_bargains(context: dg.SensorEvaluationContext) -> dg.SkipReason:
    """Looks at the published lists alone; the cursor keeps which were seen through."""
    home = Home.current()
    seen: dict[str, str] = json.loads(context.cursor or "{}")
    told: list[str] = []
    markets, _ = load_markets(home)
    for name, market in sorted(markets.items()):
        try:
            found = present(home.releases, name)
            if found is None or seen.get(name) == found.id:
                continue
            told.append(_announce(context, home, found, market.bargains.webhook))
            seen[name] = found.id
        except (UserError, OSError) as error:
            context.log.warning(f"{name}: {error}")
            told.append(f"{name}: {error}")
    context.update_cursor(json.dumps(seen, sort_keys=True))
    return dg.SkipReason("; ".join(told) or "no new list")


def _announce(
    context: dg.SensorEvaluationContext, home: Home, found: BargainList, webhook: str
) -> str:
    market = str(found.content["market"])
    folder = ReleaseStore(home.releases).root / market / FOLDER
    entries = new_bargains(folder, found)
    if entries and webhook:
        post(webhook, found, entries)
    if entries:
        remember(folder, entries)
    for entry in entries:
        context.log.info(f"{market}: {line(entry, found.content['currency'])}")
    return f"{market}: {len(entries)} new bargains of {len(found.bargains)}"


@dg.definitions
def bargain_assets() -> dg.Definitions:
    """The autoencoders, the detector, the list and the sensor."""
    return dg.Definitions(
        assets=[*(_autoencoder(name) for name in KINDS), bargain_detector, bargains],
        sensors=[announce_bargains],
    )
