"""The gate: a staged challenger, the rules that it must pass, and the champion."""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from carprice_assets.artifacts import Artifact
from carprice_assets.bargains.refit import RECIPE as DETECTOR
from carprice_assets.bargains.refit import recipe_of
from carprice_assets.bargains.training import SERVING
from carprice_assets.defs.common import (
    OWNERS,
    markdown_table,
    one_line_failures,
    preview_accepted,
)
from carprice_assets.defs.evaluation import report_name
from carprice_assets.defs.markets import market_partitions
from carprice_assets.defs.resources import Platform
from carprice_assets.evaluation.reporting import read_board, read_pages, read_report
from carprice_assets.listings.dataset import read_head
from carprice_assets.provenance import here
from carprice_assets.regressors.training import read_parity
from carprice_assets.releases.judging import Judgement, Trained, judge, stage_challenger
from carprice_assets.releases.recipe import RECIPE, Recipe

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
            | {RECIPE: recipe.to_json()}
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
        },
    )


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


def _reasons(judgement: Judgement) -> Any:
    return markdown_table(
        [
            {
                "rule": reason.rule,
                "passed": "yes" if reason.passed else "**no**",
                "figure": "–" if reason.figure is None else f"{reason.figure:.6g}",
                "limit": "–" if reason.limit is None else f"{reason.limit:.6g}",
                "what": reason.message,
            }
            for reason in judgement.decision.reasons
        ]
    )


def _facts(judgement: Judgement, release: str) -> dict[str, Any]:
    return {
        "decision": judgement.decision.line,
        "release": release,
        "compared_with": judgement.champion_id or "none: the market had no champion",
        "rules": _reasons(judgement),
    }


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
            dataset = platform.require("dataset", name)
            judgement = judge(platform.releases, market, challenger, dataset)
            broken = judgement.decision.absolute_broken
            if broken:
                _record_refusal(platform, name, challenger, judgement, context.run.run_id)
        return dg.AssetCheckResult(
            passed=judgement.decision.status == "promoted",
            severity=dg.AssetCheckSeverity.ERROR if broken else dg.AssetCheckSeverity.WARN,
            description=judgement.decision.line,
            metadata=_facts(judgement, challenger),
        )


def _record_refusal(
    platform: Platform, market: str, release: str, judgement: Judgement, run_id: str
) -> None:
    platform.releases.record(
        market,
        {
            "event": "refused",
            "release": release,
            "champion": judgement.champion_id,
            "decision": judgement.decision.to_json(),
            "run": run_id,
        },
    )


@dg.asset(
    partitions_def=market_partitions,
    group_name=GROUP,
    kinds={"python"},
    owners=OWNERS,
    code_version="1",
    io_manager_key="release_io",
    ins={"challenger": dg.AssetIn("challenger")},
    output_required=False,
)
def champion(
    context: dg.AssetExecutionContext, platform: Platform, challenger: str
) -> Iterator[dg.MaterializeResult[str]]:
    """The release that serves. Moves only where the promotion rules hold, also when alone.

    Asks the same pure function as the check. A refused challenger leaves the champion as it
    is; the reasons stand in the ledger and on this asset as an observation.
    """
    name = context.partition_key
    with one_line_failures():
        store = platform.releases
        if store.champion(name) == challenger:
            context.log.info(f"release {challenger} serves already")
            return
        judgement = judge(
            store, platform.market(name), challenger, platform.require("dataset", name)
        )
        facts = _facts(judgement, challenger)
        context.log.info(judgement.decision.line)
        if judgement.decision.status != "promoted":
            _record_refusal(platform, name, challenger, judgement, context.run.run_id)
            context.log_event(
                dg.AssetObservation(asset_key="champion", partition=name, metadata=facts)
            )
            return
        store.promote(name, challenger, judgement.champion_id, judgement.decision)
    yield dg.MaterializeResult(
        value=challenger, metadata=facts, data_version=dg.DataVersion(challenger)
    )
