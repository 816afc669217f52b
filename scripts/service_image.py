"""Make what deploy/service.Containerfile makes, without Docker: its files, its size, a service.

    .venv/bin/python scripts/service_image.py [--keep FOLDER]

The first stage of the file is followed line by line: what COPY takes of the build context (what
.dockerignore leaves of the checkout) lies in an empty folder, and its RUN lines run there with
the folder below in the place of /opt/carprice. Then a service is started from the result alone
over the kept sample of a release store and asked. Prints what the image would hold beyond its
base; ends with 1 where that is 700 MB or more, or where the service does not answer. Packages
come from PyPI.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tarfile
import tempfile
import urllib.request
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FILE = ROOT / "deploy" / "service.Containerfile"
SAMPLE = ROOT / "tests" / "samples" / "releases" / "format-1.tar.gz"
CAR = {"make": "Honda", "model": "Civic", "year": 2020, "mileage": 30_000}
CARS = 200
"""So many that CatBoost itself is called, and not the arrays beside it."""
PREFIX = "/opt/carprice"
MOST_MEGABYTES = 700.0
SHOWN = 12


def instructions(text: str) -> list[tuple[str, str]]:
    """The instructions of a container file in order, lines that go on joined."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    joined = "\n".join(lines).replace("\\\n", " ")
    return [(found[1], found[2]) for found in re.finditer(r"^([A-Z]+)\s+(.+)$", joined, re.M)]


def first_stage(text: str) -> list[tuple[str, str]]:
    """Those before the second FROM."""
    found = instructions(text)
    starts = [place for place, (name, _) in enumerate(found) if name == "FROM"]
    return found[starts[0] + 1 : [*starts, len(found)][1]]


def context(root: Path) -> list[Path]:
    """Files that are sent to the build: those that .dockerignore lets through, below ``root``.

    It knows what ours says: everything out, some names in, some patterns out again.
    """
    rules = [
        line
        for line in (root / ".dockerignore").read_text(encoding="utf-8").splitlines()
        if line and not line.startswith("#")
    ]
    if rules[0] != "*":
        raise SystemExit(".dockerignore must begin with *: a context that grows by itself leaks")
    within = [root / line[1:] for line in rules if line.startswith("!")]
    without = [line for line in rules[1:] if not line.startswith("!")]
    found: list[Path] = []
    for place in within:
        files = place.rglob("*") if place.is_dir() else [place]
        found += [path for path in files if path.is_file() and not _left_out(path, root, without)]
    return sorted(path.relative_to(root) for path in found)


def _left_out(path: Path, root: Path, patterns: list[str]) -> bool:
    places = [path.relative_to(root), *path.relative_to(root).parents]
    names = [pattern.removeprefix("**/") for pattern in patterns]
    return any(place.match(name) for place in places for name in names)


def build(folder: Path) -> Path:
    """Follow the first stage; gives the environment that the image's second stage copies."""
    target, files = folder / "environment", context(ROOT)
    work = folder / "build"
    for name, words in first_stage(FILE.read_text(encoding="utf-8")):
        if name == "COPY":
            *sources, place = shlex.split(words)
            for source in sources:
                _copy(source, work / place, files, alone=len(sources) == 1)
        elif name == "RUN" and not words.startswith("apt-get"):  # what this machine has must do
            line = words.replace(PREFIX, str(target))
            subprocess.run(["bash", "-euc", line], cwd=work, env=_environment(), check=True)
        elif name not in ("RUN", "WORKDIR"):
            raise SystemExit(f"{FILE.name}: this script does not know {name}")
    return target


def _copy(source: str, place: Path, files: list[Path], *, alone: bool) -> None:
    taken = [path for path in files if path == Path(source) or Path(source) in path.parents]
    if not taken:
        raise SystemExit(f"{FILE.name}: COPY {source}: .dockerignore leaves nothing of it")
    for path in taken:
        within = path.relative_to(source) if path != Path(source) else Path(path.name)
        target = place / within if alone or path == Path(source) else place / path
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / path, target)


def _environment(**more: str) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "CARPRICE_"))}
    return kept | more


def answers(environment: Path, home: Path) -> str:
    """What a service from ``environment`` says of one car, by the kept sample of a release."""
    with tarfile.open(SAMPLE) as archive:
        archive.extractall(home / "releases", filter="data")
    process = subprocess.Popen(
        [str(environment / "bin" / "python"), "-I", "-m", "carprice_serving"],
        env=_environment(CARPRICE_HOME=str(home), CARPRICE_PORT="0"),
        stdout=subprocess.PIPE,
        text=True,
        cwd=home,
    )
    assert process.stdout is not None
    try:
        found = re.search(r"http://\S+", process.stdout.readline())
        if found is None:
            raise SystemExit("the service does not start")
        request = urllib.request.Request(
            f"{found[0]}/api/v1/predict",
            data=json.dumps({"cars_data": [CAR] * CARS}).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=120) as answer:
            prices = json.load(answer)["result"]
        if len(prices) != CARS or len(set(prices)) != 1:
            raise SystemExit(f"the service answers {prices}")
        return f"{prices[0]:,.2f} for a {CAR['year']} {CAR['make']} {CAR['model']}"
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


def sizes(environment: Path) -> tuple[float, list[tuple[str, float]]]:
    """Megabytes in all, and of each package's folder, largest first."""
    parts: Counter[str] = Counter()
    for path in environment.rglob("*"):
        if path.is_file() and not path.is_symlink():
            within = path.relative_to(environment).parts
            place = within.index("site-packages") + 1 if "site-packages" in within else 0
            parts[within[place]] += path.stat().st_size
    return sum(parts.values()) / 1e6, [(name, size / 1e6) for name, size in parts.most_common()]


def main() -> int:
    """Build, look, start; the exit code."""
    parser = argparse.ArgumentParser(description="What the service's image would hold.")
    parser.add_argument("--keep", type=Path, help="an empty folder to build in and leave there")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = chosen.keep or Path(scratch)
        environment = build(folder)
        whole, parts = sizes(environment)
        home = folder / "home"
        home.mkdir(exist_ok=True)
        told = answers(environment, home)
        after, _ = sizes(environment)
    lines = [f"{name:28} {size:7.1f} MB" for name, size in parts[:SHOWN]]
    print(*lines, sep="\n")
    print(f"{'in all':28} {whole:7.1f} MB, at most {MOST_MEGABYTES:.0f}")
    print(f"a service started from it answers {told}")
    print(f"written by that start: {after - whole:.1f} MB")
    return int(whole >= MOST_MEGABYTES)


if __name__ == "__main__":
    sys.exit(main())
