"""Small pieces that the asset modules share."""

from __future__ import annotations

import errno
import inspect
import re
import warnings
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import dagster as dg

from carprice_assets.defs.markets import market_partitions
from carprice_assets.disk import full_disk
from carprice_assets.errors import UserError

OWNERS = ["team:carprice"]

DISK_FAULTS = {
    errno.EACCES,
    errno.EPERM,
    errno.EROFS,
    errno.EISDIR,
    errno.ENOTDIR,
}

# Checks belong to one market each; the argument for it is new in Dagster and says so.
PREVIEW = r"Specifying a partitions_def on an AssetCheckSpec is currently in preview"


@contextmanager
def preview_accepted() -> Generator[None, None, None]:
    """Let a check be partitioned without the notice that the argument is a preview."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=PREVIEW, category=dg.PreviewWarning)
        yield


def check_spec(name: str, asset: str, description: str, *, blocking: bool) -> dg.AssetCheckSpec:
    """A check of one market's partition of ``asset``."""
    with preview_accepted():
        return dg.AssetCheckSpec(
            name,
            asset=asset,
            description=description,
            blocking=blocking,
            partitions_def=market_partitions,
        )


@contextmanager
def one_line_failures() -> Generator[None, None, None]:
    """Turn a :class:`UserError` into a failed step that shows its one line.

    So is what a disk or its permissions refuse: whoever keeps the machine can mend that.
    """
    try:
        yield
    except UserError as error:
        raise dg.Failure(str(error), allow_retries=False) from error
    except Exception as error:
        if told := full_disk(error):
            raise dg.Failure(told, allow_retries=False) from error
        if not isinstance(error, OSError) or error.errno not in DISK_FAULTS:
            raise
        at = f"{error.filename}: " if error.filename else ""
        raise dg.Failure(f"{at}{error.strerror}", allow_retries=False) from error


def progress_to(context: dg.AssetExecutionContext) -> Callable[[str], None]:
    """Progress lines go to the run's log."""

    def tell(line: str) -> None:
        context.log.info(line)

    return tell


def markdown_table(rows: Sequence[Mapping[str, Any]]) -> dg.MetadataValue[Any]:
    """A Markdown table of ``rows``, whose keys are the head."""
    if not rows:
        return dg.MetadataValue.md("*none*")
    head = list(rows[0])
    lines = [
        "| " + " | ".join(head) + " |",
        "|" + "---|" * len(head),
        *("| " + " | ".join(_cell(row.get(key, "")) for key in head) + " |" for row in rows),
    ]
    return dg.MetadataValue.md("\n".join(lines))


def _cell(value: Any) -> str:
    text = f"{value:,}" if isinstance(value, int) else str(value)
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")


def described(doc: str | None) -> str:
    """A docstring as Markdown: without its indentation, roles and double backticks."""
    text = inspect.cleandoc(doc or "")
    text = re.sub(r":\w+:`~?(?:[\w.]*\.)?(\w+)`", r"`\1`", text)
    return text.replace("``", "`")


def picture(png: bytes, title: str) -> dg.MetadataValue[Any]:
    """A PNG shown in place in the UI."""
    return dg.MetadataValue.md(f"![{title}]({data_address(png)})")


def data_address(png: bytes) -> str:
    """An address that holds the picture itself, since the UI serves no files."""
    import base64

    return f"data:image/png;base64,{base64.b64encode(png).decode()}"
