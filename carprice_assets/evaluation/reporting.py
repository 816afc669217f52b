"""The report of one regressor from its artifacts: figures, text and pictures in one folder."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from carprice_assets.artifacts import Artifact, ArtifactStore, folder_size
from carprice_assets.errors import UserError
from carprice_assets.evaluation import plots
from carprice_assets.evaluation.behaviour import features_of
from carprice_assets.evaluation.costs import answer_seconds
from carprice_assets.evaluation.evaluate import evaluate
from carprice_assets.evaluation.leaderboard import choose, rows, to_markdown, to_text
from carprice_assets.evaluation.naive import NaiveValuation
from carprice_assets.evaluation.range_plots import coverage_by_price
from carprice_assets.evaluation.report import EvaluationReport
from carprice_assets.features.training import KEPT
from carprice_assets.files import canonical_json, read_json
from carprice_assets.listings.contract import Columns, take
from carprice_assets.listings.dataset import read_side
from carprice_assets.markets import Market
from carprice_assets.regressors.costs import read_costs
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
    cars = features_of(sides["holdout"])
    answers = partial(_answers, predictor)
    predicted, ends = answers(cars)
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
        holdout_predicted=predicted,
        holdout_ranges=ends,
        stated_coverage=predictor.coverage or 0.0,
        unsupported=predictor.unsupported(cars),
        outliers=predictor.features.outliers(cars),
        train_predicted=predictor.form.predict(encoded.train.features),
        overfit_limit=market.training.overfit_limit,
        parameters=head["parameters"],
        importances=head["importances"],
        curves=head["curves"],
        search=head["search"],
        costs={
            **read_costs(store, regressor.address),
            "bytes": regressor.size,
            "serving_bytes": folder_size(regressor.path / "serving"),
            "load_seconds": loaded,
            **answer_seconds(answers, cars),
        },
        seed=market.training.seed,
    )
    pictures = draw(report, sides["holdout"]["price"], predicted)

    def build(folder: Path) -> None:
        (folder / REPORT).write_bytes(report.to_json())
        page = report.to_markdown({title: picture_file(title) for title in pictures})
        (folder / TEXT).write_text(page, encoding="utf-8")
        (folder / "origin.json").write_bytes((regressor.path / "origin.json").read_bytes())
        for title, png in pictures.items():
            (folder / picture_file(title)).write_bytes(png)

    return Reported(store.put(build), report, pictures)


def _answers(
    predictor: Predictor[Any], columns: Columns
) -> tuple[NDArray[np.float64], tuple[NDArray[np.float64], NDArray[np.float64]] | None]:
    """Prices, and the ends of their ranges where the regressor gives any."""
    if predictor.spread is None:
        return predictor(columns), None
    price, low, high = predictor.ranges(columns)
    return price, (low, high)


def picture_file(title: str) -> str:
    """Name of the file that holds the picture of that title, beside the page."""
    return f"{title.replace(' ', '_')}.png"


def draw(
    report: EvaluationReport, truth: NDArray[np.float64], predicted: NDArray[np.float64]
) -> dict[str, bytes]:
    """The pictures of a report by title; those that it has nothing for are left out."""
    currency = report.currency
    pictures = {
        "predicted against true": plots.predicted_against_true(truth, predicted, currency=currency),
        "residuals": plots.residuals_by_price(truth, predicted, currency=currency),
        "importances": plots.importances(report.importances),
    }
    if any(report.curves.values()):
        pictures["training curves"] = plots.training_curves(report.curves)
    if report.ranges:
        pictures["coverage by price"] = coverage_by_price(report.ranges, currency=currency)
    if report.search:
        pictures["search"] = plots.search_history(report.search["trials"])
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


def read_pages(artifact: Artifact) -> dict[str, bytes]:
    """The page of a report artifact and its pictures, by file name."""
    files = [artifact.path / TEXT, *sorted(artifact.path.glob("*.png"))]
    return {file.name: file.read_bytes() for file in files}
