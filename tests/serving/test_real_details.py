"""Comparables, explanations and ratings of a release that was trained."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import pytest
from litestar.testing import TestClient
from trained_releases import MARKET, champion, reference_cars

from carprice_assets.artifacts import ArtifactStore
from carprice_assets.home import Home
from carprice_assets.listings.dataset import read_side
from carprice_assets.releases.comparables import Comparables
from carprice_serving.app import create_app
from carprice_serving.settings import Settings

ROUTE = f"/api/v1/{MARKET}/valuations"
LEARNED = ("train", "validation", "calibration")
USED = reference_cars()[3]


@pytest.fixture(scope="module")
def client(trained_template: Home) -> Iterator[Any]:
    with TestClient(create_app(Settings(home=trained_template))) as client:
        yield client


@pytest.fixture(scope="module")
def sides(trained_template: Home) -> dict[str, Any]:
    """The sides of the dataset that the release was trained on."""
    address = champion(trained_template).head().data["address"]
    folder = ArtifactStore(trained_template.artifacts).get(address).path
    return {side: read_side(folder, side) for side in (*LEARNED, "holdout")}


def value(client: Any, *cars: Any, **more: Any) -> list[dict[str, Any]]:
    answer = client.post(ROUTE, json={"cars": list(cars), **more})
    assert answer.status_code == 200, answer.text
    return answer.json()["valuations"]


def test_a_release_keeps_what_it_learned_from_and_nobody_s_name(
    trained_template: Home, sides: dict[str, Any]
) -> None:
    content = champion(trained_template).content
    known = Comparables.load(content)
    assert known is not None
    vehicles = {name for side in LEARNED for name in sides[side]["vehicle"]}
    assert 0.95 * len(vehicles) < len(known) <= len(vehicles)
    written = b"\n".join(path.read_bytes() for path in (content / "comparables").iterdir())
    seen = 0
    for side in sides.values():
        for name in ("vin", "dealer", "listing_id", "vehicle"):
            for word in {word for word in side[name] if len(word) > 3}:
                seen += 1
                assert word.encode() not in written, (name, word)
    assert seen > 1_000


def test_no_hold_out_car_is_a_comparable(trained_template: Home, sides: dict[str, Any]) -> None:
    known = Comparables.load(champion(trained_template).content)
    assert known is not None
    rows = set(zip(known.columns["price"].tolist(), known.columns["year"].tolist(), strict=True))
    cars = sides["holdout"]
    shared = [pair in rows for pair in zip(cars["price"], cars["year"], strict=True)]
    # By chance another car has the same year and price; were they in, all would be.
    assert sum(shared) < 0.5 * len(shared)


@pytest.mark.parametrize("regressor", ["catboost", None])
def test_explanations_add_up_to_the_answered_price(client: Any, regressor: str | None) -> None:
    cars = [car | {"trim": trim} for car in reference_cars() for trim in ("", "Sport", "Zzyx")]
    found = value(client, *cars, explain=True, model_type=regressor)
    explained = [each for each in found if each["price"] is not None]
    assert len(explained) >= 8
    for each in explained:
        told = each["explanation"]
        assert told["price"] == each["price"]
        amounts = [contribution["amount"] for contribution in told["contributions"]]
        assert round(math.fsum([told["base"], *amounts]), 2) == each["price"]
        assert told["contributions"][0]["fields"] == ["make", "model"]
    # Asking changes no price.
    plain = value(client, *cars, model_type=regressor)
    assert [each["price"] for each in plain] == pytest.approx(
        [each["price"] for each in found], rel=1e-6
    )


def test_more_miles_are_a_reason_for_a_lower_price(client: Any) -> None:
    [found] = value(client, USED | {"mileage": 110_000}, explain=True)
    [miles] = [
        each["amount"]
        for each in found["explanation"]["contributions"]
        if each["fields"] == ["mileage"]
    ]
    assert miles < 0


def test_comparables_are_of_the_model_and_sorted(client: Any) -> None:
    for found, car in zip(
        value(client, *reference_cars(), comparables=5), reference_cars(), strict=True
    ):
        near = found["comparables"]
        assert near
        assert {(each["make"], each["model"]) for each in near} == {(car["make"], car["model"])}
        distances = [each["distance"] for each in near]
        assert distances == sorted(distances)
        assert all(each["price"] > 0 for each in near)


def test_a_rating_follows_the_answered_range(client: Any) -> None:
    [plain] = value(client, USED)
    asked = {
        "great": plain["low"] - 0.01,
        "good": plain["low"],
        "fair": plain["price"],
        "high": plain["high"],
        "overpriced": plain["high"] + 0.01,
    }
    found = value(client, *(USED | {"asking_price": amount} for amount in asked.values()))
    assert [each["deal_rating"] for each in found] == list(asked)


@pytest.mark.parametrize(
    ("change", "field", "meant"),
    [
        ({"make": "Frod"}, "make", "Ford"),
        ({"model": "F-1500"}, "model", "F-150"),
        ({"make": "Honda", "model": "F-150"}, "make", "Ford"),
    ],
)
def test_suggestions(client: Any, change: dict[str, str], field: str, meant: str) -> None:
    [found] = value(client, USED | change)
    assert found["price"] is None
    told = {each["field"]: each["values"] for each in found["suggestions"]}
    assert meant in told[field]
    [better] = value(client, USED | {"make": "Ford", "model": "F-150"} | {field: meant})
    assert better["price"] is not None


def test_the_releases_route_tells_of_it(client: Any, trained_template: Home) -> None:
    told = client.get(f"/api/v1/{MARKET}/releases").json()
    [release] = told["releases"]
    assert release["release"] == champion(trained_template).id
    assert release["champion"] is True
    assert {"rows", "r2", "mae"} <= set(release["figures"])
    assert told["events"][0]["event"] == "promoted"
