"""Search of hyperparameters with Optuna, judged on the validation side alone."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from carprice_assets.files import canonical_json, sha256_bytes
from carprice_assets.regressors.base import Progress, Report
from carprice_assets.regressors.studies import opened

Space = Callable[[Any], dict[str, Any]]
"""Takes an Optuna trial and gives the parameters that it proposes; JSON types."""

PARAMETERS, FAILED = "parameters", "failed"
COMPLETE, PRUNED = "complete", "pruned"
WARM_UP = 30
"""Per cent of a fit before which no trial is pruned: slow learners start badly."""
TRIALS_BEFORE_PRUNING = 5
DIGITS = 10


@dataclass(frozen=True)
class TrialResult:
    """One trial: ``state`` is ``complete``, ``pruned`` or ``failed``, ``error`` its MAE on
    validation where complete, ``parameters`` what it changed of the defaults.
    """

    number: int
    state: str
    error: float | None
    parameters: Mapping[str, Any]


@dataclass(frozen=True)
class Search:
    """What a search found: the best parameters, its trials in order, trial 0 the defaults.

    ``importances`` is each parameter's share in what tells good trials from others, by
    PED-ANOVA (Watanabe, Bansal, Hutter, 2023); empty where there are too few trials.
    """

    parameters: Mapping[str, Any]
    best: int
    trials: tuple[TrialResult, ...]
    importances: Mapping[str, float]

    def to_json(self) -> dict[str, Any]:
        """JSON types: ``best``, ``trials`` and ``importances``."""
        return {
            "best": self.best,
            "trials": [asdict(trial) for trial in self.trials],
            "importances": dict(self.importances),
        }


def search(
    space: Space,
    error_of: Callable[[Mapping[str, Any], Report], float],
    *,
    defaults: Mapping[str, Any],
    trials: int,
    seed: int,
    progress: Progress,
    minutes: float = 0.0,
    study: Path | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Search:
    """The parameters with the least validation error among the defaults and the trials.

    Trial 0 takes the defaults, so a search never ends worse than none. Proposals come from the
    tree-structured Parzen estimator (Bergstra et al., 2011); a trial whose reported errors are
    worse than the median of the others at the same step is pruned. The draws of a trial depend
    on ``seed`` and its number alone: a search that was killed and goes on finds what an unbroken
    one finds, and the first n trials of a longer one are those of a shorter one.

    Parameters
    ----------
    space
        What to propose.
    error_of
        The validation error of a set of parameters; infinite or NaN counts as failed. It may
        report errors on the way, and stops where the report says so.
    trials
        Trials besides the defaults, those of earlier searches in the same file included; 0 for
        as many as ``minutes`` allow.
    minutes
        After these no further trial is begun, and a trial that reports is broken off; 0 for no
        limit. Trial 0 always runs to its end.
    study
        The file that keeps the trials; None keeps none.
    """
    end = clock() + 60 * minutes if minutes else math.inf
    wanted = trials + 1 if trials else None
    with opened(study, progress) as work:
        _end_broken(work)
        if had := len(_counted(work)):
            progress(f"goes on from {had} trials of an earlier search")
        spent: list[float] = []
        while wanted is None or len(_counted(work)) < wanted:
            number, begin = len(_counted(work)), clock()
            expected = sum(spent) / len(spent) if spent else 0.0
            if number and begin + expected > end:
                progress(f"{minutes:g} minutes are over after {number - 1} trials")
                break
            line = _run(work, number, space, error_of, dict(defaults), seed, end, clock)
            spent.append(clock() - begin)
            of = f" of {trials}" if trials else ""
            progress(f"trial {number}{of}: {line}, {spent[-1]:.0f} s{_best_line(work)}")
        return _outcome(work, defaults, wanted)


def _run(
    study: Any,
    number: int,
    space: Space,
    error_of: Callable[[Mapping[str, Any], Report], float],
    defaults: dict[str, Any],
    seed: int,
    end: float,
    clock: Callable[[], float],
) -> str:
    """Run one trial and keep its result; gives a few words about it."""
    import optuna

    draws = int(sha256_bytes(f"{seed}/{number}".encode())[:8], 16)
    study.sampler = optuna.samplers.TPESampler(seed=draws)
    study.pruner = optuna.pruners.MedianPruner(
        n_startup_trials=TRIALS_BEFORE_PRUNING, n_warmup_steps=WARM_UP
    )
    trial = study.ask()
    proposed = space(trial) if number else {}
    # Through JSON, so that a trial read back is the trial that ran.
    proposed = json.loads(canonical_json(proposed))
    trial.set_user_attr(PARAMETERS, proposed)
    last, stopped = -1, ""

    def report(step: int, error: float) -> bool:
        nonlocal last, stopped
        if step > last:
            last = step
            trial.report(error, step)
        if number and not stopped:
            if clock() >= end:
                stopped = "broken off: the time is over"
            elif trial.should_prune():
                stopped = f"pruned at {step} %"
        return bool(stopped)

    error = error_of({**defaults, **proposed}, report)
    states = optuna.trial.TrialState
    if stopped.startswith("pruned"):
        study.tell(trial, state=states.PRUNED)
        return stopped
    if stopped:
        study.tell(trial, state=states.FAIL)
        return stopped
    if not math.isfinite(error):
        trial.set_user_attr(FAILED, True)
        study.tell(trial, state=states.FAIL)
        return "failed: no finite validation error"
    study.tell(trial, float(f"{error:.{DIGITS}g}"))
    return f"validation MAE {error:,.1f}" + ("" if number else ", the defaults")


def _end_broken(study: Any) -> None:
    """End what a killed search left running; it does not count and its number is run again."""
    import optuna

    states = optuna.trial.TrialState
    for trial in study.get_trials(deepcopy=False, states=(states.RUNNING, states.WAITING)):
        study.tell(trial.number, state=states.FAIL)


def _counted(study: Any) -> list[tuple[str, Any]]:
    """State and Optuna's record of each trial that came to its own end, in order."""
    import optuna

    states = optuna.trial.TrialState
    named = {states.COMPLETE: COMPLETE, states.PRUNED: PRUNED, states.FAIL: FAILED}
    return [
        (named[trial.state], trial)
        for trial in study.get_trials(deepcopy=False, states=tuple(named))
        if trial.state != states.FAIL or trial.user_attrs.get(FAILED)
    ]


def _best_line(study: Any) -> str:
    errors = [trial.value for state, trial in _counted(study) if state == COMPLETE]
    return f"; best {min(errors):,.1f}" if errors else ""


def _outcome(study: Any, defaults: Mapping[str, Any], wanted: int | None) -> Search:
    counted = _counted(study)[:wanted]
    results = tuple(
        TrialResult(
            number, state, trial.value if state == COMPLETE else None, trial.user_attrs[PARAMETERS]
        )
        for number, (state, trial) in enumerate(counted)
    )
    complete = [result for result in results if result.error is not None]
    best = min(complete, key=lambda result: (result.error, result.number), default=results[0])
    importances = _importances([trial for state, trial in counted if state == COMPLETE])
    return Search({**defaults, **best.parameters}, best.number, results, importances)


def _importances(trials: list[Any]) -> dict[str, float]:
    import optuna

    proposed = [trial for trial in trials if trial.params]
    if len(proposed) < TRIALS_BEFORE_PRUNING:
        return {}
    copy = optuna.create_study()
    copy.add_trials(proposed)
    evaluator = optuna.importance.PedAnovaImportanceEvaluator()
    found = optuna.importance.get_param_importances(copy, evaluator=evaluator)
    return {name: float(f"{share:.{DIGITS}g}") for name, share in found.items()}
