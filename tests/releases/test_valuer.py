"""Content, golden cases and answers, with transformers and regressors of a few numbers."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from carprice_assets.errors import UserError
from carprice_assets.listings.contract import FIELDS, text_array
from carprice_assets.regressors.predictor import SLICE, Predictor
from carprice_assets.releases.card import model_card
from carprice_assets.releases.content import build_content, check_schema, schema
from carprice_assets.releases.engine import Parts
from carprice_assets.releases.golden import Golden, golden_cars
from carprice_assets.releases.head import Head
from carprice_assets.releases.release import Release
from carprice_assets.releases.store import ReleaseStore
from carprice_assets.releases.valuer import Valuer
from carprice_assets.releases.vehicles import vehicle_hashes

LAST = date(2023, 12, 31)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> ReleaseStore:
    return ReleaseStore(tmp_path_factory.mktemp("home") / "releases")


@pytest.fixture(scope="module")
def release(store: ReleaseStore, kit: ModuleType) -> Release:
    return store.stage("us", kit.builder(store.root.parent), {"run": "r1", "numpy": "2"})


@pytest.fixture(scope="module")
def valuer(release: Release, kit: ModuleType) -> Valuer:
    return Valuer.load(release.path, parts=kit.PARTS)


def test_a_valuer_says_what_it_is(valuer: Valuer, release: Release) -> None:
    assert valuer.release_id == release.id
    assert (valuer.market, valuer.currency, valuer.distance) == ("us", "USD", "mi")
    assert valuer.regressors == ("catboost", "random_forest")
    assert valuer.champion == "catboost"
    assert valuer.last_observed == LAST
    assert valuer.provenance["run"] == "r1"
    assert valuer.same_bits is True
    assert len(valuer.vehicles("us-1")) == len(valuer.vehicles()) == 2
    with pytest.raises(UserError, match="another salt than 'us-2'"):
        valuer.vehicles("us-2")


def test_equal_parts_make_an_equal_release(
    store: ReleaseStore, release: Release, kit: ModuleType, tmp_path: Path
) -> None:
    assert store.stage("us", kit.builder(tmp_path), {"run": "r2"}).id == release.id
    assert store.stage("us", kit.builder(tmp_path, 1.0), {}).id != release.id


def test_content_holds_the_schema_in_order(release: Release) -> None:
    table = json.loads((release.content / "schema.json").read_bytes())
    assert [entry["name"] for entry in table["fields"]] == [field.name for field in FIELDS]
    head = release.head()
    assert head.data["salt"] == "us-1"
    assert head.data["address"] == "a" * 32


def test_each_car_gets_its_own_answer(valuer: Valuer, kit: ModuleType) -> None:
    cars: list[Any] = [kit.CARS[0], {"year": 2020}, 7, kit.CARS[2] | {"mileage": None}]
    answers = valuer.value_cars(cars, as_of=LAST)
    assert [answer.price is None for answer in answers] == [False, True, True, False]
    assert [note.code for note in answers[1].errors] == ["missing"]
    assert [note.code for note in answers[3].warnings] == ["imputed"]
    alone = valuer.value_cars([kit.CARS[0]], as_of=LAST)[0]
    assert alone == answers[0]
    assert alone.warnings == ()


def test_regressors_are_chosen_by_name(valuer: Valuer, kit: ModuleType) -> None:
    default = valuer.value_cars(kit.CARS, as_of=LAST)
    champion = valuer.value_cars(kit.CARS, as_of=LAST, regressor="catboost")
    other = valuer.value_cars(kit.CARS, as_of=LAST, regressor="random_forest")
    assert default == champion != other
    for cars in (kit.CARS, []):
        with pytest.raises(UserError, match="'ensemble' is not in this release, which has catboo"):
            valuer.value_cars(cars, as_of=LAST, regressor="ensemble")


def test_as_of_is_clamped_with_a_warning(valuer: Valuer, kit: ModuleType) -> None:
    newer = kit.CARS[0] | {"year": 2026}
    then, later = (valuer.value_cars([newer], as_of=day)[0] for day in (LAST, date(2026, 5, 1)))
    assert then.price is None
    assert later.price is not None
    assert [note.code for note in later.warnings] == ["as_of_clamped"]
    old = kit.CARS[0]
    first, second = (valuer.value_cars([old], as_of=day)[0] for day in (LAST, date(2026, 5, 1)))
    assert first.price == second.price
    past = valuer.value_cars([old], as_of=date(2022, 1, 1))[0]
    assert past.price != first.price
    assert past.warnings == ()


def test_a_day_before_the_data_is_clamped_too(valuer: Valuer, kit: ModuleType) -> None:
    first = date(2023, 7, 1)
    told = replace(valuer, head=replace(valuer.head, first_observed=first))
    early, then = (told.value_cars(kit.CARS[:1], as_of=d)[0] for d in (date(2020, 1, 1), first))
    assert early.price == then.price != told.value_cars(kit.CARS[:1], as_of=LAST)[0].price
    assert then.warnings == ()
    [note] = early.warnings
    assert (note.code, note.field) == ("as_of_clamped", "observed_at")
    assert note.message == "valued as of 2023-07-01, the first day with listings, not 2020-01-01"
    assert told.read_cars(kit.CARS[:1], date(2020, 1, 1))[1]["observed_at"].tolist() == [19_539.0]
    # Its year is looked at as of that day too: no car of 2024 was one in 2018.
    car = kit.CARS[0] | {"year": 2024}
    early, then = (told.value_cars([car], as_of=day)[0] for day in (date(2018, 1, 1), first))
    assert early.price == then.price is not None
    assert [note.code for note in early.warnings] == ["as_of_clamped"]


def test_a_price_that_is_none_becomes_an_error(valuer: Valuer, kit: ModuleType) -> None:
    worn = kit.CARS[0] | {"mileage": 900_000}
    answer = valuer.value_cars([worn], as_of=LAST)[0]
    assert answer.price is None
    assert [note.code for note in answer.errors] == ["unsupported"]
    assert [note.code for note in answer.reasons] == ["no_price"]
    assert answer.supported is False


def test_long_batches_are_sliced_without_a_trace(valuer: Valuer, kit: ModuleType) -> None:
    columns = kit.read_cars(kit.CARS * (SLICE // 2), as_of=19_000.0, distance="mi").columns
    sizes: list[int] = []
    form = valuer.engine.predictor("catboost").form

    class Watched:
        def predict(self, features: Any) -> Any:
            sizes.append(len(features))
            return form.predict(features)

    features = valuer.engine.features
    predictors = {"catboost": Predictor(features, Watched())}
    watched = type(valuer.engine)(features, predictors, "catboost", "mi", kit.read_cars)
    prices = watched.value(columns)
    assert sizes == [SLICE, SLICE // 2]
    assert np.array_equal(prices, np.tile(prices[:3], SLICE // 2))
    assert len(valuer.notes(columns)) == len(prices)
    assert valuer.value({name: values[:0] for name, values in columns.items()}).shape == (0,)


def test_golden_cases_are_replayed(release: Release, kit: ModuleType) -> None:
    class Off(kit.FakeForm):
        def predict(self, features: Any) -> Any:
            return super().predict(features) * (1 + 2e-6)

    parts = Parts(kit.FakeFeatures.load, Off, kit.read_cars)
    with pytest.raises(UserError, match=r"golden case 0: catboost gives .* and 5 more"):
        Valuer.load(release.path, parts=parts)
    assert Valuer.load(release.path, verify=False, parts=parts).same_bits is None

    class Shifted(kit.FakeFeatures):
        def transform(self, columns: Any) -> Any:
            return super().transform(columns) * np.float32(1 + 1e-7)

    parts = Parts(Shifted.load, kit.FakeForm, kit.read_cars)
    assert Valuer.load(release.path, parts=parts).same_bits is False


def test_unverified_loading_still_refuses_types(release: Release, kit: ModuleType) -> None:
    path = release.content / "vehicles.npy"
    kept = path.read_bytes()
    path.write_bytes(b"\x93NUMPY\x09\x00" + kept[8:])
    try:
        with pytest.raises(UserError, match=r"vehicles\.npy is no array"):
            Valuer.load(release.path, verify=False, parts=kit.PARTS)
    finally:
        path.write_bytes(kept)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"champion": "ensemble"}, "champion 'ensemble' is not carried"),
        ({"dataset": {"address": "x"}}, "last_observed is no ISO date"),
        ({"golden": []}, "needs golden cases"),
        ({"golden": [{"year": 2020}]}, "golden car 0: make"),
        ({"golden": [{"make": "Kia", "year": 2020, "mileage": 1e6}]}, "no price above 0"),
        ({"figures": {"catboost": {}}}, "random_forest has figures or a serving form, not both"),
        ({"vehicles": vehicle_hashes("s", [])}, "no vehicle that it learned from"),
        ({"feature_set_folder": Path("nowhere")}, "nowhere is missing"),
    ],
)
def test_content_that_could_not_answer_is_refused(
    tmp_path: Path, kit: ModuleType, changes: dict[str, Any], told: str
) -> None:
    features, forms = kit.parts_folders(tmp_path / "parts")
    folder = tmp_path / "content"
    folder.mkdir()
    given: dict[str, Any] = {
        "market": kit.MARKET,
        "dataset": {"address": "x", "last_observed": "2023-12-31"},
        "feature_set_folder": features,
        "regressors": forms,
        "champion": "catboost",
        "golden": kit.CARS,
        "figures": {name: {} for name in forms},
        "vehicles": vehicle_hashes("s", ["a"]),
        "parts": kit.PARTS,
    }
    with pytest.raises(UserError, match=told):
        build_content(folder, **given | changes)


def test_a_field_with_another_meaning_is_refused() -> None:
    table = schema()
    check_schema(table, "schema.json")
    table["fields"][-1]["kind"] = "number"
    with pytest.raises(UserError, match="'interior_color' means something else"):
        check_schema(table, "schema.json")
    with pytest.raises(UserError, match="newer than"):
        check_schema(table | {"format": 3}, "schema.json")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"format": 2}, "newer than the 1"),
        ({"market": ""}, "market is missing"),
        ({"distance": "ly"}, "neither 'mi' nor 'km'"),
        ({"regressors": ["../x"]}, "regressors must list names"),
        ({"regressors": ["catboost", "catboost"]}, "regressors must list names"),
        ({"data": None}, "data is missing"),
        ({"data": {"last_observed": 3}}, "no ISO date"),
        ({"data": {"last_observed": "2023-12-31", "first_observed": None}}, "first_observed is no"),
        (
            {"data": {"last_observed": "2023-12-31", "first_observed": "2024-01-01"}},
            "after data.last_observed",
        ),
    ],
)
def test_a_malformed_head_is_refused(release: Release, change: dict[str, Any], told: str) -> None:
    table = json.loads((release.content / "release.json").read_bytes())
    with pytest.raises(UserError, match=told):
        Head.parse(table | change, "release.json")


@pytest.mark.parametrize(
    "change",
    [
        {"cars": []},
        {"prices": {"catboost": [1.0]}},
        {"ranges": None},
        {"ranges": {"catboost": [], "random_forest": [], "other": []}},
        {"ranges": {"catboost": []}},
        {"ranges": {"catboost": [[1.0, 2.0]], "random_forest": []}},
        {"ranges": {"catboost": [[1.0], [1.0], [1.0]], "random_forest": []}},
        {"as_of": "soon"},
        {"format": 0},
    ],
)
def test_malformed_golden_cases_are_refused(release: Release, change: dict[str, Any]) -> None:
    table = json.loads((release.content / "golden.json").read_bytes())
    with pytest.raises(UserError, match=r"golden\.json"):
        Golden.parse(table | change, "golden.json")


def test_golden_cars_say_nothing_of_a_seller() -> None:
    rows = 60
    text = {name: text_array([name] * rows) for name in ("model", "trim", "drivetrain", "cat")}
    text |= {n: text_array([n] * rows) for n in ("fuel_type", "bodystyle", "vin", "dealer")}
    text |= {n: text_array(["Oak"] * rows) for n in ("exterior_color", "interior_color")}
    columns = text | {
        "make": text_array(["Kia"] * rows),
        "stock_type": text_array(["New", "Used", "Used"] * (rows // 3)),
        "listing_id": text_array([f"id{n}" for n in range(rows)]),
        "year": np.full(rows, 2020.0),
        "mileage": np.array([np.nan, 12_345.0, 9.0] * (rows // 3)),
        "msrp": np.full(rows, 31_234.0),
        "price": np.full(rows, 30_000.0),
    }
    cars = golden_cars(columns, seed=1)
    assert len(cars) == 20
    assert cars == golden_cars(columns, seed=1)
    assert not {"vin", "dealer", "listing_id", "price", "vehicle"} & set().union(*cars)
    kinds = [car.get("stock_type") for car in cars]
    assert min(kinds.count("New"), kinds.count("Used")) >= 9
    assert {car["msrp"] for car in cars if "msrp" in car} == {31_250}
    assert {car.get("mileage") for car in cars} <= {None, 0, 12_500}
    assert cars[-2] == {"make": "Kia", "model": "model", "year": 2020}
    assert golden_cars({name: values[:0] for name, values in columns.items()}) == []


def test_the_card_tells_figures_and_decisions(
    store: ReleaseStore, release: Release, kit: ModuleType, tmp_path: Path
) -> None:
    store = ReleaseStore(tmp_path, lambda: kit.MOMENT)
    first = store.stage("us", kit.builder(tmp_path), {"run": "r|1"})
    second = store.stage("us", kit.builder(tmp_path, 3.0), {})
    store.promote("us", first.id, None, kit.YES)
    store.record("us", {"event": "refused", "release": second.id})
    store.promote("us", second.id, first.id, kit.YES)
    store.rollback("us", None, "too <high>")
    card = model_card(first, store.ledger("us"))
    assert card.startswith(f"# Release {first.id}\n")
    assert "| catboost | 400 | 0.9500 (0.9400 to 0.9600) |" in card
    assert "| run | r\\|1 |" in card
    assert "| rolled_back | too &lt;high> |" in card
    assert f"replaced by {second.id} (promoted)" in card
    assert "refused" not in card
    assert "Made for the market us. " in card
    assert "None yet." in model_card(first, [])
