"""The gate: a staged challenger, the rules that it must pass, and the champion."""

from collections.abc import Iterator
from dataclasses import asdict, replace
from datetime import UTC, datetime

import dagster as dg

from carprice_assets.artifacts import Artifact
from carprice_assets.bargains.refit import RECIPE as DETECTOR
from carprice_assets.bargains.refit import recipe_of
from carprice_assets.bargains.training import SERVING
from carprice_assets.defs.common import (
    OWNERS,
    one_line_failures,
    preview_accepted,
)
from carprice_assets.defs.evaluation import report_name
from carprice_assets.defs.markets import market_partitions
from carprice_assets.defs.promotion_facts import all_markets, decision_facts, origin
from carprice_assets.defs.resources import Platform
from carprice_assets.defs.run_checks import checks_behind
from carprice_assets.errors import UserError
from carprice_assets.evaluation.reporting import read_board, read_pages, read_report
from carprice_assets.listings.dataset import read_head
from carprice_assets.provenance import here
from carprice_assets.regressors.training import read_parity
from carprice_assets.releases.approvals import approver, require_wait
from carprice_assets.releases.decision import unjudged
from carprice_assets.releases.gate import Judged, Settled, approve, override, refuse, settle
from carprice_assets.releases.judging import Judgement, Trained, judge, stage_challenger
from carprice_assets.releases.recipe import RECIPE, Recipe
from carprice_assets.releases.shadow_pairs import shadow_facts
from carprice_assets.releases.valuer import require_answers

GROUP = "promotion"


@dg.asset(
    partitions_def=market_partitions,
    group_name=GROUP,
    kinds={"python"},
    owners=OWNERS,
    code_version="1",
    io_manager_key="release_io",
    ins={
        "dataset": dg.AssetIn("dataset"),
        "feature_set": dg.AssetIn("feature_set"),
        "leaderboard": dg.AssetIn("leaderboard"),
    },
    deps=["bargain_detector"],
)
def challenger(
    context: dg.AssetExecutionContext,
    platform: Platform,
    dataset: Artifact,
    feature_set: Artifact,
    leaderboard: Artifact,
) -> dg.MaterializeResult[str]:
    """The best regressor on validation, staged as a release with all that answering needs.

    Carries the other regressors too, where they pass the absolute rules. Nothing serves from
    it before the check `promotion_rules` has passed and `champion` has moved the pointer.
    """
    name = context.partition_key
    with one_line_failures():
        market = platform.market(name)
        board = read_board(leaderboard)
        trained = {
            each: Trained(
                regressor=(regressor := platform.require(each, name)),
                report=read_report(report := platform.require(report_name(each), name)),
                serving_difference=read_parity(regressor),
                pages=read_pages(report),
            )
            for each in board.reports
        }
        regressors = {name: each.regressor for name, each in trained.items()}
        recipe = Recipe.of(market, feature_set, regressors, platform.artifacts)
        detector = _detector(platform, name, feature_set, board.challenger)
        release = stage_challenger(
            platform.releases,
            market,
            dataset=dataset,
            feature_set=feature_set,
            trained=trained,
            challenger=board.challenger,
            provenance=here(
                run_id=context.run.run_id, data_version=read_head(dataset.path)["data_version"]
            )
            | {
                "dataset": dataset.address,
                "feature_set": feature_set.address,
                RECIPE: recipe.to_json(),
            }
            | ({DETECTOR: recipe_of(detector)} if detector else {}),
            detector=detector.path / SERVING if detector else None,
        )
    return dg.MaterializeResult(
        value=release.id,
        data_version=dg.DataVersion(release.id),
        metadata={
            "release": release.id,
            "regressor": board.challenger,
            "bytes": release.manifest().size,
            "champion_now": platform.releases.champion(name) or "none",
            **origin(platform.releases, name, release.id),
        },
    )


def _judge(
    platform: Platform, instance: dg.DagsterInstance, market: str, release: str
) -> Judgement:
    """The judgement of now: by the newest dataset, and by the checks behind the release."""
    store = platform.releases
    checks = checks_behind(instance, market, store.open(market, release))
    judgement = judge(
        store,
        platform.market(market),
        release,
        platform.require("dataset", market),
        checks=checks,
        now=datetime.now(UTC),
    )
    told = shadow_facts(store.root, market, release)
    return replace(judgement, decision=judgement.decision.with_facts(**told))


def _detector(
    platform: Platform, market: str, feature_set: Artifact, regressor: str
) -> Artifact | None:
    """The bargain detector that was weighed with this regressor on this feature set."""
    found = platform.latest("bargain_detector", market)
    if found is None:
        return None
    made = recipe_of(found)
    fits = made["feature_set"] == feature_set.address and made["regressor"] == regressor
    return found if fits else None


