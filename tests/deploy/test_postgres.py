"""Dagster's storage in a PostgreSQL of this machine, by the instance file that is deployed."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from tests_support import add_market

from carprice_assets.defs import launch
from carprice_assets.defs.pools import TRAINING_POOL
from carprice_assets.home import PROJECT, Home

pytestmark = pytest.mark.long


@pytest.fixture
def postgres() -> Iterator[int]:
    """The port of a PostgreSQL with an empty database ``dagster``."""
    if not all(shutil.which(name) for name in ("initdb", "pg_ctl", "createdb")):
        pytest.skip("no PostgreSQL here")
    # Not below pytest's folders, which no other user may enter.
    with tempfile.TemporaryDirectory(prefix="carprice-postgres-") as folder:
        yield from serving(Path(folder))


def serving(folder: Path) -> Iterator[int]:
    alone: list[str] = []
    if os.geteuid() == 0:  # PostgreSQL does not run as root
        alone = ["runuser", "-u", "postgres", "--"]
        if subprocess.run(["chown", "postgres", folder], capture_output=True).returncode:
            pytest.skip("there is no user postgres")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    def run(*words: Any) -> None:
        done = subprocess.run([*alone, *map(str, words)], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr

    data = folder / "data"
    run("initdb", "-D", data, "-U", "dagster", "--auth=trust")
    options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1"
    run("pg_ctl", "-D", data, "-o", options, "-l", folder / "log", "-w", "start")
    try:
        run("createdb", "-h", "127.0.0.1", "-p", port, "-U", "dagster", "dagster")
        yield port
    finally:
        run("pg_ctl", "-D", data, "-m", "immediate", "stop")


def test_runs_and_pools_are_kept_in_it(
    postgres: int, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    facts = {"HOST": "127.0.0.1", "PORT": postgres, "DB": "dagster", "USER": "dagster"}
    for name, value in {**facts, "PASSWORD": "unused"}.items():
        monkeypatch.setenv(f"CARPRICE_POSTGRES_{name}", str(value))
    home.dagster.mkdir(parents=True)
    (home.dagster / "dagster.yaml").write_bytes(Path(PROJECT / "deploy/dagster.yaml").read_bytes())
    add_market(home, "small")
    with launch.instance(home) as instance:
        launch.require(launch.materialize(instance, "small", ["served_valuations"]))
    with launch.instance(home) as again:
        [run] = again.get_runs()
        assert run.status is dg.DagsterRunStatus.SUCCESS
        key = dg.AssetKey("served_valuations")
        assert again.get_latest_materialization_event(key) is not None
        limits = {each.name for each in again.event_log_storage.get_pool_limits()}
        assert TRAINING_POOL in limits
        assert type(again.event_log_storage).__name__ == "PostgresEventLogStorage"
    assert not list(home.dagster.rglob("*.db")), "no SQLite beside it"
