"""What a fit cost is kept beside its artifact, never in it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from carprice_assets.artifacts import ArtifactStore
from carprice_assets.errors import UserError
from carprice_assets.regressors.base import Side
from carprice_assets.regressors.costs import peak_memory, read_costs, write_costs
from carprice_assets.regressors.training import Encoded, Fitted, fit_regressor


def test_costs_come_back_and_the_latest_counts(tmp_path: Path) -> None:
    store = ArtifactStore(tmp_path)
    assert read_costs(store, "a" * 32) == {}
    write_costs(store, "a" * 32, {"fit_seconds": 1.23456})
    write_costs(store, "a" * 32, {"fit_seconds": 2.0})
    assert read_costs(store, "a" * 32) == {"fit_seconds": 2.0}
    assert read_costs(store, "b" * 32) == {}


def test_the_peak_is_in_megabytes_and_stays() -> None:
    code = (
        "from carprice_assets.regressors.costs import peak_memory\n"
        "before = peak_memory()\n"
        "held = bytearray(300_000_000)\n"
        "held[::4096] = b'x' * len(held[::4096])\n"
        "del held\n"
        "print(before, peak_memory())\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    before, after = map(float, done.stdout.split())
    assert 5 < before < 250
    assert after == pytest.approx(before + 300, abs=60)
    assert peak_memory() >= 5


def fit(store: ArtifactStore, **given: object) -> Fitted:
    rng = np.random.default_rng(1)
    features = rng.random((60, 2)).astype(np.float32)
    side = Side(features, 10_000 * np.exp(features.sum(axis=1).astype(np.float64)))
    return fit_regressor(
        "random_forest",
        Encoded(side, side, ("a", "b"), "data", "features"),
        store,
        **{  # type: ignore[arg-type]
            "seed": 1,
            "trials": 0,
            "progress": lambda line: None,
            "parameters": {"n_estimators": 2},
            **given,
        },
    )


def test_a_fit_states_what_it_cost_outside_its_content(tmp_path: Path) -> None:
    store = ArtifactStore(tmp_path)
    fitted = fit(store)
    costs = read_costs(store, fitted.artifact.address)
    assert costs["fit_seconds"] == pytest.approx(fitted.seconds, rel=1e-3)
    assert costs["fit_memory"] == pytest.approx(fitted.memory, rel=1e-3)
    assert fitted.search == {}
    assert fit(store).artifact.address == fitted.artifact.address
    assert not any("cost" in path.name for path in fitted.artifact.path.rglob("*"))


@pytest.mark.parametrize("given", [{"trials": -1}, {"minutes": -1.0}, {"minutes": float("inf")}])
def test_a_search_of_less_than_nothing_is_refused(tmp_path: Path, given: dict[str, object]) -> None:
    with pytest.raises(UserError, match="random_forest: a search of"):
        fit(ArtifactStore(tmp_path), **given)
