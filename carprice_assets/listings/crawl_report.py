"""The ledger of crawls as lines for people."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from carprice_assets.errors import UserError
from carprice_assets.markets import Market
from carprice_assets.sources.crawl.journal import NAME, read

if TYPE_CHECKING:
    import duckdb

PAGE_STATES = ("pending", "done", "failed", "gone")
SHOWN = 20
"""Pages of one state that :func:`crawl_lines` lists unless all are asked for."""


def crawl_list(con: duckdb.DuckDBPyConnection, market: str, limit: int = 20) -> list[str]:
    """One line a crawl of a market, the newest first."""
    rows = con.execute(
        """
        SELECT crawl_id, state, seen, new, changed, gone, failed, pending, requests, reason
        FROM crawls WHERE market = $market ORDER BY started_at DESC, crawl_id DESC LIMIT $limit
        """,
        {"market": market, "limit": limit},
    ).fetchall()
    if not rows:
        return [f"market {market}: no crawls in the ledger yet"]
    head = ("crawl", "state", "seen", "new", "changed", "gone", "failed", "pending", "requests")
    return [
        _columns(head),
        *(_columns(row[:9]) + (f"  {row[9]}" if row[9] else "") for row in rows),
    ]


def waiting_lines(spool: Path, market: Market) -> list[str]:
    """One line a site whose crawl lies in the spool, not ended or not taken in."""
    lines: list[str] = []
    for site in market.sites():
        records = read(spool / market.name / site / NAME, payloads=False)
        if records.head:
            lines.append(
                f"waiting   {records.head['crawl_id']}: {len(records.pages):,} pages are finished,"
                f" {len(records.pending):,} wait; carprice crawl -m {market.name} goes on with it"
            )
    return lines


def size_text(size: int) -> str:
    """``12 kB`` or ``3.4 MB``."""
    return f"{size / 1e6:,.1f} MB" if size >= 1_000_000 else f"{size / 1e3:,.0f} kB"


def _columns(values: Sequence[object]) -> str:
    name, state, *counts = values
    numbers = "".join(f"{n:>9,}" if isinstance(n, int) else f"{n:>9}" for n in counts)
    return f"{name!s:<28} {state!s:<10}{numbers}"


def crawl_lines(
    con: duckdb.DuckDBPyConnection, market: str, crawl_id: str, states: Sequence[str] = ()
) -> list[str]:
    """What a crawl did, and its pages that failed or wait; all pages of ``states`` where given.

    Raises
    ------
    UserError
        For an unknown crawl or state.
    """
    if unknown := [state for state in states if state not in PAGE_STATES]:
        raise UserError(f"unknown page state {unknown[0]!r}: there are {', '.join(PAGE_STATES)}")
    of = {"market": market, "crawl": crawl_id}
    found = con.execute(
        "SELECT site, day, state, reason, started_at, ended_at, search_complete, bytes FROM crawls"
        " WHERE market = $market AND crawl_id = $crawl",
        of,
    ).fetchall()
    if not found:
        raise UserError(
            f"market {market}: no crawl {crawl_id!r}: see carprice crawls list -m {market}"
        )
    site, day, state, reason, started, ended, complete, size = found[0]
    lines = [
        f"crawl     {crawl_id} of {site}, day {day}",
        f"state     {state}{': ' + reason if reason else ''}",
        f"search    {'to its end' if complete else 'not to its end'}",
        f"time      {started:%Y-%m-%d %H:%M:%S} to {ended:%Y-%m-%d %H:%M:%S} UTC"
        if ended
        else f"time      since {started:%Y-%m-%d %H:%M:%S} UTC",
        f"size      {size_text(size)}",
    ]
    counts = con.execute(
        "SELECT page, coalesce(why, '') AS why, state, count(*), sum(requests) FROM pages"
        " WHERE market = $market AND crawl_id = $crawl GROUP BY ALL ORDER BY page DESC, why, state",
        of,
    ).fetchall()
    lines += [
        f"pages     {page:<7} {why:<8} {state:<8} {count:>9,}  in {requests or 0:,} requests"
        for page, why, state, count, requests in counts
    ]
    for state in states or ("failed", "pending"):
        lines += _pages(con, of, state, None if states else SHOWN)
    return lines


def _pages(
    con: duckdb.DuckDBPyConnection, of: dict[str, str], state: str, limit: int | None
) -> list[str]:
    rows = con.execute(
        "SELECT url, reason, detail, attempts FROM pages WHERE market = $market"
        " AND crawl_id = $crawl AND state = $state ORDER BY page DESC, url",
        of | {"state": state},
    ).fetchall()
    lines: list[str] = [] if rows or limit is not None else [f"{state:<9} none"]
    for url, reason, detail, attempts in rows[:limit]:
        why = " ".join(str(part) for part in (reason, detail) if part)
        lines.append(f"{state:<9} {url}{'  ' + why if why else ''}  ({attempts} attempts)")
    if limit is not None and len(rows) > limit:
        lines.append(f"{state:<9} and {len(rows) - limit:,} more: --state {state} lists all")
    return lines
