"""The report of one regressor from its artifacts: figures, text and pictures in one folder."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from carprice_assets.artifacts import Artifact, ArtifactStore
from carprice_assets.errors import UserError
from carprice_assets.evaluation import plots
from carprice_assets.evaluation.leaderboard import choose, rows, to_markdown, to_text
from carprice_assets.evaluation.naive import NaiveValuation
from carprice_assets.evaluation.report import EvaluationReport, evaluate, features_of
from carprice_assets.features.training import KEPT
from carprice_assets.files import canonical_json, read_json
from carprice_assets.listings.contract import take
from carprice_assets.listings.dataset import read_side
from carprice_assets.markets import Market
from carprice_assets.regressors.predictor import Predictor
from carprice_assets.regressors.training import Encoded

REPORT = "report.json"
TEXT = "report.md"


@dataclass(frozen=True)
class Reported:
    """A report in the store, and its pictures as PNG bytes by title."""

    artifact: Artifact
    report: EvaluationReport
    pictures: Mapping[str, bytes]


def report_on(
    name: str,
    market: Market,
    *,
    dataset: Artifact,
    feature_set: Artifact,
    regressor: Artifact,
    store: ArtifactStore,
) -> Reported:
    """Judge the regressor called ``name`` on the whole hold-out and keep the report.

    Raises
    ------
    UserError
        Where regressor, feature set and dataset do not belong together.
    """
    origin = read_json(regressor.path / "origin.json")
    encoded = Encoded.open(feature_set)
    if origin["feature_set"] != feature_set.address or encoded.dataset != dataset.address:
        raise UserError(
            f"{name} was fitted on another feature set or dataset: materialize {name} again"
        )
    head = read_json(regressor.path / "regressor.json")
    begin = time.perf_counter()
    predictor = Predictor.load(feature_set.path / "features", regressor.path / "serving")
    loaded = time.perf_counter() - begin
    sides = {s: read_side(dataset.path, s) for s in ("train", "validation", "holdout")}
    naive = NaiveValuation()
    naive.fit(features_of(sides["train"]), sides["train"]["price"])
    report = evaluate(
        name=name,
        market=market.name,
        currency=market.currency,
        distance=market.distance,
        predict=predictor,
        train=take(sides["train"], np.load(feature_set.path / KEPT, allow_pickle=False)),
        validation=sides["validation"],
        holdout=sides["holdout"],
        naive=naive,
        train_predicted=predictor.form.predict(encoded.train.features),
        overfit_limit=market.training.overfit_limit,
        parameters=head["parameters"],
        importances=head["importances"],
        curves=head["curves"],
        timings={"load_seconds": loaded},
        seed=market.training.seed,
    )
    pictures = draw(report, sides["holdout"]["price"], predictor(features_of(sides["holdout"])))

    def build(folder: Path) -> None:
        (folder / REPORT).write_bytes(report.to_json())
        (folder / TEXT).write_text(report.to_markdown(), encoding="utf-8")
        (folder / "origin.json").write_bytes((regressor.path / "origin.json").read_bytes())
        for title, png in pictures.items():
            (folder / f"{title.replace(' ', '_')}.png").write_bytes(png)

    return Reported(store.put(build), report, pictures)


def draw(
    report: EvaluationReport, truth: NDArray[np.float64], predicted: NDArray[np.float64]
) -> dict[str, bytes]:
    """The pictures of a report: hold-out prices, residuals, importances, training curves."""
    currency = report.currency
    pictures = {
        "predicted against true": plots.predicted_against_true(truth, predicted, currency=currency),
        "residuals": plots.residuals_by_price(truth, predicted, currency=currency),
        "importances": plots.importances(report.importances),
    }
    if any(report.curves.values()):
        pictures["training curves"] = plots.training_curves(report.curves)
    return pictures


@dataclass(frozen=True)
class Board:
    """The leaderboard in the store, the challenger, and the reports that were left out."""

    artifact: Artifact
    markdown: str
    challenger: str
    left_out: tuple[str, ...]


def board_of(
    reports: Mapping[str, Artifact | None], feature_set: str, store: ArtifactStore
) -> Board:
    """Put the reports on the feature set of that address side by side.

    Raises
    ------
    UserError
        Where there is no such report.
    """
    current: dict[str, tuple[Artifact, EvaluationReport]] = {}
    left_out: list[str] = []
    for name, artifact in reports.items():
        if artifact is None:
            continue
        if read_json(artifact.path / "origin.json")["feature_set"] != feature_set:
            left_out.append(name)
            continue
        report = EvaluationReport.from_json((artifact.path / REPORT).read_bytes())
        current[name] = (artifact, report)
    challenger = choose([report for _, report in current.values()])
    table = rows([report for _, report in current.values()], challenger)
    content = {
        "challenger": challenger,
        "rows": table,
        "reports": {name: artifact.address for name, (artifact, _) in current.items()},
    }

    def build(folder: Path) -> None:
        (folder / "leaderboard.json").write_bytes(canonical_json(content))
        (folder / "leaderboard.txt").write_text(to_text(table), encoding="utf-8")

    return Board(store.put(build), to_markdown(table), challenger, tuple(left_out))


@dataclass(frozen=True)
class BoardHead:
    """What a training needs of a leaderboard: the challenger and the regressors judged."""

    challenger: str
    reports: tuple[str, ...]


def read_board(artifact: Artifact) -> BoardHead:
    """Read the ``leaderboard`` artifact."""
    content = read_json(artifact.path / "leaderboard.json")
    return BoardHead(content["challenger"], tuple(sorted(content["reports"])))


def read_report(artifact: Artifact) -> EvaluationReport:
    """Read a report artifact."""
    return EvaluationReport.from_json((artifact.path / REPORT).read_bytes())
