"""The search: budgets, pruning, and going on where an earlier one ended."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from carprice_assets.artifacts import ArtifactStore
from carprice_assets.errors import UserError
from carprice_assets.files import read_json
from carprice_assets.regressors import studies
from carprice_assets.regressors.base import FitSettings, Report, Side
from carprice_assets.regressors.family import Family
from carprice_assets.regressors.search import Search, search
from carprice_assets.regressors.studies import described, opened, study_file
from carprice_assets.regressors.training import Encoded, fit_regressor


class KilledError(Exception):
    """Ends a search as a kill does: nothing is told to the study."""


def space(trial: Any) -> dict[str, Any]:
    return {
        "x": trial.suggest_float("x", 0.0, 1.0),
        "kind": trial.suggest_categorical("kind", ["a", "b"]),
    }


def error_of(parameters: Mapping[str, Any], report: Report) -> float:
    """Least at x = 0.3; a hundredth of it hangs on the kind."""
    return abs(parameters["x"] - 0.3) + 0.01 * (parameters["kind"] == "b")


def run(trials: int, study: Path | None = None, of: Any = error_of, **given: Any) -> Search:
    quick: dict[str, Any] = {"defaults": {"x": 0.9, "kind": "b"}, "seed": 3}
    return search(
        space,
        of,
        trials=trials,
        study=study,
        **quick | {"progress": lambda line: None} | given,
    )


def test_the_best_of_defaults_and_trials_wins() -> None:
    found = run(25)
    assert len(found.trials) == 26
    assert found.trials[0].parameters == {}
    assert found.trials[0].error == pytest.approx(0.61)
    errors = [trial.error for trial in found.trials if trial.error is not None]
    assert found.trials[found.best].error == min(errors) < 0.1
    assert found.parameters == {
        "x": found.trials[found.best].parameters["x"],
        "kind": found.trials[found.best].parameters["kind"],
    }
    assert found.importances["x"] > found.importances["kind"]
    assert sum(found.importances.values()) == pytest.approx(1.0)
    assert json.loads(json.dumps(found.to_json())) == found.to_json()


def test_a_search_is_never_worse_than_the_defaults() -> None:
    found = run(6, defaults={"x": 0.3, "kind": "a"})
    assert found.best == 0
    assert found.parameters == {"x": 0.3, "kind": "a"}


def test_a_failing_trial_counts_and_never_wins() -> None:
    def fails(parameters: Mapping[str, Any], report: Report) -> float:
        return float("nan") if parameters["x"] > 0.5 else error_of(parameters, report)

    found = run(15, of=fails, defaults={"x": 0.0, "kind": "a"})
    states = [trial.state for trial in found.trials]
    assert "failed" in states
    assert len(states) == 16
    assert found.parameters["x"] <= 0.5
    assert all((t.error is None) == (t.state == "failed") for t in found.trials)


def test_the_same_seed_gives_the_same_trials_and_another_seed_others() -> None:
    assert run(6) == run(6)
    assert run(6).trials[1:] != run(6, seed=4).trials[1:]


@pytest.mark.parametrize("at", [0, 4, 13])
def test_a_killed_search_goes_on_and_finds_what_an_unbroken_one_finds(
    tmp_path: Path, at: int
) -> None:
    tried = 0

    def dies(parameters: Mapping[str, Any], report: Report) -> float:
        nonlocal tried
        tried += 1
        report(50, 1.0)
        if tried == at + 1:
            raise KilledError
        return error_of(parameters, report)

    with pytest.raises(KilledError):
        run(16, tmp_path / "study.sqlite", dies)
    lines: list[str] = []
    again = run(16, tmp_path / "study.sqlite", progress=lines.append)
    assert again == run(16)
    assert len([line for line in lines if line.startswith("trial")]) == 17 - at
    assert any(f"goes on from {at} trials" in line for line in lines) == (at > 0)


def test_a_repeated_search_adds_trials_and_a_shorter_one_is_its_beginning(tmp_path: Path) -> None:
    fits = 0

    def counted(parameters: Mapping[str, Any], report: Report) -> float:
        nonlocal fits
        fits += 1
        return error_of(parameters, report)

    study = tmp_path / "deep" / "study.sqlite"
    first = run(5, study, counted)
    assert run(5, study, counted) == first
    assert fits == 6
    longer = run(9, study, counted)
    assert fits == 10
    assert longer == run(9)
    assert longer.trials[:6] == first.trials
    assert run(5, study, counted) == first
    assert fits == 10


def curve(parameters: Mapping[str, Any], report: Report) -> float:
    """Errors on the way are the last one, and ten steps of a clock."""
    for step in range(0, 100, 10):
        if report(step, error_of(parameters, report)):
            return float("nan")
    return error_of(parameters, report)


def test_hopeless_trials_are_pruned_and_no_good_one_is() -> None:
    found = run(25, of=curve, defaults={"x": 0.5, "kind": "a"})
    pruned = [trial for trial in found.trials if trial.state == "pruned"]
    assert pruned
    assert all(trial.number >= 5 and trial.error is None for trial in pruned)
    assert found.trials[0].state == "complete"
    assert min(error_of(trial.parameters, lambda *_: False) for trial in pruned) > found_error(
        found
    )


def found_error(found: Search) -> float:
    error = found.trials[found.best].error
    assert error is not None
    return error


class Clock:
    """Seconds that pass by ``tick`` alone."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_minutes_end_a_search_that_has_no_trials(tmp_path: Path) -> None:
    clock = Clock()
    lines: list[str] = []

    def slow(parameters: Mapping[str, Any], report: Report) -> float:
        clock.now += 20
        return error_of(parameters, report)

    given: dict[str, Any] = {"minutes": 2, "clock": clock, "progress": lines.append}
    found = run(0, tmp_path / "study", slow, **given)
    assert len(found.trials) == 6, lines
    assert clock.now == 120
    assert "2 minutes are over after 5 trials" in lines
    more = run(0, tmp_path / "study", slow, **given)
    assert more.trials[:6] == found.trials
    assert len(more.trials) == 12
    both = run(3, None, slow, minutes=2, clock=clock)
    assert len(both.trials) == 4


