"""`carprice run`: up in seconds over a champion, told in one line, gone without a trace."""

from __future__ import annotations

import json
import os
import signal
import socket
import time
import urllib.request
from collections.abc import Callable

import dagster as dg
import pytest
from e2e_run import Run, command_line, fetch, free_port, wait
from tests_support import add_market

from carprice_assets.home import Home

SERVICES = ("dagster_webserver", "dagster._daemon", "carprice_serving")
CAR = {"make": "Toyota", "model": "RAV4", "year": 2022, "mileage": 30_000, "stock_type": "Used"}
END_SECONDS = 45.0
"""Above the 30 s after which the supervisor has killed all that would not end."""


def ended_without_trace(run: Run, started: dict[int, str]) -> bool:
    """Whether all of these processes are gone, and both ports are free."""
    ports = [socket.socket() for _ in range(2)]
    try:
        listening = [
            probe.connect_ex(("127.0.0.1", port)) == 0
            for probe, port in zip(ports, (run.ui_port, run.api_port), strict=True)
        ]
    finally:
        for probe in ports:
            probe.close()
    left = [pid for pid, command in started.items() if command_line(pid) == command]
    return not any(listening) and not left


def everything_of(run: Run) -> dict[int, str]:
    """All processes of a ready run, of which there must be the three services and more."""
    started = run.descendants()
    for service in SERVICES:
        assert any(service in command for command in started.values()), started
    return started


def test_it_answers_and_ctrl_c_ends_all_of_it(start_run: Callable[..., Run]) -> None:
    began = time.monotonic()
    run = start_run().wait_ready()
    assert "has a champion already" in run.text()
    assert time.monotonic() - began < 120  # a training here would still be far from promoting

    assert fetch(f"{run.ui}/server_info")[0] == 200
    assert fetch(f"{run.api}/ready")[0] == 200
    request = urllib.request.Request(
        f"{run.api}/api/v1/predict",
        data=json.dumps({"cars_data": [CAR]}).encode(),
        headers={"content-type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        assert 5_000 < json.load(answer)["result"][0] < 100_000

    # Before the end: Ctrl-C reaches Dagster's code server too, and a sensor that was about to
    # ask it may say so at length.
    for log in (run.home.root / "logs").iterdir():
        text = log.read_text(encoding="utf-8", errors="replace")
        for word in ("Warning", "WARNING", "Traceback"):
            assert word not in text, f"{log.name}: {text}"
    started = everything_of(run)
    run.signal(signal.SIGINT, group=True)
    assert run.wait_ended(END_SECONDS) == 0, run.text()
    assert run.text().endswith("ended.\n")
    assert ended_without_trace(run, started)


def test_a_taken_port_is_one_line(start_run: Callable[..., Run]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        run = start_run(ui_port=port, api_port=free_port())
        assert run.wait_ended(120.0) == 2
    assert run.text() == f"carprice: port {port} is taken: dagster-webserver cannot start\n"


def test_an_unknown_market_is_one_line(start_run: Callable[..., Run]) -> None:
    run = start_run(market="nowhere")
    assert run.wait_ended(120.0) == 2
    assert (
        run.text()
        == "carprice: unknown market 'nowhere': there are practice, practice_eu, small, us\n"
    )


@pytest.mark.long
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_signal_to_the_command_alone_ends_all_of_it(
    start_run: Callable[..., Run], number: signal.Signals
) -> None:
    run = start_run().wait_ready()
    started = everything_of(run)
    run.signal(number)
    assert run.wait_ended(END_SECONDS) == (-number if number == signal.SIGKILL else 0), run.text()
    wait(lambda: ended_without_trace(run, started), END_SECONDS)
    again = start_run(run.home, ui_port=run.ui_port, api_port=run.api_port).wait_ready()
    assert "has a champion already" in again.text()


@pytest.mark.long
@pytest.mark.parametrize(
    ("part", "name"), [("carprice_serving", "api"), ("_daemon", "dagster-daemon")]
)
def test_a_dying_service_ends_the_others_and_names_its_log(
    start_run: Callable[..., Run], part: str, name: str
) -> None:

    run = start_run().wait_ready()
    started = everything_of(run)
    victim = next(pid for pid, command in started.items() if part in command)
    os.kill(victim, signal.SIGKILL)
    assert run.wait_ended(END_SECONDS) == 2
    last = run.text().splitlines()[-1]
    assert last == f"carprice: {name} ended with -9: see {run.home.root / 'logs' / name}.log"
    assert ended_without_trace(run, started)


@pytest.mark.long
def test_a_market_dropped_in_appears_while_the_ui_runs(running: Run, shared_home: Home) -> None:
    def partitions() -> set[str]:
        with dg.DagsterInstance.from_config(str(shared_home.dagster)) as instance:
            return set(instance.get_dynamic_partitions("market"))

    before = partitions()
    add_market(shared_home, "broken", "currency = \n")
    add_market(shared_home, "second")
    wait(lambda: "second" in partitions(), 60.0)
    assert partitions() == before | {"second"}

    log = shared_home.root / "logs" / "dagster-daemon.log"
    wait(lambda: "broken: market broken:" in log.read_text(encoding="utf-8"), 60.0)
    (shared_home.markets / "second.toml").unlink()
    wait(lambda: partitions() == before, 60.0)
    assert fetch(f"{running.api}/ready")[0] == 200
