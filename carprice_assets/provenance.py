"""Where and with what something was made."""

from __future__ import annotations

import hashlib
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

LIBRARIES = (
    "carprice",
    "numpy",
    "scipy",
    "pyarrow",
    "scikit-learn",
    "catboost",
    "gensim",
    "flaml",
    "lightgbm",
    "xgboost",
    "tensorflow",
    "keras",
    "torch",
    "optuna",
    "duckdb",
    "dagster",
)
BUILDS = {"tensorflow": ("tensorflow_cpu",), "xgboost": ("xgboost-cpu",)}
"""Other names under which a library may be installed."""
CODE = ("markets", "listings", "features", "regressors", "evaluation", "releases", "bargains")
"""Folders of the package whose code has a say in what a dataset becomes."""
CPU = Path("/proc/cpuinfo")
VECTORS = ("sse4_2", "avx", "avx2", "fma", "avx512f", "asimd", "sve")
"""Instruction sets by which numerical libraries choose their code, and so their rounding."""


def here(*, run_id: str, data_version: str) -> dict[str, Any]:
    """The Dagster run, data version, versions of libraries and code, and the machine; JSON."""
    return {
        "run": run_id,
        "data_version": data_version,
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}",
        "processor": processor(),
        "versions": {name: _version(name) for name in LIBRARIES},
        "code": code(),
    }


def processor() -> str:
    """The type of this machine's processor: its name, model and vector instructions."""
    if not CPU.exists():
        return platform.processor() or platform.machine()
    facts: dict[str, str] = {}
    for line in CPU.read_text(encoding="utf-8", errors="replace").splitlines():
        key, _, value = line.partition(":")
        facts.setdefault(key.strip(), value.strip())
    has = (facts.get("flags") or facts.get("Features") or "").split()
    named = facts.get("model name") or platform.machine()
    numbers = [f"{key} {facts[key]}" for key in ("cpu family", "model") if key in facts]
    return ", ".join([named, *numbers, " ".join(each for each in VECTORS if each in has)])


def code() -> str:
    """16 hex digits of the platform's own code, as far as it has a say in a release."""
    digest = hashlib.sha256()
    own = Path(__file__).parent
    files = (path for folder in CODE for path in (own / folder).rglob("*.*"))
    for path in sorted(path for path in files if path.suffix in (".py", ".c")):
        digest.update(f"{path.relative_to(own).as_posix()}\n".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _version(name: str) -> str:
    for each in (name, *BUILDS.get(name, ())):
        try:
            return version(each)
        except PackageNotFoundError:
            continue
    return "not installed"
