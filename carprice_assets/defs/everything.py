"""``carprice run``: one market trained once, then the UI and the API side by side."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import dagster as dg

from carprice_assets.defs import launch
from carprice_assets.defs.automation import LISTINGS, training_assets
from carprice_assets.defs.telling import listing_lines, training_summary
from carprice_assets.home import PROJECT, Home
from carprice_assets.markets import Market, load_market
from carprice_assets.regressors.registry import ALL
from carprice_assets.releases.store import ReleaseStore
from carprice_assets.supervise import Service, require_free, run_together

MARKET = "practice"
EXAMPLE = (
    '{"cars_data": [{"make": "Toyota", "model": "RAV4", "year": 2022, "mileage": 30000,'
    ' "stock_type": "Used"}]}'
)


def run(home: Home, *, ui_port: int, api_port: int, names: Sequence[str] = (MARKET,)) -> int:
    """Train the markets that have no champion, then serve until Ctrl-C.

    The practice sites of the markets are served too, from before the first crawl.

    Raises
    ------
    UserError
        Where a port is taken, a market is unknown, a training fails, or a process ends.
    """
    markets = [load_market(home, name) for name in names]
    services = [*_sites(markets), *_services(ui_port, api_port)]
    require_free(services)

    def preparation() -> None:
        with launch.instance(home) as instance:
            for name in names:
                _prepare(home, instance, name)
        _say("starting the Dagster UI and the API ...")

    environment = {
        "CARPRICE_HOME": str(home.root),
        "DAGSTER_HOME": str(home.dagster),
        "CARPRICE_PORT": str(api_port),
        "CARPRICE_DEFAULT_MARKET": os.environ.get("CARPRICE_DEFAULT_MARKET", names[0]),
    }

    shown = [
        f"cars         http://127.0.0.1:{market.practice_port}  the site of {market.name}\n"
        for market in markets
        if market.practice_port
    ]

    def ready() -> None:
        _say(
            f"\nDagster UI   http://127.0.0.1:{ui_port}\n"
            f"API          http://127.0.0.1:{api_port}/schema\n"
            f"{''.join(shown)}"
            f"logs         {home.root / 'logs'}\n\nTry:\n"
            f"  curl -s http://127.0.0.1:{api_port}/api/v1/predict -H 'content-type:"
            f" application/json' \\\n    -d '{EXAMPLE}'\n\nCtrl-C ends everything."
        )

    code = run_together(
        services,
        environment=environment,
        log_folder=home.root / "logs",
        ready=ready,
        preparation=preparation,
    )
    _say("ended.")
    return code


def _prepare(home: Home, instance: dg.DagsterInstance, market: str) -> None:
    """Scrape and train ``market`` unless it has a champion."""
    if ReleaseStore(home.releases).champion(market) is not None:
        _say(f"the market {market} has a champion already: starting with it")
        return
    _say(f"scraping and training the market {market}, about two minutes ...")
    names = list(ALL)
    outcome = launch.materialize(instance, market, [*LISTINGS, *training_assets(names)])
    for line in (*listing_lines(market, outcome), *training_summary(home, market, outcome)):
        _say(line)
    launch.require(outcome)


def _sites(markets: Sequence[Market]) -> list[Service]:
    """The practice sites of ``markets``, each a process of its own."""
    program = (sys.executable, "-m", "carprice_assets.practice_market.site", "--market")
    return [
        Service(f"site-{market.name}", (*program, market.name), port, early=True)
        for market in markets
        if (port := market.practice_port)
    ]


def _services(ui_port: int, api_port: int) -> list[Service]:
    location = ("-w", str(PROJECT / "workspace.yaml"))
    python = sys.executable
    return [
        Service(
            "dagster-webserver",
            (python, "-m", "dagster_webserver", "-h", "127.0.0.1", "-p", str(ui_port), *location),
            ui_port,
        ),
        Service("dagster-daemon", (python, "-m", "dagster._daemon", "run", *location)),
        Service("api", (python, "-m", "carprice_serving"), api_port),
    ]


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
