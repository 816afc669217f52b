"""Several processes that answer on one address, and the one that looks after them."""

from __future__ import annotations

import logging
import os
import signal
import sys
import time
from collections.abc import Callable
from threading import Thread
from types import FrameType

SOON_SECONDS = 5.0
"""A worker that ends sooner than this after its start is not started again at once."""
GRACE_SECONDS = 5.0

logger = logging.getLogger(__name__)


def supervise(
    count: int,
    work: Callable[[], int],
    line: str,
    drain_seconds: float,
    ended: Callable[[int], None] = lambda pid: None,
    ending: Callable[[], None] = lambda: None,
) -> int:
    """Run ``work`` in ``count`` processes until SIGTERM or SIGINT.

    One that ends by itself is started again; when the first of them cannot start at all,
    everything ends. ``line`` is printed once the processes are there, ``ended`` told of each
    that ends by itself, ``ending`` called before they are asked to end.

    Returns
    -------
    int
        Exit code: 0 after a signal, 1 where the workers could not start.
    """
    wanted = {"end": False}

    def end(_number: int, _frame: FrameType | None) -> None:
        wanted["end"] = True

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    started: dict[int, float] = {}
    life = os.pipe()  # its writing end is closed when this process dies, however it dies
    for _ in range(count):
        started[_start(work, life)] = time.monotonic()
    print(line, flush=True)  # noqa: T201
    failed = 0
    while not wanted["end"]:
        pid, status = _waited()
        if not pid:
            time.sleep(0.05)
            continue
        since = time.monotonic() - started.pop(pid, 0.0)
        logger.error("worker %d ended with %s after %.0f s", pid, _told(status), since)
        ended(pid)
        failed = failed + 1 if since < SOON_SECONDS else 0
        if failed > 2 * count:
            _end(started, drain_seconds)
            return 1
        if failed:
            time.sleep(min(0.2 * 2**failed, SOON_SECONDS))
        started[_start(work, life)] = time.monotonic()
    ending()
    _end(started, drain_seconds)
    return 0


def _start(work: Callable[[], int], life: tuple[int, int]) -> int:
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        reading, writing = life
        os.close(writing)
        Thread(target=_end_with, args=(reading,), name="life", daemon=True).start()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)
        code = work()
    except BaseException:
        logger.exception("a worker failed")
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _end_with(reading: int) -> None:
    """End this worker when the process that looks after it is gone: nobody else would."""
    os.read(reading, 1)
    os.kill(os.getpid(), signal.SIGTERM)


def _waited() -> tuple[int, int]:
    """A worker that has ended and its status; 0 where all run."""
    try:
        return os.waitpid(-1, os.WNOHANG)
    except ChildProcessError:
        return 0, 0


def _end(started: dict[int, float], drain_seconds: float) -> None:
    """Ask all to end, and end those that have not once their time is over."""
    for pid in started:
        _signal(pid, signal.SIGTERM)
    limit = time.monotonic() + drain_seconds + GRACE_SECONDS
    while started and time.monotonic() < limit:
        pid, _ = _waited()
        if pid:
            started.pop(pid, None)
        else:
            time.sleep(0.02)
    for pid in started:
        _signal(pid, signal.SIGKILL)


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return  # it has ended by itself


def _told(status: int) -> str:
    code = os.waitstatus_to_exitcode(status)
    return signal.Signals(-code).name if code < 0 else f"exit code {code}"