with preview_accepted():

    @dg.asset_check(asset=challenger, blocking=True, partitions_def=market_partitions)
    def promotion_rules(
        context: dg.AssetCheckExecutionContext, platform: Platform, challenger: str
    ) -> dg.AssetCheckResult:
        """Whether the challenger may serve: every rule with its figure and limit.

        ERROR, and the run fails, where an absolute rule is broken or a figure is missing. WARN
        where the champion is simply still better: a normal end of a retraining.
        """
        name = context.partition_key
        with one_line_failures():
            market = platform.market(name)
            judgement = _judge(platform, context.instance, name, challenger)
            decision = judgement.decision
            serves = platform.releases.champion(name) == challenger
            # One that serves already is decided upon: by the rules then, or by an override.
            broken = decision.absolute_broken and not serves
            passed = decision.status == "promoted"
            # Each judgement counts: the asset `champion` records it, but where it never runs.
            if not serves and (broken or not _asks_again(context.run)):
                judged = Judged(
                    name, challenger, decision, judgement.champion_id, context.run.run_id
                )
                refuse(platform.releases, judged, "judged" if passed else "refused")
        told = decision.line
        if serves:
            told = f"serves already; by the rules of now {told}"
        elif passed and market.promotion.approval == "manual":
            told = f"all {len(decision.reasons)} rules hold; a person must approve it"
        return dg.AssetCheckResult(
            passed=passed,
            severity=dg.AssetCheckSeverity.ERROR if broken else dg.AssetCheckSeverity.WARN,
            description=told,
            metadata={
                **decision_facts(decision, challenger, judgement.champion_id),
                "decision": told,
            },
        )


def _asks_again(run: dg.DagsterRun) -> bool:
    """Whether the asset `champion` is a part of the run: all assets are where none is chosen."""
    if run.asset_selection:
        return dg.AssetKey("champion") in run.asset_selection
    return not run.asset_check_selection


class GateConfig(dg.Config):
    """What a person decides. Empty, the newest challenger is judged."""

    approve: str = ""
    """A release that waits for approval: it is judged again, and promoted where it passes. Who
    approves is named by CARPRICE_APPROVER, or by `approver` in settings.toml of the data home."""

    override: str = ""
    """A release that is promoted whatever the rules say, in that person's name and for ever on
    its model card. Needs `reason`."""

    reason: str = ""
    """Why, for an override."""


# The challenger is read by hand: an override may be of a release that came from elsewhere.
@dg.asset(
    partitions_def=market_partitions,
    group_name=GROUP,
    kinds={"python"},
    owners=OWNERS,
    code_version="2",
    io_manager_key="release_io",
    deps=[dg.AssetDep("challenger")],
    output_required=False,
)
def champion(
    context: dg.AssetExecutionContext, config: GateConfig, platform: Platform
) -> Iterator[dg.MaterializeResult[str]]:
    """The release that serves. Moves only where the promotion rules hold, also when alone.

    Asks the same pure function as the check. A refused challenger leaves the champion as it
    is; the reasons stand in the ledger and on this asset as an observation, and so does one that
    waits for approval. The run config approves a waiting release or overrides the rules.
    """
    name = context.partition_key
    run = context.run.run_id
    with one_line_failures():
        limits = platform.market(name).promotion
        if config.approve and config.override:
            raise UserError("champion: state 'approve' or 'override' in the run config, not both")
        release = config.approve or config.override or platform.staged(name)
        if config.override:
            settled = _override(context, platform, name, config)
        elif platform.releases.champion(name) == release:
            context.log.info(f"release {release} serves already")
            return
        else:
            settled = _settle(context, platform, name, release, bool(config.approve))
        facts = {
            **decision_facts(settled.decision, release, settled.decision.facts.get("against")),
            "decision": settled.line,
            "status": settled.status,
            "serves": platform.releases.champion(name) or "none",
            **origin(platform.releases, name, release),
            "run": dg.MetadataValue.dagster_run(run),
            "limits": dg.MetadataValue.json(asdict(limits)),
            "all_markets": all_markets(platform.home),
        }
    context.log.info(settled.line)
    if settled.status != "promoted":
        context.log_event(dg.AssetObservation(asset_key="champion", partition=name, metadata=facts))
        return
    yield dg.MaterializeResult(value=release, metadata=facts, data_version=dg.DataVersion(release))


def _settle(
    context: dg.AssetExecutionContext, platform: Platform, market: str, release: str, person: bool
) -> Settled:
    store, now, run = platform.releases, datetime.now(UTC), context.run.run_id
    by = ""
    if person:  # refused before anything is judged: a judgement of a hold-out counts
        by = approver(platform.home)
        require_wait(store, market, release, now)
    judgement = _judge(platform, context.instance, market, release)
    judged = Judged(market, release, judgement.decision, judgement.champion_id, run)
    if person:
        return approve(store, judged, by=by, now=now)
    return settle(store, judged, platform.market(market).promotion, now)


def _override(
    context: dg.AssetExecutionContext, platform: Platform, market: str, config: GateConfig
) -> Settled:
    """Promote against the rules; what they say stands beside it, also that nobody could judge."""
    store, release = platform.releases, config.override
    by = approver(platform.home)
    serving = store.champion(market)
    require_answers(store.open(market, release))  # what cannot answer helps nobody
    try:
        judgement = _judge(platform, context.instance, market, release)
        decision, serving = judgement.decision, judgement.champion_id
    except UserError as error:
        decision = unjudged(str(error)).with_facts(against=serving)
    judged = Judged(market, release, decision, serving, context.run.run_id)
    settled = override(store, judged, by=by, reason=config.reason)
    context.log.warning(f"OVERRIDE by {by}: release {release} of market {market}: {config.reason}")
    return settled
