"""The door: keys, rates, proxies, time, headers, ids; nothing secret in the log."""

from __future__ import annotations

import base64
import json
import logging
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from litestar.testing import TestClient
from serving_fakes import FakeSource, FakeValuer

from carprice_assets.errors import UserError
from carprice_assets.home import Home
from carprice_serving import keys as key_store
from carprice_serving.app import create_app
from carprice_serving.keys import Keys
from carprice_serving.limits import Rates, beyond, client_of, networks
from carprice_serving.logs import ACCESS, REQUEST, JsonLines
from carprice_serving.server import keys_required
from carprice_serving.settings import Settings

CARS = {"cars_data": [{"make": "Ford", "model": "F-150", "year": 2021}]}
PREDICT = "/api/v1/predict"


@pytest.fixture
def key(settings: Settings) -> str:
    return key_store.add(settings.home, "dealer app")


@pytest.fixture
def guarded(settings: Settings, source: FakeSource, key: str) -> Iterator[Any]:
    del key
    with TestClient(create_app(settings, source, keys_required=True)) as client:
        yield client


def wait_until(true: Any) -> None:
    deadline = time.monotonic() + 30
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_key_opens_in_three_ways(guarded: Any, key: str) -> None:
    basic = base64.b64encode(f"someone:{key}".encode()).decode()
    for headers in (
        {"X-API-Key": key},
        {"Authorization": f"Bearer {key}"},
        {"Authorization": f"Basic {basic}"},
    ):
        assert guarded.post(PREDICT, json=CARS, headers=headers).status_code == 200


@pytest.mark.parametrize("path", ["/api/v1/markets", "/metrics", "/schema", "/nowhere", "/"])
def test_without_a_key_nothing_opens(guarded: Any, key: str, path: str) -> None:
    for headers in (
        {},
        {"X-API-Key": "wrong"},
        {"X-API-Key": key[:-1] + ("a" if key[-1] != "a" else "b")},
        {"Authorization": "Basic !!!"},
        {"X-API-Key": "cp_00000000_" + "a" * 43},
    ):
        answer = guarded.get(path, headers=headers)
        assert answer.status_code == 401
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["type"] == "urn:carprice:problem:key"
        assert "Basic" in answer.headers["www-authenticate"]


@pytest.mark.parametrize("path", ["/", "/value", "/markets", "/assets/pages.css"])
def test_a_browser_is_asked_for_a_key(guarded: Any, key: str, path: str) -> None:
    browser = {"accept": "text/html,*/*;q=0.8"}
    for more in ({}, {"Authorization": "Basic " + base64.b64encode(b"me:wrong").decode()}):
        answer = guarded.get(path, headers=browser | more)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith("Basic ")
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        assert answer.headers["cache-control"] == "no-store"
        assert "the password is your key" in answer.text
        assert "/assets/" not in answer.text, "it would not be given"
    basic = base64.b64encode(f"any name:{key}".encode()).decode()
    opened = guarded.get(path, headers=browser | {"Authorization": f"Basic {basic}"})
    assert opened.status_code == 200


def test_programs_are_told_as_before(guarded: Any) -> None:
    for path, accept in (("/value", "*/*"), ("/api/v1/markets", "text/html"), ("/", "")):
        answer = guarded.get(path, headers={"accept": accept})
        assert answer.headers["content-type"] == "application/problem+json"


def test_health_and_readiness_are_open(guarded: Any) -> None:
    assert guarded.get("/health").status_code == 200
    assert guarded.get("/ready").status_code == 200


def test_a_removed_key_is_followed(guarded: Any, settings: Settings, key: str) -> None:
    def status() -> int:
        return guarded.get("/api/v1/markets", headers={"X-API-Key": key}).status_code

    assert status() == 200
    key_store.remove(settings.home, "dealer app")
    wait_until(lambda: status() == 401)
    path = settings.home.root / key_store.FILE
    path.write_text("{")
    time.sleep(0.1)
    assert status() == 401, "a broken file opens nothing"


def test_keys_are_kept_as_hashes(settings: Settings, key: str) -> None:
    path = settings.home.root / key_store.FILE
    kept = path.read_text()
    assert key not in kept
    assert key.split("_", 2)[2] not in kept
    assert path.stat().st_mode & 0o077 == 0
    with pytest.raises(UserError, match="dealer app"):
        key_store.add(settings.home, "dealer app")
    with pytest.raises(UserError, match="no key 'nobody'"):
        key_store.remove(settings.home, "nobody")
    with pytest.raises(UserError, match="letters"):
        key_store.add(settings.home, "a\nb")


@pytest.mark.parametrize(
    "text", ["[]", "{}", '{"format": 2, "keys": []}', '{"format": 1, "keys": [{}]}']
)
def test_a_malformed_file_of_keys_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / key_store.FILE).write_text(text)
    with pytest.raises(UserError, match=r"keys\.json"):
        Keys.load(Home(tmp_path))


