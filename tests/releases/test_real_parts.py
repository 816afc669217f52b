"""A release of the platform's own transformers and a forest, from listings to a fresh process."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import date
from pathlib import Path

import numpy as np
import pytest
import release_kit

from carprice_assets.errors import UserError
from carprice_assets.features.feature_set import FeatureSet
from carprice_assets.features.fit import fit_all, save_fitted
from carprice_assets.features.trees import TreeArrays
from carprice_assets.files import content_id, folder_hashes
from carprice_assets.listings.contract import from_days
from carprice_assets.regressors.serving import save_trees, write_form
from carprice_assets.releases.content import build_content
from carprice_assets.releases.golden import golden_cars
from carprice_assets.releases.release import Release
from carprice_assets.releases.store import ReleaseStore
from carprice_assets.releases.valuer import Valuer
from carprice_assets.releases.vehicles import vehicle_hashes

FRESH = """
import json, sys
from datetime import date
from pathlib import Path
from carprice_assets.releases.valuer import Valuer
valuer = Valuer.load(Path(sys.argv[1]))
answers = valuer.value_cars(json.loads(sys.argv[2]), as_of=date.fromisoformat(sys.argv[3]))
heavy = {"dagster", "sklearn", "duckdb", "pandas", "scipy", "gensim", "torch"} & set(sys.modules)
print(json.dumps([valuer.same_bits, [answer.price for answer in answers], sorted(heavy)]))
"""
AS_OF = from_days(19_755.0)


def stump(features: FeatureSet) -> TreeArrays:
    """Two leaves of log price, parted at the first feature's middle."""
    columns, _ = release_kit.listings(50, seed=9)
    middle = float(np.median(features.transform(columns)[:, 0]))
    return TreeArrays(
        feature=np.array([0, 0, 0], np.int32),
        threshold=np.array([middle, np.inf, np.inf], np.float32),
        left=np.array([1, 1, 2], np.int32),
        missing_left=np.array([True, True, True]),
        value=np.array([10.0, 9.5, 10.5]),
        roots=np.array([0], np.int32),
        depth=1,
    )


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A saved feature set and a serving folder."""
    root = tmp_path_factory.mktemp("parts")
    columns, price = release_kit.listings(300)
    addresses: dict[str, str] = {}
    for name, transformer in fit_all(columns, price).items():
        folder = root / "features" / name
        folder.mkdir(parents=True)
        save_fitted(transformer, folder, "d" * 32, addresses)
        addresses[name] = content_id(folder_hashes(folder))
    features = FeatureSet.load(root / "features")
    (root / "serving").mkdir()
    save_trees(root / "serving", stump(features))
    write_form(root / "serving", "trees", features.feature_names)
    return root / "features", root / "serving"


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory, parts: tuple[Path, Path]) -> Release:
    columns, _ = release_kit.listings(120, seed=4)

    def build(folder: Path) -> None:
        build_content(
            folder,
            market=release_kit.MARKET,
            dataset={"address": "d" * 32, "last_observed": AS_OF.isoformat()},
            feature_set_folder=parts[0],
            regressors={"random_forest": parts[1]},
            champion="random_forest",
            golden=golden_cars(columns),
            figures={"random_forest": {}},
            vehicles=vehicle_hashes("us-1", list(columns["vehicle"])),
        )

    return ReleaseStore(tmp_path_factory.mktemp("home")).stage("us", build, {"run": "r1"})


def test_a_fresh_process_gives_the_same_prices(release: Release) -> None:
    cars = [
        {"make": "Astra", "model": "Comet", "year": 2021, "mileage": "30,000", "msrp": 0},
        {"make": "Nobody", "model": "X", "year": 1999, "exterior_color": "zzyx"},
        {"make": "Astra", "model": "Comet"},
    ]
    valuer = Valuer.load(release.path)
    here = valuer.value_cars(cars, as_of=date(2024, 2, 1))
    assert [answer.price is None for answer in here] == [False, False, True]
    assert here[2].errors[0].field == "year"
    assert any(note.code.startswith("unknown") for note in here[1].warnings)
    command = [sys.executable, "-c", FRESH, str(release.path), json.dumps(cars), "2024-02-01"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == [True, [answer.price for answer in here], []]


def test_answers_are_those_of_the_columns(release: Release) -> None:
    valuer = Valuer.load(release.path)
    columns, _ = release_kit.listings(60, seed=11)
    whole = valuer.value(columns)
    assert set(np.round(np.log(whole), 9)) == {9.5, 10.5}
    alone = [valuer.value({k: v[n : n + 1] for k, v in columns.items()})[0] for n in range(60)]
    assert np.array_equal(whole, alone)
    assert len(valuer.notes(columns)) == 60


def test_an_msrp_in_another_currency_is_an_error(release: Release) -> None:
    car = {"make": "Astra", "model": "Comet", "year": 2021, "msrp": "€ 20,000"}
    answer = Valuer.load(release.path).value_cars([car], as_of=AS_OF)[0]
    assert [note.field for note in answer.errors] == ["msrp"]


def test_a_form_fitted_on_other_features_is_refused(
    parts: tuple[Path, Path], tmp_path: Path
) -> None:
    serving = tmp_path / "serving"
    serving.mkdir()
    features = FeatureSet.load(parts[0])
    save_trees(serving, stump(features))
    write_form(serving, "trees", features.feature_names[::-1])
    (tmp_path / "content").mkdir()
    columns, _ = release_kit.listings(20)
    with pytest.raises(UserError, match="random_forest was fitted on other features"):
        build_content(
            tmp_path / "content",
            market=release_kit.MARKET,
            dataset={"address": "d" * 32, "last_observed": AS_OF.isoformat()},
            feature_set_folder=parts[0],
            regressors={"random_forest": serving},
            champion="random_forest",
            golden=golden_cars(columns),
            figures={"random_forest": {}},
            vehicles=vehicle_hashes("us-1", ["a"]),
        )
