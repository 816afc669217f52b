"""A crawl's journal as temporary tables: read by DuckDB, so that no crawl is too large.

The form of a journal is told in ``carprice_assets.sources.crawl.journal``.
"""

from __future__ import annotations

import json
import mmap
import re
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from carprice_assets.errors import UserError
from carprice_assets.sources.base import literal
from carprice_assets.sources.reading import path_literal, telling

if TYPE_CHECKING:
    import duckdb

CRAWL_ID = re.compile(r"[a-z][a-z0-9_-]*")
RUNNING, PAUSED, COMPLETE, PARTIAL = "running", "paused", "complete", "partial"
UNENDED = (RUNNING, PAUSED)
HEAD_KEYS = ("crawl_id", "scrape_id", "market", "site", "adapter", "format", "day", "started_at")
LEAST_OBJECT = 1 << 24
"""DuckDB's own limit for a line; it keeps two such buffers a thread."""

_LINE = {
    **dict.fromkeys(("kind", "page", "url", "state", "reason", "detail", "at", "day"), "VARCHAR"),
    **dict.fromkeys(("listing_id", "why", "fingerprint"), "VARCHAR"),
    **dict.fromkeys(("status", "attempts", "requests", "bytes"), "BIGINT"),
    **dict.fromkeys(("unreadable", "complete"), "BOOLEAN"),
    "seconds": "DOUBLE",
    "strangers": ["VARCHAR"],
    "cards": [dict.fromkeys(("listing_id", "url", "fingerprint"), "VARCHAR")],
    "pages": [dict.fromkeys(("url", "listing_id", "why", "fingerprint"), "VARCHAR")],
}


@dataclass(frozen=True)
class Head:
    """The first line of a journal."""

    crawl_id: str
    scrape_id: str
    market: str
    site: str
    adapter: str
    format: str
    day: date
    started_at: datetime
    full: bool

    @property
    def started(self) -> datetime:
        """``started_at`` in UTC without a zone, as tables hold times."""
        return utc(self.started_at)


@dataclass(frozen=True)
class Lines:
    """Whole lines of a journal, as they were when looked at.

    ``path`` is the journal, or a copy of its whole lines where the last one is torn;
    ``longest`` is the longest line in bytes.
    """

    path: Path
    longest: int

    @property
    def source(self) -> str:
        """SQL table function that gives each line as ``json``, in order."""
        size = max(LEAST_OBJECT, self.longest + 1)
        return (
            f"read_json_objects({path_literal(self.path)}, format = 'newline_delimited',"
            f" compression = 'none', maximum_object_size = {size})"
        )


def utc(moment: datetime) -> datetime:
    """A time in UTC without its zone, the form of the ledger's tables; one without is in UTC."""
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment


def read_head(journal: Path) -> Head:
    """The first line of a journal.

    Raises
    ------
    UserError
        Where there is no journal, or it does not begin with the head of a crawl.
    """
    try:
        with journal.open("rb") as file:
            line: Any = json.loads(file.readline())
        if line["kind"] != "crawl":
            raise ValueError(line["kind"])
        texts: list[Any] = [line[key] for key in HEAD_KEYS]
        crawl_id, scrape_id, market, site, adapter, form = texts[:6]
        if not all(isinstance(text, str) for text in texts) or not CRAWL_ID.fullmatch(crawl_id):
            raise TypeError(texts)
        day, started = date.fromisoformat(texts[6]), datetime.fromisoformat(texts[7])
        full = line["full"] is True
        return Head(crawl_id, scrape_id, market, site, adapter, form, day, started, full)
    except FileNotFoundError:
        raise UserError(f"{journal}: no such journal") from None
    except (ValueError, TypeError, KeyError) as error:
        raise UserError(f"{journal}: does not begin with the head of a crawl") from error


def _is_whole(line: bytes) -> bool:
    try:
        return line.endswith(b"\n") and json.loads(line) is not None
    except ValueError:
        return False


def has_ended(journal: Path) -> bool:
    """Whether the last line of a journal ends its crawl."""
    with journal.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        last = data[data.rfind(b"\n", 0, len(data) - 1) + 1 :]
    line: Any = json.loads(last) if _is_whole(last) else {}
    return line.get("kind") == "end" and line.get("state") not in UNENDED


@contextmanager
def whole_lines(journal: Path, work: Path) -> Generator[Lines, None, None]:
    """The lines of a journal that end; a torn last one, left by a kill, is not among them.

    ``work`` is a folder that may hold a copy for as long.
    """
    whole = longest = 0
    last = b""
    with journal.open("rb") as file:
        for line in file:
            whole, longest, last = whole + len(line), max(longest, len(line)), line
    if not _is_whole(last):
        whole -= len(last)
    if whole == journal.stat().st_size:
        yield Lines(journal, longest)
        return
    copy = work / "whole.jsonl"
    with journal.open("rb") as file, copy.open("wb") as target:
        while whole > 0 and (piece := file.read(min(whole, 1 << 20))):
            target.write(piece)
            whole -= len(piece)
    try:
        yield Lines(copy, longest)
    finally:
        copy.unlink()