@pytest.mark.parametrize(
    ("setting", "address", "with_key", "expected"),
    [
        ("auto", "127.0.0.1", False, False),
        ("auto", "::1", True, False),
        ("required", "127.0.0.1", True, True),
        ("auto", "0.0.0.0", True, True),
        ("auto", "192.0.2.7", True, True),
        ("off", "0.0.0.0", False, False),
        ("auto", "0.0.0.0", False, None),
        ("auto", "::", False, None),
        ("required", "127.0.0.1", False, None),
    ],
)
def test_beyond_this_machine_keys_are_required(
    settings: Settings, setting: str, address: str, with_key: bool, expected: bool | None
) -> None:
    if with_key:
        key_store.add(settings.home, "one")
    chosen = replace(settings, keys=setting)
    if expected is None:
        with pytest.raises(UserError, match="carprice keys add"):
            keys_required(chosen, address)
    else:
        assert keys_required(chosen, address) is expected


def test_each_key_has_its_own_rate(settings: Settings, source: FakeSource) -> None:
    slow = key_store.add(settings.home, "slow", rate=0.01)
    other = key_store.add(settings.home, "other")
    with TestClient(create_app(settings, source, keys_required=True)) as client:
        codes = [
            client.get("/api/v1/markets", headers={"X-API-Key": slow}).status_code for _ in range(3)
        ]
        assert codes == [200, 429, 429]
        refused = client.get("/api/v1/markets", headers={"X-API-Key": slow})
        assert int(refused.headers["retry-after"]) > 1
        assert client.get("/api/v1/markets", headers={"X-API-Key": other}).status_code == 200
        told = client.get("/metrics", headers={"X-API-Key": other}).text
        assert 'carprice_refused_total{reason="rate"} 3' in told


