"""A long body is decoded some cars at a time: to the same form, with turns for others between."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from carprice_serving import bodies
from carprice_serving.bodies import read_form
from carprice_serving.problems import RequestProblem

CARS = [
    {"make": "Kia", "model": "Soul", "year": 2000 + n % 20, "é": [n, None]} for n in range(3000)
]
LONG = json.dumps({"cars": CARS, "as_of": "2024-01-02", "else": {"a": 1}}).encode()


def form_of(body: bytes, most: int = 10_000) -> Any:
    return asyncio.run(read_form(body, "cars", most, lenient=True))


def test_the_same_form(monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(LONG) > bodies.LONG_BODY
    in_pieces = form_of(LONG)
    monkeypatch.setattr(bodies, "LONG_BODY", len(LONG))
    assert form_of(LONG) == in_pieces
    assert in_pieces.cars == CARS


@pytest.mark.parametrize(
    "body",
    [
        LONG[:-1],
        LONG.replace(b"2007", b"20.7.1", 1),
        LONG.replace(b"Kia", b"\xff\xfe", 1),
        LONG.replace(b"[7, null]", b"[" * 5_000 + b"]" * 5_000, 1),
        b"[" + LONG + b"]",
        LONG.replace(b'"cars"', b'"wagons"', 1),
        LONG.replace(b'"cars": [', b'"cars": {"x": [', 1)[:-1] + b"}}",
    ],
    ids=["cut off", "no number", "no text", "deep", "a list", "no cars", "no list of cars"],
)
def test_the_same_problem(body: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RequestProblem) as in_pieces:
        form_of(body)
    monkeypatch.setattr(bodies, "LONG_BODY", len(body))
    with pytest.raises(RequestProblem) as whole:
        form_of(body)
    assert vars(in_pieces.value) == vars(whole.value)


def test_others_have_their_turns() -> None:
    async def both() -> int:
        turns = 0

        async def count() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        counting = asyncio.create_task(count())
        await read_form(LONG, "cars", 10_000, lenient=True)
        counting.cancel()
        return turns

    assert asyncio.run(both()) >= len(CARS) // bodies.PIECE_CARS
