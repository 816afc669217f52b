"""Spooled lines: JSON Lines with one offer a line, whatever its payload.

A line is ``{"listing_id", "url", "scraped_at", "payload": {...}}``, with ``scrape_id`` where a
visit has a name of its own, and ``sequence``, a whole number by which a later line of one day
supersedes an earlier one, whatever file it came in. The payload alone is stored, verbatim.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from carprice_assets.errors import UserError
from carprice_assets.sources.base import parsed
from carprice_assets.sources.reading import (
    check_file,
    is_parquet,
    json_lines,
    read_text_head,
    telling,
)
from carprice_assets.sources.table import iso_day, store_incoming

if TYPE_CHECKING:
    import duckdb

LINE = ("listing_id", "url", "scraped_at", "scrape_id", "sequence")


def read_lines(
    con: duckdb.DuckDBPyConnection, path: Path, source: str, scraped_at: date | None
) -> None:
    """Read a file of spooled lines into ``incoming`` as rows of ``source``.

    Raises
    ------
    UserError
        Where it is no such file, in one line that names it.
    """
    check_file(path)
    if is_parquet(path):
        raise UserError(f"{path}: is a Parquet file, not JSON Lines of payloads")
    read_text_head(path)
    lines = f"SELECT payload AS line FROM ({json_lines(path)})"
    with telling(path):
        whole = con.execute(
            f"SELECT count(*), count(*) FILTER (json_exists(line, '$.payload')) FROM ({lines})"
        ).fetchall()[0]
    if whole[1] == 0:
        raise UserError(f"{path}: lacks the key payload in all of its {whole[0]:,} lines")
    store_incoming(
        con,
        path,
        source,
        "SELECT coalesce(json_extract(line, '$.payload')::VARCHAR, 'null') AS payload,"
        f" {parsed('line', LINE)} AS p FROM ({lines})",
        listing_id="p.listing_id",
        url="p.url",
        day=iso_day("p.scraped_at", scraped_at),
        scrape_id="p.scrape_id",
        sequence="p.sequence",
    )
