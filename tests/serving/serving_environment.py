"""An environment that holds what the ``serving`` extra asks for and nothing else, made offline.

The distributions are those of the environment that runs the tests, linked into a new virtual
environment; which of them is worked out from their own requirements.
"""

from __future__ import annotations

import os
import tomllib
import venv
from importlib.metadata import Distribution, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("carprice_assets", "carprice_serving")


def serving_requirements() -> list[str]:
    """What ``pip install carprice[serving]`` asks for."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return [*project["dependencies"], *project["optional-dependencies"]["serving"]]


def closure(requirements: list[str]) -> dict[str, Distribution]:
    """The distributions that ``requirements`` bring, by canonical name."""
    found: dict[str, Distribution] = {}
    seen: set[tuple[str, frozenset[str]]] = set()
    waiting = [(Requirement(each), frozenset[str]()) for each in requirements]
    while waiting:
        wanted, asked_by = waiting.pop()
        if wanted.marker and not any(
            wanted.marker.evaluate({"extra": extra}) for extra in asked_by | {""}
        ):
            continue
        name, extras = canonicalize_name(wanted.name), frozenset(wanted.extras)
        if (name, extras) in seen:
            continue
        seen.add((name, extras))
        found[name] = distribution(name)
        waiting += [(Requirement(each), extras) for each in found[name].requires or ()]
    return found


def build(folder: Path) -> tuple[Path, set[str]]:
    """Make the environment in ``folder``; gives its Python and the names of what it holds."""
    venv.create(folder, symlinks=True, with_pip=False)
    [site] = (folder / "lib").glob("python*/site-packages")
    found = closure(serving_requirements())
    for each in found.values():
        _link(each, site)
    for name in PACKAGES:
        (site / name).symlink_to(ROOT / name)
    return folder / "bin" / "python", set(found)


def _link(dist: Distribution, site: Path) -> None:
    files = [file for file in dist.files or () if ".." not in file.parts]
    for top in {file.parts[0] for file in files} - {"__pycache__"}:
        source = Path(str(dist.locate_file(top)))
        # A folder with an __init__.py is one distribution's; others may be shared by several.
        if source.is_file() or (source / "__init__.py").is_file():
            (site / top).symlink_to(source)
            continue
        for file in (each for each in files if each.parts[0] == top):
            target = site / Path(*file.parts)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.symlink_to(str(dist.locate_file(file)))


def clean_environment(**more: str) -> dict[str, str]:
    """The present environment less all that names a Python path or this project."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "CARPRICE_"))}
    return kept | more
