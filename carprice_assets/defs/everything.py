"""``carprice run``: one market trained once, then the UI and the API side by side."""

from __future__ import annotations

import os
import sys

from carprice_assets.defs import launch
from carprice_assets.defs.automation import LISTINGS, training_assets
from carprice_assets.defs.telling import training_summary
from carprice_assets.home import PROJECT, Home
from carprice_assets.markets import load_market
from carprice_assets.regressors.registry import REGRESSORS
from carprice_assets.releases.store import ReleaseStore
from carprice_assets.supervise import Service, require_free, run_together

MARKET = "practice"
EXAMPLE = (
    '{"cars_data": [{"make": "Toyota", "model": "RAV4", "year": 2022, "mileage": 30000,'
    ' "stock_type": "Used"}]}'
)


def run(home: Home, *, ui_port: int, api_port: int, market: str = MARKET) -> int:
    """Train ``market`` if it has no champion, then serve until Ctrl-C.

    Raises
    ------
    UserError
        Where a port is taken, the market is unknown, the training fails, or a process ends.
    """
    load_market(home, market)
    services = _services(ui_port, api_port)
    require_free(services)
    with launch.instance(home) as instance:
        if ReleaseStore(home.releases).champion(market) is None:
            _say(f"training the market {market}, about two minutes ...")
            names = list(REGRESSORS)
            outcome = launch.materialize(instance, market, [*LISTINGS, *training_assets(names)])
            for line in training_summary(home, market, outcome):
                _say(line)
            launch.require(outcome)
        else:
            _say(f"the market {market} has a champion already: starting with it")
    environment = {
        "CARPRICE_HOME": str(home.root),
        "DAGSTER_HOME": str(home.dagster),
        "CARPRICE_PORT": str(api_port),
        "CARPRICE_DEFAULT_MARKET": os.environ.get("CARPRICE_DEFAULT_MARKET", market),
    }

    def ready() -> None:
        _say(
            f"\nDagster UI   http://127.0.0.1:{ui_port}\n"
            f"API          http://127.0.0.1:{api_port}/schema\n"
            f"logs         {home.root / 'logs'}\n\nTry:\n"
            f"  curl -s http://127.0.0.1:{api_port}/api/v1/predict -H 'content-type:"
            f" application/json' \\\n    -d '{EXAMPLE}'\n\nCtrl-C ends everything."
        )

    _say("starting the Dagster UI and the API ...")
    code = run_together(
        services, environment=environment, log_folder=home.root / "logs", ready=ready
    )
    _say("ended.")
    return code


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