def test_an_address_beyond_has_a_rate_and_a_proxy_is_believed_if_trusted(
    settings: Settings, source: FakeSource
) -> None:
    chosen = replace(
        settings, rate=0.01, burst_seconds=1.0, trusted_proxies=(ip_network("127.0.0.1"),)
    )
    app = create_app(chosen, source)
    guard, peer = app.guard, ["127.0.0.1"]

    async def from_peer(inner: Any, scope: Any, receive: Any, send: Any) -> None:
        assert guard is not None
        await guard(inner, {**scope, "client": (peer[0], 5)}, receive, send)

    app.guard = from_peer  # type: ignore[assignment]
    with TestClient(app) as client:

        def code(*forwarded: str) -> int:
            headers = [("X-Forwarded-For", each) for each in forwarded]
            return client.get("/api/v1/markets", headers=headers).status_code

        assert [code("192.0.2.1"), code("192.0.2.1"), code("192.0.2.2")] == [200, 429, 200]
        assert code("192.0.2.3, 192.0.2.1") == 429, "what the client wrote itself counts nothing"
        assert [code() for _ in range(5)] == [200] * 5
        peer[0] = "192.0.2.9"
        found = [
            client.get("/api/v1/markets", headers={"X-Forwarded-For": f"10.0.0.{n}"}).status_code
            for n in range(3)
        ]
        assert found == [200, 429, 429]


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        ("192.0.2.1", ["198.51.100.1"], "192.0.2.1"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["203.0.113.5, 198.51.100.1, 10.0.0.2"], "198.51.100.1"),
        ("10.0.0.1", ["203.0.113.5", "198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["198.51.100.1:4711"], "198.51.100.1"),
        ("10.0.0.1", ["[2001:db8::1]:4711"], "2001:db8::1"),
        ("10.0.0.1", ["2001:db8::1"], "2001:db8::1"),
        ("10.0.0.1", ["198.51.100.1, nonsense"], "10.0.0.1"),
        ("10.0.0.1", ["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
    ],
)
def test_client_behind_proxies(peer: str, forwarded: list[str], expected: str) -> None:
    trusted = networks("10.0.0.0/8", "X")
    assert client_of(peer, forwarded, trusted) == expected
    assert client_of(peer, forwarded, ()) == peer


def test_addresses(settings: Settings) -> None:
    assert [beyond(a) for a in ("127.0.0.1", "::1", "0.0.0.0", "192.0.2.1", "pipe")] == [
        False, False, True, True, False,
    ]  # fmt: skip
    with pytest.raises(UserError, match=r"CARPRICE_TRUSTED_PROXIES.*'proxy'"):
        Settings.from_environment({"CARPRICE_TRUSTED_PROXIES": "10.0.0.1, proxy"})


def test_a_bucket_fills_again_and_clocks_may_jump_back() -> None:
    now = [100.0]
    rates = Rates(lambda: now[0])
    assert [rates.wait("a", 2.0, 2.0) for _ in range(3)] == [0, 0, 0.5]
    now[0] += 0.5
    assert rates.wait("a", 2.0, 2.0) == 0
    now[0] = 0.0
    assert rates.wait("a", 2.0, 2.0) > 0
    now[0] = 1e9
    assert [rates.wait("a", 2.0, 2.0) for _ in range(3)] == [0, 0, 0.5]


def test_the_memory_of_clients_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("carprice_serving.limits.MOST_CLIENTS", 10)
    rates = Rates(lambda: 0.0)
    for number in range(100):
        rates.wait(str(number), 1.0, 1.0)
    assert len(rates._buckets) == 10


def test_headers_of_every_answer(client: Any) -> None:
    for path in ("/health", "/nowhere", "/schema", "/schema/assets/docs.js"):
        headers = client.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert "default-src 'self'" in headers["content-security-policy"]
        assert "unsafe-inline" not in headers["content-security-policy"].split("style-src")[0]
        assert headers["x-request-id"]


def test_request_ids(client: Any) -> None:
    given = client.get("/health", headers={"X-Request-ID": "abc-1"}).headers["x-request-id"]
    assert given == "abc-1"
    odd = [
        client.get("/health", headers={"X-Request-ID": each}).headers["x-request-id"]
        for each in ("a b", "x" * 65, '"}', "")
    ]
    assert len(set(odd)) == 4
    assert not {"a b", "x" * 65, '"}', ""} & set(odd)


def test_an_answer_that_does_not_begin_in_time(settings: Settings) -> None:
    held = threading.Event()

    class Slow(FakeValuer):
        def value_cars(self, cars: Any, **more: Any) -> Any:
            held.wait(20)
            return super().value_cars(cars, **more)

    chosen = replace(settings, time_limit=0.05, inline_cars=0)
    try:
        with TestClient(create_app(chosen, FakeSource(us=Slow()))) as client:
            threading.Timer(0.5, held.set).start()
            answer = client.post(PREDICT, json=CARS)
            assert answer.status_code == 503
            assert answer.json()["type"] == "urn:carprice:problem:too-slow"
            assert 'reason="time"} 1' in client.get("/metrics").text
    finally:
        held.set()


def test_too_many_at_once(settings: Settings) -> None:
    held, inside = threading.Event(), threading.Event()

    class Slow(FakeValuer):
        def value_cars(self, cars: Any, **more: Any) -> Any:
            inside.set()
            held.wait(20)
            return super().value_cars(cars, **more)

    chosen = replace(settings, max_running=1, inline_cars=0)
    with TestClient(create_app(chosen, FakeSource(us=Slow()))) as client:
        found: list[Any] = []
        asking = threading.Thread(target=lambda: found.append(client.post(PREDICT, json=CARS)))
        asking.start()
        try:
            assert inside.wait(20)
            busy = client.post(PREDICT, json=CARS)
            assert (busy.status_code, busy.headers["retry-after"]) == (503, "1")
            assert client.get("/health").status_code == 200
        finally:
            held.set()
            asking.join(20)
        assert found[0].status_code == 200


def test_the_log_names_the_request_and_no_secret(
    settings: Settings, source: FakeSource, key: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, ACCESS)
    caplog.handler.setFormatter(JsonLines())
    lines: list[str] = []

    class Kept(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(self.format(record))

    handler = Kept()
    handler.setFormatter(JsonLines())
    for name in (ACCESS, "carprice_serving.problems"):
        logging.getLogger(name).addHandler(handler)
    try:
        app = create_app(settings, source, keys_required=True)
        with TestClient(app, raise_server_exceptions=False) as client:
            headers = {"X-API-Key": key, "X-Request-ID": "r-7"}
            client.post(PREDICT, json=CARS, headers=headers)
            boom = {"cars_data": [{"make": "a", "model": "boom", "year": 2020}]}
            client.post(PREDICT + "?token=sesame", json=boom, headers=headers)
    finally:
        for name in (ACCESS, "carprice_serving.problems"):
            logging.getLogger(name).removeHandler(handler)
    told = [json.loads(line) for line in lines]
    asked = [line for line in told if line["logger"] == ACCESS]
    assert [line["status"] for line in asked] == [200, 500]
    assert {line["request"] for line in told} == {"r-7"}
    assert asked[0]["route"] == PREDICT
    assert asked[0]["key"] == key.split("_")[1]
    failed = [line for line in told if line["level"] == "error"]
    assert "ZeroDivisionError" in failed[0]["trace"]
    whole = "\n".join(lines)
    assert key not in whole
    assert key.split("_", 2)[2] not in whole
    assert "sesame" not in whole
    assert "F-150" not in whole
    assert REQUEST.get() == ""
