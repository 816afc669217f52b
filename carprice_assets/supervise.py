"""Processes side by side, started and ended together."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event

from carprice_assets.errors import UserError

PATIENCE = 10.0
"""Seconds that the processes have to end after each signal: the last one is SIGKILL."""

LEFT_BEHIND = 2.0
"""Seconds after each signal for children that their service left behind."""

LOG_BYTES = 5_000_000
"""A log grows to this size; then it becomes ``<name>.log.1``, in place of an older one."""

POLL_SECONDS = 0.2
LOG_SECONDS = 10.0

# The kernel ends a service with SIGTERM when its starter dies, however that dies (Linux).
TIED = (
    "import ctypes, os, signal, sys;"
    "ctypes.CDLL(None).prctl(1, signal.SIGTERM);"
    "os.getppid() == int(sys.argv[1]) or sys.exit(1);"
    "os.execvp(sys.argv[2], sys.argv[2:])"
)


@dataclass(frozen=True)
class Service:
    """A process to run.

    Attributes
    ----------
    name, command
        What it is called, and the words of its command.
    port
        The loopback port that it will listen on; 0 for none.
    early
        Whether it must listen before the preparation begins.
    """

    name: str
    command: Sequence[str]
    port: int = 0
    early: bool = False


def require_free(services: Sequence[Service]) -> None:
    """Raise a :class:`UserError` that names the first port which is taken."""
    ports = [service.port for service in services if service.port]
    if len(set(ports)) < len(ports):
        raise UserError(f"port {max(ports, key=ports.count)} is given to two services")
    for service in services:
        if service.port and listens(service.port):
            raise UserError(f"port {service.port} is taken: {service.name} cannot start")


def run_together(
    services: Sequence[Service],
    *,
    environment: Mapping[str, str],
    log_folder: Path,
    ready: Callable[[], None],
    preparation: Callable[[], None] | None = None,
) -> int:
    """Start ``services``, call ``ready`` when all listen, and end them all with the first.

    ``preparation`` is called once the early services listen, and before the others start; Ctrl-C
    in it is a KeyboardInterrupt, as anywhere.

    Ctrl-C, SIGTERM and a closed terminal end every process. Each is in a group of its own, and
    the group is ended with it, so that no child of a service outlives this call. Each writes
    to ``<log_folder>/<name>.log``, of which at most two times :data:`LOG_BYTES` are kept.

    Returns
    -------
    0 after Ctrl-C, SIGTERM or SIGHUP.

    Raises
    ------
    UserError
        Where a process ended by itself; names its log.
    """
    log_folder.mkdir(parents=True, exist_ok=True)
    logs = {service.name: log_folder / f"{service.name}.log" for service in services}
    started: list[tuple[Service, subprocess.Popen[bytes]]] = []

    def start(chosen: Sequence[Service]) -> None:
        for service in chosen:
            trim_log(logs[service.name])
            started.append((service, _start(service, environment, logs[service.name])))

    def require_alive() -> None:
        for service, process in started:
            if process.poll() is not None:
                raise UserError(
                    f"{service.name} ended with {process.returncode}: see {logs[service.name]}"
                )

    def all_listen() -> bool:
        return all(not service.port or listens(service.port) for service, _ in started)

    try:
        start([service for service in services if service.early])
        if preparation is not None:
            while not all_listen():
                require_alive()
                time.sleep(POLL_SECONDS)
            preparation()
        with _asked_to_stop() as asked:
            try:
                start([service for service in services if not service.early])
                told, trimmed = False, time.monotonic()
                while not asked.is_set():
                    require_alive()
                    if not told and all_listen():
                        told = True
                        ready()
                    if time.monotonic() - trimmed > LOG_SECONDS:
                        trimmed = time.monotonic()
                        for path in logs.values():
                            trim_log(path)
                    time.sleep(POLL_SECONDS)
            finally:  # within, so that a second Ctrl-C does not leave one of them alive
                _end([process for _, process in started])
        return 0
    finally:
        _end([process for _, process in started])


@contextmanager
def _asked_to_stop() -> Generator[Event]:
    """An event that Ctrl-C, SIGTERM or a closed terminal sets, instead of what they else do."""
    event = Event()
    asked = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def ask(*_: object) -> None:
        event.set()

    before = {number: signal.signal(number, ask) for number in asked}
    try:
        yield event
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def trim_log(path: Path, limit: int = LOG_BYTES) -> None:
    """Move the content of a log above ``limit`` bytes to ``<path>.1`` and go on with none.

    Its process keeps the file open for appending, so the file is copied and emptied; lines
    written in between are lost.
    """
    if path.exists() and path.stat().st_size > limit:
        shutil.copyfile(path, path.with_name(f"{path.name}.1"))
        os.truncate(path, 0)


def _start(service: Service, environment: Mapping[str, str], log: Path) -> subprocess.Popen[bytes]:
    command = list(service.command)
    if sys.platform == "linux":
        command = [sys.executable, "-c", TIED, str(os.getpid()), *command]
    with log.open("ab") as output:
        return subprocess.Popen(
            command,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def _end(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    """End the processes and all of their groups, the last started first."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        for process in reversed(processes):
            if _group_lives(process):
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, number)
        limit = time.monotonic() + PATIENCE
        while any(_group_lives(process) for process in processes):
            if all(process.poll() is not None for process in processes):
                limit = min(limit, time.monotonic() + LEFT_BEHIND)
            if time.monotonic() > limit:
                break
            time.sleep(POLL_SECONDS / 2)
    for process in processes:  # one that ended just now has not been taken note of
        with suppress(subprocess.TimeoutExpired):
            process.wait(PATIENCE)


def _group_lives(process: subprocess.Popen[bytes]) -> bool:
    """Whether the process, or a child of it that it left behind, is still there."""
    process.poll()  # takes note of its end, or it would stay in the group as a zombie
    try:
        os.killpg(process.pid, 0)
    except ProcessLookupError:
        return False
    states = list(_group_states(process.pid))
    return not states or any(state != "Z" for state in states)


def _group_states(group: int) -> Iterator[str]:
    """State letters of a group's processes, from ``/proc``; none where there is no such folder.

    A service's own child may end after it, and stay a zombie where process 1 never reaps.
    """
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            fields = path.read_text().rpartition(")")[2].split()
            if int(fields[2]) == group:
                yield fields[0]


def listens(port: int) -> bool:
    """Whether a process of this machine listens on a loopback port."""
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0
