"""The same cars give the same features to the bit, in any batch and in any process."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from serving_environment import clean_environment
from trained_releases import champion, stage_both

from carprice_assets.artifacts import ArtifactStore
from carprice_assets.features.feature_set import FeatureSet
from carprice_assets.home import Home
from carprice_assets.listings.contract import FEATURE_FIELDS, row_count, take
from carprice_assets.listings.dataset import read_side
from carprice_assets.releases.release import Release
from carprice_assets.releases.valuer import Valuer

ROWS = 1_000
Table = dict[str, np.ndarray[Any, Any]]

FRESH = """
import json, sys
from pathlib import Path
import numpy as np
from carprice_assets.features.feature_set import FeatureSet
from carprice_assets.listings.contract import text_array
from carprice_assets.releases.valuer import Valuer
given = json.loads(Path(sys.argv[2]).read_text())
columns = {
    name: text_array(values) if isinstance(values[0], str) else np.array(values)
    for name, values in given.items()
}
valuer = Valuer.load(Path(sys.argv[1]))
features = FeatureSet.load(valuer.content / "features")
prices = {name: valuer.value(columns, name) for name in valuer.regressors}
np.savez(sys.argv[3], matrix=features.transform(columns), scaled=features.scaled(columns), **prices)
forbidden = {"dagster", "sklearn", "duckdb", "gensim", "optuna", "pyarrow"} & set(sys.modules)
assert not forbidden, forbidden
"""


@pytest.fixture(scope="module")
def release(trained_template: Home, tmp_path_factory: pytest.TempPathFactory) -> Release:
    """A release of both regressors."""
    return stage_both(trained_template, tmp_path_factory.mktemp("both") / "releases")


@pytest.fixture(scope="module")
def columns(trained_template: Home) -> Table:
    """1,000 cars: the hold-out's over and over, each round perturbed and with other gaps."""
    address = champion(trained_template).head().data["address"]
    folder = ArtifactStore(trained_template.artifacts).get(address).path
    holdout = read_side(folder, "holdout")
    count = row_count(holdout)
    rows = np.arange(ROWS) % count
    rng = np.random.default_rng(5)
    found = {field.name: holdout[field.name][rows].copy() for field in FEATURE_FIELDS}
    later = np.arange(ROWS) >= count  # the first round stays as it was listed
    found["mileage"] *= np.where(later, rng.uniform(0.5, 2.0, ROWS), 1.0)
    found["msrp"] *= np.where(later, rng.uniform(0.9, 1.1, ROWS), 1.0)
    found["year"] += np.where(later, rng.integers(-6, 2, ROWS), 0)
    for name, values in found.items():
        missing = later & (rng.random(ROWS) < 0.08) & (name not in ("make", "model", "year"))
        values[missing] = np.nan if values.dtype == np.float64 else ""
    for name in ("make", "model", "exterior_color"):
        found[name][later & (rng.random(ROWS) < 0.03)] = "Zzyx Qwv"
    return found


@pytest.fixture(scope="module")
def features(release: Release) -> FeatureSet:
    return FeatureSet.load(release.content / "features")


@pytest.fixture(scope="module")
def fresh(
    serving_python: tuple[Path, set[str]],
    release: Release,
    columns: Table,
    tmp_path_factory: pytest.TempPathFactory,
) -> Mapping[str, Any]:
    """Features and prices as a process with only the ``serving`` extra computes them."""
    folder = tmp_path_factory.mktemp("fresh")
    given = {name: values.tolist() for name, values in columns.items()}
    (folder / "columns.json").write_text(json.dumps(given), encoding="utf-8")
    paths = [release.path, folder / "columns.json", folder / "found.npz"]
    done = subprocess.run(
        [str(serving_python[0]), "-I", "-c", FRESH, *map(str, paths)],
        capture_output=True,
        text=True,
        timeout=120,
        env=clean_environment(),
    )
    assert (done.returncode, done.stderr) == (0, "")
    with np.load(folder / "found.npz") as found:
        return dict(found)


def test_the_cars_are_of_many_kinds(features: FeatureSet, columns: Table) -> None:
    """So that the tests below see gaps, unknown words and all stock types."""
    codes = {note.code for notes in features.notes(columns) for note in notes}
    assert codes >= {"imputed", "unknown_make", "unknown_model", "unknown_word"}
    assert len(set(columns["stock_type"])) >= 3
    assert len(np.unique(features.transform(columns), axis=0)) > 0.9 * ROWS


@pytest.mark.parametrize("kind", ["transform", "scaled"])
def test_one_by_one_in_one_batch_and_shuffled(
    features: FeatureSet, columns: Table, kind: str
) -> None:
    compute = getattr(features, kind)
    whole = compute(columns)
    assert whole.shape == (ROWS, len(features.feature_names))
    assert whole.dtype == np.float32
    assert np.isfinite(whole).all()
    alone = [compute(take(columns, np.array([row]))) for row in range(ROWS)]
    assert np.concatenate(alone).tobytes() == whole.tobytes()
    for seed, size in enumerate((ROWS, 2, 3, 7, 16, 333)):
        order = np.random.default_rng(seed).permutation(ROWS)[:size]
        assert compute(take(columns, order)).tobytes() == whole[order].tobytes()


def test_in_a_process_with_only_the_serving_extra(
    features: FeatureSet, columns: Table, fresh: Mapping[str, Any]
) -> None:
    assert fresh["matrix"].tobytes() == features.transform(columns).tobytes()
    assert fresh["scaled"].tobytes() == features.scaled(columns).tobytes()


def test_prices_of_every_regressor(
    release: Release, columns: Table, fresh: Mapping[str, Any]
) -> None:
    valuer = Valuer.load(release.path)
    assert valuer.regressors == ("catboost", "random_forest")
    order = np.random.default_rng(9).permutation(ROWS)
    for name in valuer.regressors:
        whole = valuer.value(columns, name)
        assert np.isfinite(whole).all()
        assert len(np.unique(whole)) > 0.8 * ROWS
        alone = [valuer.value(take(columns, np.array([row])), name)[0] for row in range(ROWS)]
        np.testing.assert_allclose(alone, whole, rtol=1e-6)
        np.testing.assert_allclose(valuer.value(take(columns, order), name), whole[order], 1e-6)
        np.testing.assert_allclose(fresh[name], whole, rtol=1e-6)
