"""Processes side by side: started, watched, ended with all that they started themselves."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from e2e_run import command_line, free_port, wait

from carprice_assets import supervise
from carprice_assets.errors import UserError
from carprice_assets.supervise import Service, require_free, run_together, trim_log

IGNORE = """
import signal
signal.signal(signal.SIGINT, signal.SIG_IGN)
signal.signal(signal.SIGTERM, signal.SIG_IGN)
"""
CHILD = "import time; time.sleep(600)"
PARENT = """
import pathlib, signal, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", {child!r}])
pathlib.Path({file!r}).write_text(str(child.pid))
print("started", flush=True)
time.sleep(600)
"""


def parent(file: Path, stubborn: str = "") -> Service:
    """A service that starts a child of its own and writes down its id."""
    script = PARENT.format(file=str(file), child=(IGNORE if stubborn == "child" else "") + CHILD)
    script = (IGNORE if stubborn == "parent" else "") + script
    return Service("parent", (sys.executable, "-c", script))


def interrupt_when(file: Path) -> None:
    """Wait for the child, then ask this process to stop as Ctrl-C does."""
    wait(lambda: file.exists() and bool(file.read_text()), 30.0, 0.02)
    os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.parametrize("stubborn", ["", "parent", "child"])
def test_all_of_a_group_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stubborn: str
) -> None:
    monkeypatch.setattr(supervise, "PATIENCE", 0.5)
    monkeypatch.setattr(supervise, "LEFT_BEHIND", 0.3)
    file = tmp_path / "child"
    handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    began = time.monotonic()
    code = run_together(
        [parent(file, stubborn)],
        environment={},
        log_folder=tmp_path / "logs",
        ready=lambda: interrupt_when(file),
    )
    assert code == 0
    assert time.monotonic() - began < 60
    wait(lambda: not command_line(int(file.read_text())), 10.0)
    assert (tmp_path / "logs" / "parent.log").read_text().startswith("started\n")
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == handlers


def test_a_service_that_ends_is_named_with_its_log(tmp_path: Path) -> None:
    file = tmp_path / "child"
    dying = Service("dying", (sys.executable, "-c", "raise SystemExit('no reason')"))
    with pytest.raises(UserError) as raised:
        run_together([parent(file), dying], environment={}, log_folder=tmp_path, ready=lambda: None)
    assert str(raised.value) == f"dying ended with 1: see {tmp_path / 'dying.log'}"
    assert (tmp_path / "dying.log").read_text() == "no reason\n"
    if file.exists():
        wait(lambda: not command_line(int(file.read_text())), 10.0)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends children with their parent")
def test_services_end_with_a_killed_supervisor(tmp_path: Path) -> None:
    file = tmp_path / "child"
    script = (
        "import sys; from pathlib import Path;"
        "from carprice_assets.supervise import Service, run_together;"
        "run_together([Service('one', (sys.executable, '-c', sys.argv[1]))], environment={},"
        " log_folder=Path(sys.argv[2]), ready=lambda: None)"
    )
    mark = (
        "import os, pathlib, time; pathlib.Path({!r}).write_text(str(os.getpid())); time.sleep(600)"
    )
    supervisor = subprocess.Popen(
        [sys.executable, "-c", script, mark.format(str(file)), str(tmp_path)]
    )
    wait(lambda: file.exists() and bool(file.read_text()), 30.0)
    service = int(file.read_text())
    assert command_line(service)
    supervisor.kill()
    supervisor.wait()
    wait(lambda: not command_line(service), 10.0)


def test_a_taken_port_is_named() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(UserError, match=f"^port {port} is taken: two cannot start$"):
            require_free([Service("one", ()), Service("two", (), port)])
    require_free([Service("two", (), port)])


def test_a_log_is_bounded_while_its_process_writes(tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    with log.open("ab", buffering=0) as written:
        written.write(b"a" * 90)
        trim_log(log, 100)
        assert log.read_bytes() == b"a" * 90
        written.write(b"b" * 20)
        trim_log(log, 100)
        assert log.read_bytes() == b""
        assert (tmp_path / "x.log.1").read_bytes() == b"a" * 90 + b"b" * 20
        written.write(b"next\n")  # goes to the new beginning, not behind a hole
        assert log.read_bytes() == b"next\n"
    trim_log(tmp_path / "none.log", 100)


def listener(port: int, file: Path) -> str:
    """A program that listens, and writes down when it began."""
    return (
        f"import pathlib, socket, time; s = socket.create_server(('127.0.0.1', {port}));"
        f" pathlib.Path({str(file)!r}).write_text(str(time.monotonic())); time.sleep(600)"
    )


def test_the_preparation_comes_between_the_early_ones_and_the_others(tmp_path: Path) -> None:
    early, late = free_port(), free_port()
    files = [tmp_path / "early", tmp_path / "late"]
    services = [
        Service("late", (sys.executable, "-c", listener(late, files[1])), late),
        Service("early", (sys.executable, "-c", listener(early, files[0])), early, early=True),
    ]
    prepared: list[tuple[bool, bool]] = []

    def preparation() -> None:
        socket.create_connection(("127.0.0.1", early)).close()
        prepared.append((files[0].exists(), files[1].exists()))

    code = run_together(
        services,
        environment={},
        log_folder=tmp_path / "logs",
        ready=lambda: os.kill(os.getpid(), signal.SIGINT),
        preparation=preparation,
    )
    assert code == 0
    assert prepared == [(True, False)]
    assert files[1].exists()


def test_a_preparation_that_fails_ends_the_early_ones(tmp_path: Path) -> None:
    port, file = free_port(), tmp_path / "early"
    early = Service("early", (sys.executable, "-c", listener(port, file)), port, early=True)

    def preparation() -> None:
        raise UserError("no")

    with pytest.raises(UserError, match="no"):
        run_together(
            [early],
            environment={},
            log_folder=tmp_path / "logs",
            ready=lambda: None,
            preparation=preparation,
        )
    require_free([early])
