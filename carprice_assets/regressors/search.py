"""Search of hyperparameters with Optuna, judged on the validation side alone."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from carprice_assets.regressors.base import Progress

Space = Callable[[Any], dict[str, Any]]
"""Takes an Optuna trial and gives the parameters that it proposes."""


def search(
    space: Space,
    error_of: Callable[[Mapping[str, Any]], float],
    *,
    defaults: Mapping[str, Any],
    trials: int,
    seed: int,
    progress: Progress,
) -> dict[str, Any]:
    """The parameters with the least validation error among the defaults and ``trials`` others.

    The first trial takes the defaults, so a search never ends worse than none. Proposals come
    from the tree-structured Parzen estimator (Bergstra et al., 2011).

    Parameters
    ----------
    space
        What to propose.
    error_of
        The validation error of a set of parameters; infinite or NaN counts as failed.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    best: dict[str, Any] = dict(defaults)
    best_error = error_of(best)
    progress(f"trial 0 of {trials}, the defaults: validation MAE {best_error:,.1f}")
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed))
    for number in range(1, trials + 1):
        trial = study.ask()
        parameters = {**defaults, **space(trial)}
        error = error_of(parameters)
        if not math.isfinite(error):
            study.tell(trial, state=optuna.trial.TrialState.FAIL)
            continue
        study.tell(trial, error)
        if error < best_error:
            best, best_error = parameters, error
        progress(f"trial {number} of {trials}: validation MAE {error:,.1f}, best {best_error:,.1f}")
    return best
