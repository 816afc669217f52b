"""A hundred thousand mutated bodies: no 5xx, and no answer without its reason."""

from __future__ import annotations

import asyncio
import json
import os
import random
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from carprice_assets.home import Home
from carprice_serving.app import create_app
from carprice_serving.examples import CAR, REFERENCE_CARS, REFERENCE_PRICES
from carprice_serving.settings import Settings

pytestmark = pytest.mark.long
BODIES = int(os.environ.get("CARPRICE_BODIES", "100000"))
JUNK: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2021, 1e308, -1e308, 10**400, 0.5, "", " ", "x" * 5_000, "NaN",
    "inf", "-1e400", "$24,000", "€ 9", "30.384 km", "\x00", "\u202e", "&lt;b&gt;", "null", "Ford",
    "VW", "F155", "New", "1FTFW1E50MFA00000", [], {}, [[]], {"a": {"b": []}}, [None], "2024-02-30",
    "²", "１２", "-0", "1_000", "0x7f", "catboost", "lasso", 20, 21, [1.0], "🚗",
)  # fmt: skip
NAMES = (*CAR, "vin", "dealer", "asking_price", "observed_at", "price", "", "constructor", "\ud800")
ROUTES = (
    ("/api/v1/predict", "cars_data"),
    ("/api/v1/small/valuations", "cars"),
    ("/api/v1/mars/valuations", "cars"),
)


def form(rng: random.Random, cars: str) -> dict[str, Any]:
    """A request as it should be, with some of what may stand beside the cars."""
    chosen = [dict(rng.choice([CAR, *REFERENCE_CARS])) for _ in range(rng.randrange(4))]
    more = {
        "model_type": "catboost",
        "as_of": "2026-01-10",
        "comparables": 2,
        "explain": True,
        "cars_real_price": REFERENCE_PRICES[: len(chosen)],
    }
    kept = {
        name: value
        for name, value in more.items()
        if rng.random() < (0.03 if name == "explain" else 0.15)
    }
    return {cars: chosen, **kept}


def mutated(rng: random.Random, value: Any) -> Any:
    """``value`` with one thing in it put in the place of another, left out, added or doubled."""
    if isinstance(value, dict) and value and rng.random() < 0.9:
        name = rng.choice(list(value))
        how = rng.random()
        if how < 0.1:
            return {key: each for key, each in value.items() if key != name}
        if how < 0.2:
            return value | {rng.choice(NAMES): rng.choice(JUNK)}
        return value | {name: mutated(rng, value[name])}
    if isinstance(value, list) and value and rng.random() < 0.9:
        place = rng.randrange(len(value))
        if rng.random() < 0.1:
            return [*value, rng.choice(JUNK)]
        return [*value[:place], mutated(rng, value[place]), *value[place + 1 :]]
    if isinstance(value, str) and value and rng.random() < 0.5:
        place = rng.randrange(len(value))
        return value[:place] + rng.choice("aZ0 -_.é\x7f🚗\t") + value[place + rng.randrange(2) :]
    return rng.choice(JUNK)


def body_of(rng: random.Random, cars: str) -> bytes:
    """JSON of a mutated request, or bytes near it."""
    value: Any = form(rng, cars)
    for _ in range(rng.randrange(1, 4)):
        value = mutated(rng, value)
    body = json.dumps(value).encode()
    if rng.random() < 0.15 and body:
        place = rng.randrange(len(body))
        body = rng.choice(
            [
                body[:place],
                body[:place] + bytes([rng.randrange(256)]) + body[place + 1 :],
                b"[" * 300,
            ]
        )
    return body


async def ask(app: Callable[..., Any], path: str, body: bytes) -> tuple[int, bytes]:
    """One request, straight into the app."""
    sent: list[dict[str, Any]] = []
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST",
        "scheme": "http", "path": path, "raw_path": path.encode(), "query_string": b"",
        "root_path": "", "headers": [(b"content-type", b"application/json")],
        "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80), "state": {},
    }  # fmt: skip
    waiting = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> dict[str, Any]:
        return waiting.pop() if waiting else {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    await app(scope, receive, send)
    return sent[0]["status"], b"".join(each.get("body", b"") for each in sent[1:])


def judge(status: int, answer: bytes, body: bytes) -> str:
    """What kind of answer it is; fails for one that is none."""
    told = json.loads(answer)
    if status != 200:
        assert 400 <= status < 500, (status, body, answer)
        assert told["detail"], (body, answer)
        assert all(each["field"] and each["message"] for each in told["errors"]), (body, answer)
        return str(status)
    kinds: set[str] = set()
    for valuation in told["valuations"]:
        assert (valuation["price"] is None) == bool(valuation["errors"]), (body, answer)
        assert all(each["message"] for each in valuation["errors"]), (body, answer)
        assert valuation["supported"] is not False or valuation["reasons"], (body, answer)
        kinds.add("priced" if valuation["price"] is not None else "not priced")
    return " and ".join(sorted(kinds)) or "no cars"


@pytest.mark.parametrize("seed", [1])
def test_mutated_bodies(trained_template: Home, seed: int) -> None:
    rng = random.Random(seed)
    app = create_app(Settings(home=trained_template))
    seen: Counter[str] = Counter()

    async def fuzz() -> None:
        async with app.lifespan():
            for _ in range(BODIES):
                path, cars = rng.choices(ROUTES, [60, 39, 1])[0]
                body = body_of(rng, cars)
                status, answer = await ask(app, path, body)
                seen[judge(status, answer, body)] += 1

    asyncio.run(fuzz())
    assert sum(seen.values()) == BODIES
    expected = {"priced", "not priced", "not priced and priced", "400", "404", "422", "no cars"}
    assert set(seen) >= expected, seen  # so that mutations reach every kind of answer
