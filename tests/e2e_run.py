"""`carprice run` as a process, and what the end-to-end tests ask of it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from carprice_assets.home import Home

PROGRAM = "import sys; from carprice_assets.cli import main; sys.exit(main())"
START_SECONDS = 180.0
"""Far above what a start takes, some 15 s: only a hang reaches it."""


def free_port() -> int:
    """A loopback port that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@dataclass
class Run:
    """`carprice run` over one home, in a process group of its own as a shell starts it."""

    home: Home
    market: str = "small"
    ui_port: int = field(default_factory=free_port)
    api_port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def ui(self) -> str:
        return f"http://127.0.0.1:{self.ui_port}"

    @property
    def api(self) -> str:
        return f"http://127.0.0.1:{self.api_port}"

    @property
    def printed(self) -> Path:
        """The file with what the command has printed."""
        return self.home.root / "run.txt"

    def start(self) -> Run:
        """Start the command and return at once."""
        command = [sys.executable, "-c", PROGRAM, "run", "--market", self.market]
        command += ["--ui-port", str(self.ui_port), "--api-port", str(self.api_port)]
        with self.printed.open("wb") as output:
            self.process = subprocess.Popen(
                command,
                env={**os.environ, "CARPRICE_HOME": str(self.home.root)},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return self

    def wait_ready(self) -> Run:
        """Wait until the command has said that everything listens."""
        wait(lambda: "Ctrl-C ends everything." in self.text() or self.ended, START_SECONDS)
        assert not self.ended, self.text()
        return self

    @property
    def ended(self) -> bool:
        return self.process is None or self.process.poll() is not None

    def text(self) -> str:
        """What the command has printed so far."""
        return self.printed.read_text(encoding="utf-8")

    def wait_ended(self, seconds: float = 60.0) -> int:
        """Exit code of the command, which has to end within ``seconds``."""
        assert self.process is not None
        return self.process.wait(seconds)

    def signal(self, number: signal.Signals, *, group: bool = False) -> None:
        """Send a signal to the command alone, or to its group as a terminal does."""
        assert self.process is not None
        (os.killpg if group else os.kill)(self.process.pid, number)

    def descendants(self) -> dict[int, str]:
        """Id to command line of all living processes that the command started, and theirs."""
        assert self.process is not None
        return descendants(self.process.pid)

    def end(self) -> None:
        """End the command, whatever became of it."""
        if not self.ended:
            self.signal(signal.SIGTERM)
            self.wait_ended(90.0)


def descendants(process: int) -> dict[int, str]:
    """Id to command line of all living processes that a process started, and theirs."""
    parents: dict[int, int] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent = path.read_text().rpartition(")")[2].split()[:2]
        except OSError:
            continue
        if state != "Z":
            parents[int(path.parent.name)] = int(parent)
    found: dict[int, str] = {}
    layer = {process}
    while layer:
        layer = {child for child, parent in parents.items() if parent in layer}
        found |= {child: command_line(child) for child in layer}
    return found


def command_line(process: int) -> str:
    """Command line of a process; empty where it is gone or a zombie."""
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


def wait(condition: Callable[[], bool], seconds: float, every: float = 0.2) -> None:
    """Wait until ``condition`` holds; fail after ``seconds``."""
    limit = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < limit, f"still not so after {seconds:.0f} s"
        time.sleep(every)


def fetch(address: str) -> tuple[int, bytes]:
    """Status and body of a GET."""
    with urllib.request.urlopen(address, timeout=30) as answer:
        return answer.status, answer.read()
