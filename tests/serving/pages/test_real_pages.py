"""The pages over a trained release: what they show is what the API answers."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

import pytest
from litestar import Litestar
from litestar.testing import TestClient

from carprice_assets.home import Home
from carprice_serving.app import create_app
from carprice_serving.pages.choices import Choices
from carprice_serving.pages.form import car_form
from carprice_serving.settings import Settings
from carprice_serving.valuers import Valuer

MARKET = "small"


@pytest.fixture(scope="module")
def served(trained_template: Home) -> Iterator[tuple[TestClient[Litestar], Valuer]]:
    from carprice_serving.champions import HomeReleases

    source = HomeReleases(trained_template)
    release = source.champion(MARKET)
    assert release is not None
    settings = Settings(home=trained_template, spool_megabytes=0)
    with TestClient(create_app(settings, source)) as client:
        yield client, source.load(MARKET, release)


def test_every_model_that_is_offered_has_a_price(
    served: tuple[TestClient[Litestar], Valuer],
) -> None:
    client, valuer = served
    choices = Choices.of(valuer)
    pairs = [(make, model) for make in choices.makes() for model in choices.models(make)]
    assert len(pairs) > 50
    forms = [car_form(valuer, {"make": make, "model": model}) for make, model in pairs]
    cars = [dict(form.car) for form in forms]
    answer = client.post(f"/api/v1/{MARKET}/valuations", json={"cars": cars}).json()
    found = answer["valuations"]
    assert not [each["errors"] for each in found if each["supported"] is None]
    priced = sum(each["supported"] for each in found)
    assert priced >= 0.98 * len(found), "what is filled in is a car like those learned from"


def test_a_page_shows_what_the_api_answers(served: tuple[TestClient[Litestar], Valuer]) -> None:
    client, valuer = served
    choices = Choices.of(valuer)
    for make in choices.makes()[:5]:
        model = choices.models(make)[0]
        asked = {"make": make, "model": model, "asking_price": "24500"}
        page = client.get("/value", params={"market": MARKET, **asked})
        assert page.status_code == 200
        car = dict(car_form(valuer, asked).car)
        body = {"cars": [car], "comparables": 8, "explain": True}
        [told] = client.post(f"/api/v1/{MARKET}/valuations", json=body).json()["valuations"]
        text = html.unescape(re.sub(r"<[^>]+>", " ", page.text))
        if told["price"] is None:
            assert "No valuation" in text
            continue
        amounts = [told["price"], told["low"], told["high"], told["explanation"]["base"]]
        amounts += [each["price"] for each in told["comparables"]]
        for amount in amounts:
            assert f"${amount:,.0f}" in text
        assert told["deal_rating"].capitalize() in text
        assert told["provenance"]["release"][:12] in text


def test_the_markets_page_tells_what_the_release_scored(
    served: tuple[TestClient[Litestar], Valuer],
) -> None:
    client, valuer = served
    text = client.get("/markets").text
    listed = client.get(f"/api/v1/{MARKET}/releases").json()["releases"]
    [figures] = [each["figures"] for each in listed if each["release"] == valuer.release_id]
    assert f"${figures['mae']:,.0f}" in text
    assert valuer.release_id[:12] in text
