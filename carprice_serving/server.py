"""The service as processes: one line when it listens, a graceful end on SIGTERM and SIGINT."""

from __future__ import annotations

import logging
import signal
import socket
import sys
import tempfile
from pathlib import Path
from types import FrameType

import uvicorn

from carprice_assets.errors import UserError
from carprice_serving.app import create_app
from carprice_serving.board import Board
from carprice_serving.keys import Keys
from carprice_serving.lean import import_catboost, settle
from carprice_serving.limits import beyond
from carprice_serving.logs import set_up
from carprice_serving.settings import Settings
from carprice_serving.workers import supervise

SWITCH_SECONDS = 0.0005
"""How long a thread that values a slice may keep the event loop waiting; Python's own is 5 ms."""


class Worker(uvicorn.Server):
    """Uvicorn that settles once it has started."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start with every champion loaded, then settle."""
        await super().startup(sockets)
        settle()


class Server(Worker):
    """One that says where it listens, in one line."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then tell the address."""
        await super().startup(sockets)
        if self.started and sockets:
            print(f"carprice serves on {_address(sockets[0])}", flush=True)  # noqa: T201


def serve(settings: Settings) -> int:
    """Serve until SIGTERM or SIGINT; running requests get ``drain_seconds`` to end.

    Returns
    -------
    int
        Exit code: 0 after a signal, 1 where the app could not start.

    Raises
    ------
    UserError
        Where the address cannot be listened on, or is beyond this machine and no key exists.
    """
    set_up(logging.WARNING, settings.access_log)
    listener = _listen(settings.host, settings.port)
    try:
        required = keys_required(settings, listener.getsockname()[0])
        if settings.workers == 1:
            return _serve(settings, listener, required, Board(), Server)
        with tempfile.TemporaryDirectory(prefix="carprice-workers-") as folder:
            board = Board(Path(folder))
            return supervise(
                settings.workers,
                lambda: _serve(settings, listener, required, board, Worker),
                f"carprice serves on {_address(listener)}",
                settings.drain_seconds,
                board.retire,
                # Held open here, it would take connections that no worker answers any more.
                listener.close,
            )
    finally:
        listener.close()


def keys_required(settings: Settings, address: str) -> bool:
    """Whether a service that listens on ``address`` asks for keys.

    Raises
    ------
    UserError
        Where it should and there is none.
    """
    outside = beyond(address)
    if settings.keys == "off" or (settings.keys == "auto" and not outside):
        return False
    if not Keys.load(settings.home).by_id:
        raise UserError(
            f"{settings.host} is reached from beyond this machine and there is no key: make one"
            " with `carprice keys add NAME`, or set CARPRICE_KEYS=off to serve everybody"
            if outside
            else "CARPRICE_KEYS=required, and there is no key: `carprice keys add NAME` makes one"
        )
    return True


def _serve(
    settings: Settings,
    listener: socket.socket,
    required: bool,
    board: Board,
    kind: type[Worker],
) -> int:
    sys.setswitchinterval(SWITCH_SECONDS)
    import_catboost()
    config = uvicorn.Config(
        create_app(settings, keys_required=required, board=board),
        log_config=None,
        log_level="warning",
        access_log=False,
        lifespan="on",
        # The client's address is the guard's business, which believes no proxy untold.
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=settings.drain_seconds,
    )
    server = kind(config)

    def end(_number: int, _frame: FrameType | None) -> None:
        server.should_exit = True

    # For signals before uvicorn listens to them, and for the one that it raises again once it
    # has ended: neither is a failure.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    server.run(sockets=[listener])
    return 0 if server.started else 1


def main() -> int:
    """``python -m carprice_serving``: settings from the environment."""
    try:
        settings = Settings.from_environment()
        return serve(settings)
    except UserError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 2


def _listen(host: str, port: int) -> socket.socket:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, address = found[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise UserError(f"cannot listen on {host}:{port}: {error.strerror}") from error
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(1024)
    except OSError as error:
        listener.close()
        raise UserError(f"cannot listen on {host}:{port}: {error.strerror}") from error
    return listener


def _address(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