def test_no_trial_is_begun_that_would_not_end_in_time() -> None:
    clock = Clock()

    def slow(parameters: Mapping[str, Any], report: Report) -> float:
        clock.now += 50
        return error_of(parameters, report)

    assert len(run(9, None, slow, minutes=2, clock=clock).trials) == 2
    assert clock.now == 100


def test_a_trial_that_reports_is_broken_off_and_run_again(tmp_path: Path) -> None:
    clock, pace = Clock(), 1.0

    def slow(parameters: Mapping[str, Any], report: Report) -> float:
        for step in range(10):
            clock.now += pace
            if report(10 * step, 1.0):
                return float("nan")
        return error_of(parameters, report)

    lines: list[str] = []
    given: dict[str, Any] = {"clock": clock, "progress": lines.append}
    begun = run(4, tmp_path / "study", slow, minutes=0.55, **given)
    assert len(begun.trials) == 3
    pace = 4.0
    late = run(4, tmp_path / "study", slow, minutes=0.55, **given)
    assert len(late.trials) == 3
    assert any("broken off" in line for line in lines)
    assert clock.now <= 30 + 33 + pace
    pace = 0.0
    assert run(4, tmp_path / "study", slow, **given) == run(4, None, slow, clock=clock)


def test_the_defaults_run_to_their_end_whatever_the_time() -> None:
    clock = Clock()

    def slow(parameters: Mapping[str, Any], report: Report) -> float:
        for step in range(10):
            clock.now += 60
            assert not report(10 * step, 1.0)
        return error_of(parameters, report)

    found = run(3, None, slow, minutes=1, clock=clock)
    assert [trial.state for trial in found.trials] == ["complete"]
    assert found.parameters == {"x": 0.9, "kind": "b"}


def test_progress_tells_each_trial_and_the_best(tmp_path: Path) -> None:
    lines: list[str] = []
    run(3, progress=lines.append)
    assert lines[0].startswith("trial 0 of 3: validation MAE 0.6, the defaults")
    assert len(lines) == 4
    assert all("; best " in line for line in lines)


def test_what_is_no_study_is_named(tmp_path: Path) -> None:
    broken = tmp_path / "study.sqlite"
    broken.write_bytes(b"no database" * 500)
    with pytest.raises(UserError, match=r"study\.sqlite: no study to go on with"):
        run(1, broken)


