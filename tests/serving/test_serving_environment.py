"""A fresh process that has only the ``serving`` extra: it loads a release and answers."""

from __future__ import annotations

import json
import re
import subprocess
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from serving_environment import clean_environment
from trained_releases import champion, reference_cars

from carprice_assets.home import Home
from carprice_assets.releases.valuer import Valuer

ABSENT = (
    "dagster", "dagster_duckdb", "duckdb", "gensim", "optuna", "pyarrow", "sklearn", "playwright",
    "tensorflow", "torch", "pytest",
)  # fmt: skip

LOOK = """
import importlib, json, sys
from importlib.metadata import distributions
absent = []
for name in json.loads(sys.argv[1]):
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as error:
        absent.append(error.name)
names = sorted({each.name.lower().replace("_", "-") for each in distributions()})
print(json.dumps([absent, names, sys.path]))
"""
VALUE = """
import json, sys
from pathlib import Path
from carprice_assets.releases.valuer import Valuer
valuer = Valuer.load(Path(sys.argv[1]))
cars = valuer.value_cars(json.loads(sys.argv[2]), as_of=valuer.last_observed)
print(json.dumps([valuer.same_bits, [car.price for car in cars]]))
"""


def run(python: Path, code: str, *words: str) -> Any:
    """What ``code`` prints in the serving environment, as JSON."""
    done = subprocess.run(
        [str(python), "-I", "-c", code, *words],
        capture_output=True,
        text=True,
        timeout=120,
        env=clean_environment(),
    )
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)


def test_it_holds_nothing_else(serving_python: tuple[Path, set[str]]) -> None:
    python, names = serving_python
    absent, present, path = run(python, LOOK, json.dumps(ABSENT))
    assert absent == list(ABSENT)
    assert present == sorted(names)
    assert {"catboost", "litestar", "numpy", "uvicorn"} <= names
    assert [each for each in path if "site-packages" in each] == [
        each for each in path if each.startswith(str(python.parents[1]))
    ]


def test_it_values_cars(serving_python: tuple[Path, set[str]], trained_template: Home) -> None:
    release, cars = champion(trained_template), reference_cars()
    here = Valuer.load(release.path, verify=False)
    same_bits, prices = run(serving_python[0], VALUE, str(release.path), json.dumps(cars))
    assert same_bits is True
    expected = [car.price for car in here.value_cars(cars, as_of=here.last_observed)]
    assert None not in expected
    assert prices == pytest.approx(expected, rel=1e-6)


def test_it_serves(serving_python: tuple[Path, set[str]], trained_template: Home) -> None:
    release, cars = champion(trained_template), reference_cars()
    here = Valuer.load(release.path, verify=False)
    process = subprocess.Popen(
        [str(serving_python[0]), "-I", "-m", "carprice_serving"],
        env=clean_environment(CARPRICE_HOME=str(trained_template.root), CARPRICE_PORT="0"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        found = re.fullmatch(r"carprice serves on (\S+)\n", process.stdout.readline())
        assert found, process.communicate(timeout=60)
        request = urllib.request.Request(
            f"{found[1]}/api/v1/predict",
            data=json.dumps({"cars_data": cars}).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            body = json.load(answer)
        assert body["valuations"][0]["provenance"]["release"] == release.id
        expected = [car.price for car in here.value_cars(cars, as_of=here.last_observed)]
        assert body["result"] == pytest.approx(expected, abs=0.0051, rel=1e-6)
        process.terminate()
        out, err = process.communicate(timeout=60)
        assert (process.returncode, out, err) == (0, "", "")
    finally:
        process.kill()
        process.communicate()
