"""Processes side by side, started and ended together."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from carprice_assets.errors import UserError

PATIENCE = 15.0
"""Seconds that a process has to end by itself."""


@dataclass(frozen=True)
class Service:
    """A process to run: its name, command, and the loopback port it will listen on (0: none)."""

    name: str
    command: Sequence[str]
    port: int = 0


def require_free(services: Sequence[Service]) -> None:
    """Raise a :class:`UserError` that names the first port which is taken."""
    for service in services:
        if service.port and _listens(service.port):
            raise UserError(f"port {service.port} is taken: {service.name} cannot start")


def run_together(
    services: Sequence[Service],
    *,
    environment: Mapping[str, str],
    log_folder: Path,
    ready: Callable[[], None],
) -> int:
    """Start ``services``, call ``ready`` when all listen, and end them all with the first.

    Ctrl-C and SIGTERM end every process in order; each is in a group of its own, so that its
    own children end with it.

    Returns
    -------
    0 after Ctrl-C or SIGTERM; 1 where a process ended by itself, whose log is named.
    """
    log_folder.mkdir(parents=True, exist_ok=True)
    stop = False

    def ask_to_stop(*_: object) -> None:
        nonlocal stop
        stop = True

    before = {
        number: signal.signal(number, ask_to_stop) for number in (signal.SIGINT, signal.SIGTERM)
    }
    processes: list[tuple[Service, subprocess.Popen[bytes]]] = []
    try:
        for service in services:
            with (log_folder / f"{service.name}.log").open("ab") as log:
                process = subprocess.Popen(
                    list(service.command),
                    env={**os.environ, **environment},
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            processes.append((service, process))
        told = False
        while not stop:
            for service, process in processes:
                if process.poll() is not None:
                    raise UserError(
                        f"{service.name} ended with {process.returncode}: see"
                        f" {log_folder / service.name}.log"
                    )
            if not told and all(not s.port or _listens(s.port) for s in services):
                told = True
                ready()
            time.sleep(0.2)
        return 0
    finally:
        _end([process for _, process in processes])
        for number, handler in before.items():
            signal.signal(number, handler)


def _end(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        for process in reversed(processes):
            if process.poll() is None:
                os.killpg(process.pid, number)
        limit = time.monotonic() + PATIENCE
        while time.monotonic() < limit and any(p.poll() is None for p in processes):
            time.sleep(0.1)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0
