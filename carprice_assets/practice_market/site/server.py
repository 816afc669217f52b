"""Practice sites as a process: several markets on several ports, one event loop."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from collections.abc import Generator, Sequence
from types import FrameType

import uvicorn
from litestar import Litestar

from carprice_assets.errors import UserError
from carprice_assets.home import Home
from carprice_assets.markets import load_market, load_markets
from carprice_assets.practice_market.site.app import create_site
from carprice_assets.practice_market.site.settings import SiteSettings, site_settings

SIGNALS = (signal.SIGTERM, signal.SIGINT)
DRAIN_SECONDS = 1
"""What running requests get to end in, once the process has to."""


class _Server(uvicorn.Server):
    """Uvicorn that leaves signals to `serve`, since several run in one loop."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


def serve(home: Home, names: Sequence[str] = ()) -> int:
    """Serve the sites of some markets until SIGTERM or SIGINT.

    Parameters
    ----------
    names
        Of the markets; all that can be served by default.

    Returns
    -------
    int
        Exit code: 0 after a signal, 1 where a site could not start.

    Raises
    ------
    UserError
        Where a market has no ``[sources.practice]`` or no site on this machine, or where its
        address cannot be listened on.
    """
    chosen = [site_settings(load_market(home, name)) for name in names] or _all(home)
    with _ended_by_signals():
        return _run(home, chosen)


def _run(home: Home, chosen: Sequence[SiteSettings]) -> int:
    listeners: list[socket.socket] = []
    try:
        for settings in chosen:
            listeners.append(_listen(settings))
        sites = [create_site(settings, home) for settings in chosen]
        servers = [_server(site) for site in sites]
        lines = [_line(*pair) for pair in zip(chosen, sites, strict=True)]
        with asyncio.Runner(loop_factory=servers[0].config.get_loop_factory()) as runner:
            return runner.run(_serve(servers, listeners, lines))
    finally:
        for listener in listeners:
            listener.close()


@contextlib.contextmanager
def _ended_by_signals() -> Generator[None, None, None]:
    """Let a signal end the process with 0 also while nothing listens to it yet, or any more."""

    def end(_number: int, _frame: FrameType | None) -> None:
        raise SystemExit(0)

    before = {number: signal.signal(number, end) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


async def _serve(
    servers: Sequence[_Server], listeners: Sequence[socket.socket], lines: Sequence[str]
) -> int:
    """Run all servers until a signal; print the line of each once it listens."""

    def end() -> None:
        for server in servers:
            server.should_exit = True

    loop = asyncio.get_running_loop()
    for number in SIGNALS:
        loop.add_signal_handler(number, end)
    tasks = [
        asyncio.create_task(server.serve([listener]))
        for server, listener in zip(servers, listeners, strict=True)
    ]
    for server, task, line in zip(servers, tasks, lines, strict=True):
        while not server.started and not task.done():
            await asyncio.sleep(0.01)
        if server.started:
            print(line, flush=True)  # noqa: T201
    await asyncio.gather(*tasks)
    return 0 if all(server.started for server in servers) else 1


def _line(settings: SiteSettings, site: Litestar) -> str:
    """What a site says once it listens."""
    state = site.state.site
    return (
        f"practice site of {settings.market} on http://{settings.host}:{settings.port}/"
        f" (day {state.day}, {state.stock.date}, {len(state.stock.cars):,} cars on sale)"
    )


def _server(site: Litestar) -> _Server:
    # A connection cut on purpose is an error to uvicorn, hence no log below critical.
    config = uvicorn.Config(
        site,
        log_level="critical",
        access_log=False,
        date_header=False,
        server_header=False,
        lifespan="on",
        timeout_graceful_shutdown=DRAIN_SECONDS,
    )
    return _Server(config)


def _all(home: Home) -> list[SiteSettings]:
    good, _ = load_markets(home)
    found: list[SiteSettings] = []
    for market in good.values():
        with contextlib.suppress(UserError):
            found.append(site_settings(market))
    if not found:
        raise UserError("no market has [sources.practice] and a site on this machine")
    return found


def _listen(settings: SiteSettings) -> socket.socket:
    host, port = settings.host, settings.port
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, address = found[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise UserError(f"market {settings.market}: no address {host}:{port}: {error}") from error
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(1024)
    except OSError as error:
        listener.close()
        raise UserError(
            f"market {settings.market}: cannot listen on {host}:{port}: {error.strerror}"
        ) from error
    return listener
