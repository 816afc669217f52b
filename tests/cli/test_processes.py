"""The command as a process: exit codes, the service with its options, and nothing half-printed."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

from carprice_assets.home import Home
from carprice_assets.releases.store import ReleaseStore

CARPRICE = [sys.executable, "-c", "from carprice_assets.cli import main; main()"]


def carprice(*words: object) -> subprocess.CompletedProcess[str]:
    command = [*CARPRICE, *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, env=os.environ)


def test_bad_input_is_one_line_and_exit_code_2(trained_home: Home, tmp_path: Path) -> None:
    missing = tmp_path / "missing.jsonl"
    ended = carprice("import", missing, "-m", "small", "--format", "payload")
    assert ended.returncode == 2
    assert ended.stdout == ""
    assert ended.stderr == f"carprice: {missing}: no such file\n"


def test_help_names_every_command(home: Home) -> None:
    ended = carprice("--help")
    assert ended.returncode == 0
    for command in ("import", "train", "score", "predict", "serve", "run", "markets", "releases"):
        assert f"\n  {command} " in ended.stdout
    assert not home.root.exists()


def test_serve_listens_where_it_is_told(trained_home: Home) -> None:
    command = [*CARPRICE, "serve", "--host", "127.0.0.1", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline().split()
            assert line[:3] == ["carprice", "serves", "on"]
            request = urllib.request.Request(
                f"{line[3]}/api/v1/predict",
                data=json.dumps(
                    {"cars_data": [{"make": "Ford", "model": "F-150", "year": 2021}]}
                ).encode(),
                headers={"content-type": "application/json"},
            )
            with urllib.request.urlopen(request, timeout=60) as answer:
                content = json.load(answer)
            assert content["result"][0] > 0
            champion = ReleaseStore(trained_home.releases).champion("small")
            assert champion in json.dumps(content["valuations"])
        finally:
            process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0


def test_a_taken_port_is_named(home: Home) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ended = carprice("serve", "--port", port)
    assert ended.returncode == 2
    assert ended.stderr == (
        f"carprice: cannot listen on 127.0.0.1:{port}: Address already in use\n"
    )
