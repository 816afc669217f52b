"""The service as a process: one line when it listens, a graceful end on SIGTERM and SIGINT."""

from __future__ import annotations

import logging
import signal
import socket
import sys
from types import FrameType

import uvicorn

from carprice_assets.errors import UserError
from carprice_serving.app import create_app
from carprice_serving.settings import Settings


class Server(uvicorn.Server):
    """Uvicorn that says where it listens, in one line."""

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
        Where the address cannot be listened on.
    """
    listener = _listen(settings.host, settings.port)
    config = uvicorn.Config(
        create_app(settings),
        log_level="warning",
        access_log=False,
        lifespan="on",
        timeout_graceful_shutdown=settings.drain_seconds,
    )
    server = Server(config)

    def end(_number: int, _frame: FrameType | None) -> None:
        server.should_exit = True

    # For signals before uvicorn listens to them, and for the one that it raises again once it
    # has ended: neither is a failure.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    try:
        server.run(sockets=[listener])
    finally:
        listener.close()
    return 0 if server.started else 1


def main() -> int:
    """``python -m carprice_serving``: settings from the environment."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s")
    try:
        return serve(Settings.from_environment())
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
