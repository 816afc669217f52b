"""axe-core, which finds what keeps people out of a page: fetched once by npm, never shipped."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tarfile
from pathlib import Path
from typing import Any

from filelock import FileLock

VERSION = "4.14.1"
SHA256 = "29348999450cdf2849a8e70b7912fc2da85a849da39c0d0d5394f51d4a9ed95c"
"""Of ``axe.min.js`` in that version's package."""
SECONDS = 120.0
RULES = "axe.run(document, {resultTypes: ['violations']})"


def script() -> str:
    """The text of ``axe.min.js``, from the cache or the npm registry.

    Raises
    ------
    LookupError
        With the reason where it cannot be had.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "carprice"
    kept = cache / f"axe-core-{VERSION}.min.js"
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with FileLock(cache / "axe-core.lock"):
            if not kept.exists():
                _fetch(cache, kept)
    except (OSError, subprocess.SubprocessError, tarfile.TarError, KeyError) as error:
        raise LookupError(f"axe-core {VERSION} cannot be had: {error}") from error
    data = kept.read_bytes()
    if hashlib.sha256(data).hexdigest() != SHA256:
        raise AssertionError(f"{kept} is not axe-core {VERSION}")
    return data.decode()


def _fetch(cache: Path, kept: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise OSError("there is no npm here")
    name = f"axe-core@{VERSION}"
    done = subprocess.run(
        [npm, "pack", name, "--silent", "--pack-destination", str(cache)],
        capture_output=True, text=True, timeout=SECONDS, cwd=cache,
    )  # fmt: skip
    if done.returncode:
        raise OSError((done.stderr.strip() or "npm failed").splitlines()[-1])
    packed = cache / done.stdout.split()[-1]
    with tarfile.open(packed) as archive:
        found = archive.extractfile("package/axe.min.js")
        assert found is not None
        kept.write_bytes(found.read())
    packed.unlink()


def violations(page: Any, text: str) -> list[str]:
    """What axe-core finds on the page that is open, a line each with the elements at fault."""
    page.evaluate(text)
    found = page.evaluate(RULES)["violations"]
    return [
        f"{each['impact']}: {each['id']}: {each['help']}: "
        + "; ".join(node["html"][:120] for node in each["nodes"][:3])
        for each in found
    ]