def read_lines(con: duckdb.DuckDBPyConnection, journal: Path, lines: Lines) -> None:
    """Make the temporary tables ``journal``, ``crawled`` and ``cards``.

    ``journal`` has a row a line without its payload. ``crawled`` has a row a page: the columns
    of ``pages``, ``n`` (its line), ``fingerprint``, ``unreadable`` and ``offered`` (there is a
    payload); planned pages without a line of their own are pending. ``cards`` has a row a
    listing with a card: its last ``url``, ``first_day`` and ``day`` (the last).

    Raises
    ------
    UserError
        For a line that is no JSON, or lacks what a page needs.
    """
    con.execute("SET preserve_insertion_order = true")  # n is the place in the journal
    with telling(journal):
        con.execute(
            f"""
            CREATE OR REPLACE TEMP TABLE journal AS
            SELECT n, unnest(from_json(json, {literal(json.dumps(_LINE))})), offered FROM (
              SELECT row_number() OVER () AS n, json, json_exists(json, '$.payload') AS offered
              FROM {lines.source})
            """
        )
    con.execute("SET preserve_insertion_order = false")
    faults = con.execute(
        """
        SELECT n FROM journal WHERE kind = 'page' AND NOT coalesce(
          url <> '' AND state IN ('done', 'failed', 'gone') AND page IN ('search', 'detail')
          AND (page = 'search' OR listing_id <> '') AND try_cast("at" AS TIMESTAMP) IS NOT NULL
          AND try_cast(day AS DATE) IS NOT NULL, false)
        ORDER BY n LIMIT 1
        """
    ).fetchall()
    if faults:
        raise UserError(f"{journal}: line {faults[0][0]} is no whole record of a page")
    con.execute(_CRAWLED)
    con.execute(_CARDS)


_SPENT = ", ".join(
    f"coalesce(sum({name}) OVER same, 0) AS {name}"
    for name in ("attempts", "requests", "bytes", "seconds")
)

_CRAWLED = f"""
CREATE OR REPLACE TEMP TABLE crawled AS
WITH ended AS (
  SELECT n, url, page, listing_id, why, state, nullif(reason, '') AS reason,
    nullif(detail, '') AS detail, status, {_SPENT},
    "at"::TIMESTAMP AS fetched_at, day::DATE AS day, nullif(fingerprint, '') AS fingerprint,
    coalesce(unreadable, false) AS unreadable, offered
  FROM journal WHERE kind = 'page'
  WINDOW same AS (PARTITION BY url)
  QUALIFY row_number() OVER (PARTITION BY url ORDER BY n DESC) = 1),
planned AS (
  SELECT n, unnest(pages, recursive := true) FROM journal WHERE kind = 'plan'),
pending AS (
  SELECT n, url, listing_id, why, fingerprint FROM planned ANTI JOIN ended USING (url)
  WHERE url <> ''
  QUALIFY row_number() OVER (PARTITION BY url ORDER BY n) = 1)
SELECT * FROM ended
UNION ALL
SELECT n, url, 'detail', listing_id, why, 'pending', NULL, NULL, NULL, 0, 0, 0, 0, NULL, NULL,
  nullif(fingerprint, ''), false, false
FROM pending
"""

_CARDS = """
CREATE OR REPLACE TEMP TABLE cards AS
SELECT listing_id, arg_max(url, n) AS url, min(day) AS first_day, max(day) AS day FROM (
  SELECT n, day::DATE AS day, unnest(cards, recursive := true)
  FROM (SELECT n, day, cards FROM journal WHERE kind = 'page' AND page = 'search'))
WHERE listing_id <> '' AND url <> '' GROUP BY listing_id
"""


def own_state(con: duckdb.DuckDBPyConnection) -> tuple[str, str | None, datetime | None, bool]:
    """How the crawl ended by the temporary table ``journal``.

    Returns
    -------
    tuple
        State (``running`` without an end, or with lines after it), reason, time of the
        end, and whether the search came to its natural end.
    """
    ends = con.execute(
        """
        SELECT state, nullif(reason, ''), try_cast("at" AS TIMESTAMP) FROM journal
        WHERE kind = 'end' AND n = (SELECT max(n) FROM journal)
        """
    ).fetchall()
    state, reason, at = ends[0] if ends else (RUNNING, None, None)
    complete = con.execute(
        "SELECT complete FROM journal WHERE kind = 'search_end' ORDER BY n DESC LIMIT 1"
    ).fetchall()
    return state, reason, at, bool(complete and complete[0][0])


def write_offers(
    con: duckdb.DuckDBPyConnection, lines: Lines, head: Head, target: Path, *, unreadable: bool
) -> int:
    """Write the offers of a journal as lines of the payload form; returns their number.

    With ``unreadable`` instead the pages that must not be taken for a car, and what the search
    lists at other hosts, which is never asked for: their payload is
    ``{"fault", "detail", "url"}``, the form of the format ``unreadable``.
    """
    if unreadable:
        payload = "{'fault': reason, 'detail': detail, 'url': url}::JSON"
        rows = _UNREADABLE
    else:
        payload = "json_extract(json, '$.payload')"
        rows = (
            "crawled JOIN (SELECT json, json ->> '$.url' AS url,"
            f" row_number() OVER () AS n FROM {lines.source}) USING (n, url)"
            " WHERE page = 'detail' AND offered AND state = 'done'"
        )
    con.execute("SET preserve_insertion_order = true")
    written = con.execute(
        f"""
        COPY (
          SELECT listing_id, url, day AS scraped_at, {literal(head.scrape_id)} AS scrape_id,
            epoch_ms(fetched_at) AS sequence, {payload} AS payload
          FROM {rows}
        ) TO {literal(str(target))} (FORMAT json)
        """
    ).fetchall()[0][0]
    con.execute("SET preserve_insertion_order = false")
    return written


_UNREADABLE = """(
  SELECT listing_id, url, day, fetched_at, reason, detail FROM crawled
  WHERE page = 'detail' AND unreadable
  UNION ALL
  SELECT NULL, url, min(day::DATE), min("at"::TIMESTAMP), 'foreign_address', url
  FROM (SELECT day, "at", unnest(strangers) AS url FROM journal
        WHERE kind = 'page' AND page = 'search')
  WHERE url <> '' GROUP BY url)"""