def test_a_second_search_waits_for_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(studies, "LOCK_WAIT", 0.01)
    study, told = tmp_path / "study.sqlite", threading.Event()
    order: list[str] = []

    def second() -> None:
        run(2, study, progress=lambda line: (order.append(line), told.set())[0])

    waiting = threading.Thread(target=second)
    with opened(study, lambda line: None):
        waiting.start()
        assert told.wait(60)
        assert order == ["waiting for another search of the same parameters"]
        time.sleep(0.05)
        assert len(order) == 1
    waiting.join(60)
    assert len(order) == 4


def test_a_space_is_written_down() -> None:
    assert described(space) == {
        "x": {"kind": "float", "low": 0.0, "high": 1.0},
        "kind": {"kind": "choice", "choices": ["a", "b"]},
    }


def test_each_setting_has_a_study_of_its_own(tmp_path: Path) -> None:
    given: dict[str, Any] = {"space": described(space), "parameters": {"x": 1}, "seed": 1}
    file = study_file(tmp_path, "forest", **given)
    assert file == study_file(tmp_path, "forest", **given)
    others: list[dict[str, Any]] = [{"space": {}}, {"parameters": {"x": 2}}, {"seed": 2}]
    assert len({study_file(tmp_path, "forest", **given | other) for other in others} | {file}) == 4
    assert study_file(tmp_path, "boost", **given) != file


class Line(Family):
    """Prices ``factor`` times the first feature; reports once and minds the answer."""

    name = "line"
    defaults: Mapping[str, Any] = {"factor": 2.0, "other": 1}


def test_a_family_searches_around_what_the_market_set(tmp_path: Path) -> None:
    features = np.arange(1, 41, dtype=np.float32)[:, None]
    side = Side(features, 3.0 * features[:, 0].astype(np.float64))
    settings = FitSettings(
        seed=1, feature_names=("f",), parameters={"other": 5}, trials=8, studies=tmp_path
    )
    family, fits = Line(), 0

    def predict_with(parameters: Mapping[str, Any], report: Report) -> Any:
        nonlocal fits
        fits += 1
        assert parameters["other"] == 5
        return lambda block: parameters["factor"] * block[:, 0].astype(np.float64)

    def choose(settings: FitSettings) -> dict[str, Any]:
        return family.choose(
            settings,
            lambda trial: {"factor": trial.suggest_float("factor", 1.0, 5.0)},
            predict_with,
            side,
            lambda line: None,
        )

    chosen = choose(settings)
    assert abs(chosen["factor"] - 3.0) < 1.0
    assert chosen["other"] == 5
    assert family.search["space"]["factor"]["high"] == 5.0
    assert len(family.search["trials"]) == fits == 9
    assert choose(settings) == chosen
    assert fits == 9
    choose(FitSettings(seed=2, feature_names=("f",), parameters={"other": 5}, trials=1))
    assert fits == 11
    family.search = {}
    plain = choose(FitSettings(seed=1, feature_names=("f",), parameters={"other": 5}))
    assert plain == {"factor": 2.0, "other": 5}
    assert family.search == {}
    assert fits == 11


def made_up(rows: int, seed: int) -> Side:
    rng = np.random.default_rng(seed)
    features = rng.random((rows, 2)).astype(np.float32)
    return Side(features, 10_000 * np.exp(features.sum(axis=1) + rng.normal(0, 0.1, rows)))


def test_a_searched_regressor_is_the_same_artifact_each_time(tmp_path: Path) -> None:
    encoded = Encoded(made_up(200, 1), made_up(80, 2), ("a", "b"), "data", "features")
    quick = {"iterations": 60, "depth": 3}

    def fit(home: str, trials: int) -> Any:
        store = ArtifactStore(tmp_path / home)
        return fit_regressor(
            "catboost",
            encoded,
            store,
            seed=1,
            trials=trials,
            progress=lambda line: None,
            parameters=quick,
        )

    longer = fit("one", 7)
    kept = read_json(longer.artifact.path / "regressor.json")["search"]
    assert [trial["number"] for trial in kept["trials"]] == list(range(8))
    assert set(kept["space"]) >= {"learning_rate", "depth"}
    assert list((tmp_path / "one" / "studies" / "features").glob("catboost-*.sqlite"))
    assert fit("one", 3).artifact.address == fit("two", 3).artifact.address
    assert fit("two", 7).artifact.address == longer.artifact.address
