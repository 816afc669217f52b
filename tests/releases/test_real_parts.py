"""A release of the platform's own transformers and a forest, from listings to a fresh process."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest
import release_kit

from carprice_assets.errors import UserError
from carprice_assets.features.feature_set import FeatureSet
from carprice_assets.features.fit import fit_all, save_fitted
from carprice_assets.features.trees import TreeArrays
from carprice_assets.files import content_id, folder_hashes, read_json
from carprice_assets.listings.contract import from_days
from carprice_assets.regressors.order import Order
from carprice_assets.regressors.predictor import SLICE, Predictor
from carprice_assets.regressors.ranges import Ranges, Scale
from carprice_assets.regressors.serving import save_trees, write_form
from carprice_assets.releases.content import build_content
from carprice_assets.releases.golden import Golden, golden_cars
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
# CatBoost, which ranges need, brings pandas and scipy by itself.
heavy = {"dagster", "sklearn", "duckdb", "gensim", "torch"} & set(sys.modules)
told = [[answer.price, answer.low, answer.high] for answer in answers]
print(json.dumps([valuer.same_bits, told, sorted(heavy)]))
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
    limits = features.with_limits(columns).limits
    assert limits is not None
    limits.save(root / "features")
    (root / "serving").mkdir()
    save_trees(root / "serving", stump(features))
    write_form(root / "serving", "trees", features.feature_names)
    Order.of(columns).save(root / "serving")
    block, names = features.transform(columns), features.feature_names
    residual = np.random.default_rng(3).uniform(0.01, 0.2, len(price))
    scale = Scale.fit(block, names, residual, price, coverage=0.9, seed=1, threads=1)
    Ranges(scale, 0.9, {"": 1.2}).save(root / "serving")
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
        {"make": "Astra", "model": "Meteor", "year": 2019, "exterior_color": "zzyx"},
        {"make": "Astra", "model": "Comet"},
        {"make": "Nobody", "model": "X", "year": 2021},
    ]
    valuer = Valuer.load(release.path)
    here = valuer.value_cars(cars, as_of=date(2024, 2, 1))
    assert [answer.price is None for answer in here] == [False, False, True, True]
    assert [answer.supported for answer in here] == [True, True, None, False]
    assert [note.code for note in here[3].reasons] == ["unknown_make", "unknown_model"]
    for answer in here[:2]:
        assert answer.low is not None
        assert answer.high is not None
        assert 0 < answer.low < (answer.price or 0) < answer.high
        assert answer.coverage == 0.9
    assert here[2].errors[0].field == "year"
    assert any(note.code.startswith("unknown") for note in here[1].warnings)
    command = [sys.executable, "-c", FRESH, str(release.path), json.dumps(cars), "2024-02-01"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    told = [[answer.price, answer.low, answer.high] for answer in here]
    assert json.loads(done.stdout) == [True, told, []]


def test_answers_are_those_of_the_columns(release: Release) -> None:
    valuer = Valuer.load(release.path)
    columns, _ = release_kit.listings(60, seed=11)
    whole = valuer.value(columns)
    assert set(np.round(np.log(whole), 1)) == {9.5, 10.5}  # the order guard moves them a little
    price, low, high = valuer.ranges(columns)
    assert np.array_equal(price, whole)
    for n in range(60):
        alone = valuer.ranges({k: v[n : n + 1] for k, v in columns.items()})
        assert [each[0] for each in alone] == [whole[n], low[n], high[n]]
    assert len(valuer.notes(columns)) == 60


def test_a_changed_range_is_refused(release: Release) -> None:
    valuer = Valuer.load(release.path)
    golden = Golden.parse(read_json(release.content / "golden.json"), "golden.json")
    assert golden.replay(valuer.engine).problems == []
    (name, ends), *_ = golden.ranges.items()
    low, high = ends[0]
    wider = replace(golden, ranges={name: ((low, high * 1.001), *ends[1:])})
    [problem] = wider.replay(valuer.engine).problems
    assert problem.startswith("golden case 0: the range of random_forest is (")
    [problem] = replace(golden, ranges={name: ()}).replay(valuer.engine).problems
    assert "has ranges where it had none" in problem


def test_long_batches_have_the_bits_of_short_ones(release: Release) -> None:
    predictor = Valuer.load(release.path).engine.predictor(None)
    columns, _ = release_kit.listings(SLICE + 50, seed=12)
    price, low, high = predictor.ranges(columns)
    assert np.array_equal(predictor(columns), price)
    for rows in (slice(0, 9), slice(SLICE - 4, SLICE + 5)):
        part = predictor.ranges({name: values[rows] for name, values in columns.items()})
        assert all(np.array_equal(a, b[rows]) for a, b in zip(part, (price, low, high)))
    columns["model"][3] = "Zephyr"
    assert np.flatnonzero(predictor.unsupported(columns)).tolist().count(3) == 1
    assert predictor.unsupported(columns).mean() < 0.05


def test_the_form_alone_prices_without_order_or_ranges(release: Release) -> None:
    predictor = Valuer.load(release.path).engine.predictor(None)
    bare = Predictor(predictor.features, predictor.form)
    columns, _ = release_kit.listings(40, seed=12)
    price, low, high = bare.ranges(columns)
    assert set(np.round(np.log(price), 9)) == {9.5, 10.5}
    assert np.isnan(low).all()
    assert np.isnan(high).all()
    assert bare.coverage is None


def test_an_msrp_in_another_currency_is_an_error(release: Release) -> None:
    car = {"make": "Astra", "model": "Comet", "year": 2021, "msrp": "€ 20,000"}
    answer = Valuer.load(release.path).value_cars([car], as_of=AS_OF)[0]
    assert [note.field for note in answer.errors] == ["msrp"]


def stage_forest(parts: tuple[Path, Path], serving: Path, content: Path) -> None:
    content.mkdir()
    columns, _ = release_kit.listings(20)
    build_content(
        content,
        market=release_kit.MARKET,
        dataset={"address": "d" * 32, "last_observed": AS_OF.isoformat()},
        feature_set_folder=parts[0],
        regressors={"random_forest": serving},
        champion="random_forest",
        golden=golden_cars(columns),
        figures={"random_forest": {}},
        vehicles=vehicle_hashes("us-1", ["a"]),
    )


def test_a_form_fitted_on_other_features_is_refused(
    parts: tuple[Path, Path], tmp_path: Path
) -> None:
    serving = tmp_path / "serving"
    serving.mkdir()
    features = FeatureSet.load(parts[0])
    save_trees(serving, stump(features))
    write_form(serving, "trees", (*features.feature_names, "elsewhere"))
    with pytest.raises(UserError, match="fitted on the feature 'elsewhere', which is not there"):
        stage_forest(parts, serving, tmp_path / "content")


@pytest.mark.parametrize("left_out", ["order.json", "range"])
def test_a_form_without_order_or_ranges_is_refused(
    parts: tuple[Path, Path], tmp_path: Path, left_out: str
) -> None:
    serving = tmp_path / "serving"
    shutil.copytree(parts[1], serving, ignore=shutil.ignore_patterns(left_out))
    with pytest.raises(UserError, match="random_forest has no order guard or no ranges"):
        stage_forest(parts, serving, tmp_path / "content")


def test_features_without_limits_are_refused(parts: tuple[Path, Path], tmp_path: Path) -> None:
    features = tmp_path / "features"
    shutil.copytree(parts[0], features, ignore=shutil.ignore_patterns("limits.json"))
    with pytest.raises(UserError, match="no limits: materialize feature_set again"):
        stage_forest((features, parts[1]), parts[1], tmp_path / "content")
