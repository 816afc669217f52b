"""The service as a process: its line, its imports, its end, its one-line refusals."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from serving_process import MARKET, sample_store, wait_for
from serving_process import service as serving

ROOT = Path(__file__).resolve().parents[2]
FORBIDDEN = ("dagster", "sklearn", "duckdb", "pandas", "torch", "tensorflow", "catboost", "gensim")


def environment(home: Path, **more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CARPRICE_")}
    return kept | {"CARPRICE_HOME": str(home), "PYTHONPATH": str(ROOT)} | more


@pytest.fixture
def service(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A running service on a free port, and its address."""
    process = subprocess.Popen(
        [sys.executable, "-m", "carprice_serving"],
        env=environment(tmp_path, CARPRICE_PORT="0"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        found = re.fullmatch(r"carprice serves on (http://127\.0\.0\.1:\d+)\n", line)
        assert found, line + (process.stderr.read() if process.stderr else "")
        yield process, found[1]
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_answers_and_ends_gracefully(
    service: tuple[subprocess.Popen[str], str], number: signal.Signals
) -> None:
    process, address = service
    with urllib.request.urlopen(f"{address}/health", timeout=30) as answer:
        assert json.load(answer) == {"status": "ok"}
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (0, "", "")


@pytest.mark.parametrize("path", ["/health", "/value"])
def test_head_is_answered_as_get_is_without_the_body(
    service: tuple[subprocess.Popen[str], str], path: str
) -> None:
    place = service[1].removeprefix("http://")
    told: list[tuple[Any, ...]] = []
    with contextlib.closing(http.client.HTTPConnection(place, timeout=60)) as connection:
        for method in ("GET", "HEAD"):  # on one connection: a body would be read as the next answer
            connection.request(method, path, headers={"Accept": "text/html"})
            answer = connection.getresponse()
            told += [(answer.status, *map(answer.getheader, ("content-type", "content-length")))]
            assert bool(answer.read()) == (method == "GET")
        connection.request("GET", "/health")
        assert connection.getresponse().read() == b'{"status":"ok"}'
    assert told[0] == told[1]


def test_a_body_of_10_megabytes_is_told_so(service: tuple[subprocess.Popen[str], str]) -> None:
    _, address = service
    request = urllib.request.Request(
        f"{address}/api/v1/predict",
        data=b'{"cars_data": ["' + b"x" * 10_000_000 + b'"]}',
        headers={"Content-Type": "application/json"},
    )
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=60)
    with refused.value as answer:
        assert answer.code == 413
        assert json.load(answer)["errors"][0]["field"] == "body"


def test_a_port_in_use_is_one_line_and_exit_code_2(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        ended = run("-m", "carprice_serving", env=environment(tmp_path, CARPRICE_PORT=port))
    assert ended.returncode == 2
    assert ended.stderr == f"cannot listen on 127.0.0.1:{port}: Address already in use\n"


def test_a_broken_setting_is_one_line_and_exit_code_2(tmp_path: Path) -> None:
    ended = run("-m", "carprice_serving", env=environment(tmp_path, CARPRICE_PORT="http"))
    assert ended.returncode == 2
    assert re.fullmatch(r"CARPRICE_PORT must be [^\n]+\n", ended.stderr)


def test_imports_bring_nothing_that_trains(tmp_path: Path) -> None:
    """The app, and what it loads a release with; CatBoost waits for a release that needs it."""
    code = (
        "import sys, carprice_serving.app, carprice_serving.server;"
        "from carprice_assets.releases.engine import own_parts; own_parts();"
        f"print([name for name in {FORBIDDEN!r} if name in sys.modules])"
    )
    ended = run("-c", code, env=environment(tmp_path))
    assert (ended.stderr, ended.stdout) == ("", "[]\n")


def run(*words: str, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *words], env=env, capture_output=True, text=True, timeout=120
    )


def test_beyond_this_machine_it_does_not_start_without_a_key(tmp_path: Path) -> None:
    home = environment(tmp_path, CARPRICE_PORT="0", CARPRICE_HOST="0.0.0.0")
    ended = run("-m", "carprice_serving", env=home)
    assert ended.returncode == 2
    assert re.fullmatch(
        r"0\.0\.0\.0 is reached [^\n]*`carprice keys add NAME`[^\n]*\n", ended.stderr
    )


@pytest.fixture
def workers(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A service of two workers, and its address."""
    process = subprocess.Popen(
        [sys.executable, "-m", "carprice_serving"],
        env=environment(tmp_path, CARPRICE_PORT="0", CARPRICE_WORKERS="2"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        found = re.fullmatch(r"carprice serves on (http://\S+)\n", process.stdout.readline())
        assert found
        yield process, found[1]
    finally:
        if process.poll() is None:
            process.terminate()
        process.communicate(timeout=60)


def pids(address: str) -> set[int]:
    """The workers that ``/ready`` tells of; it is a 503 as long as there is no market."""
    try:
        with urllib.request.urlopen(f"{address}/ready", timeout=30) as answer:
            return {each["pid"] for each in json.load(answer)["workers"]}
    except urllib.error.HTTPError as refused:
        with refused:
            return {each["pid"] for each in json.load(refused)["workers"]}


def wait_for_workers(address: str, without: int = 0) -> set[int]:
    deadline = time.monotonic() + 60
    while len(found := pids(address) - {without}) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return found


def refused(address: str) -> None:
    """One request that is counted; there is no market that could answer it."""
    request = urllib.request.Request(
        f"{address}/api/v1/predict",
        data=b'{"cars_data": []}',
        headers={"Content-Type": "application/json"},
    )
    with pytest.raises(urllib.error.HTTPError) as told, urllib.request.urlopen(request, timeout=60):
        pass
    with told.value as answer:
        assert answer.code == 503


def counted(address: str) -> int:
    """Requests of :func:`refused` that the service has counted, over all workers."""
    with urllib.request.urlopen(f"{address}/metrics", timeout=60) as answer:
        text = answer.read().decode()
    found = re.search(r'requests_total\{route="/api/v1/predict",status="503"\} (\d+)', text)
    return int(found[1]) if found else 0


def test_two_workers_share_an_address_and_one_that_dies_is_replaced(
    workers: tuple[subprocess.Popen[str], str],
) -> None:
    process, address = workers
    killed = min(wait_for_workers(address))
    for _ in range(40):
        refused(address)
    told = [counted(address)]
    while told[-1] < 40:  # what the other worker counted comes within a second
        assert len(told) < 600
        time.sleep(0.1)
        told.append(counted(address))
    os.kill(killed, signal.SIGKILL)
    told.append(counted(address))
    wait_for_workers(address, without=killed)
    assert killed not in pids(address), "it is no worker any more"
    told.append(counted(address))
    assert told == sorted(told), "a sum over the service never falls"
    assert told[-1] == 40
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (0, "")
    told = [json.loads(line) for line in err.splitlines()]
    assert [line["level"] for line in told] == ["error"]
    assert f"worker {killed} ended with SIGKILL" in told[0]["message"]


def test_workers_that_drain_take_no_new_connection(tmp_path: Path) -> None:
    """A connection is refused at once, not left to wait for nobody; what runs is answered."""
    sample_store(tmp_path)
    body = b"make,model,year\n" + b"Honda,Civic,2020\n" * 3
    head = (
        f"POST /api/v1/{MARKET}/valuations.csv HTTP/1.1\r\nHost: here\r\n"
        f"Content-Type: text/csv\r\nContent-Length: {len(body)}\r\n"
        "Expect: 100-continue\r\n\r\n"
    )
    with serving(tmp_path, CARPRICE_WORKERS="2") as running:
        wait_for_workers(running.address)
        place = ("127.0.0.1", int(running.address.rpartition(":")[2]))
        with socket.create_connection(place, timeout=60) as slow:
            slow.sendall(head.encode())
            assert slow.recv(100).startswith(b"HTTP/1.1 100")  # a worker reads the body now
            running.process.send_signal(signal.SIGTERM)
            wait_for(lambda: is_refused(place))
            assert running.process.poll() is None
            slow.sendall(body)
            assert slow.recv(15) == b"HTTP/1.1 200 OK"
        assert running.process.wait(timeout=60) == 0


def is_refused(place: tuple[str, int]) -> bool:
    try:
        with socket.create_connection(place, timeout=60):
            return False
    except ConnectionRefusedError:
        return True
