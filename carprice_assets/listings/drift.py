"""Has a site changed its layout? Shares of raw rows without their key fields, against before."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from carprice_assets.listings.journals import Head
from carprice_assets.markets import Market
from carprice_assets.sources import find_format

if TYPE_CHECKING:
    import duckdb

KEY_FIELDS = ("make", "model", "year", "price", "mileage", "stock_type", "vin")
REQUIRED: Mapping[str, tuple[str, ...]] = {
    "make": ("make", "title"),
    "model": ("model", "model_trim", "title"),
    "year": ("year", "title"),
    "price": ("price",),
}
"""What a listing cannot do without, and the raw fields that it is read from."""

SCRAPES = 5
LEAST_ROWS = 20
RISE = 0.25
ERRORS = 3.0
FIRST_MISSING = 0.5
UNREAD = 0.3
LOOKED_AT = 50_000
"""Earlier rows that are read at most, about: a sample by their hash beyond."""


@dataclass(frozen=True)
class Share:
    """Share of the rows that lack a field: ``now``, and ``before`` (None without a comparison).

    ``before`` is that of earlier rows with the mix of stock types of now: new cars have no
    mileage, and one day brings more of them than another.
    """

    now: float
    before: float | None = None


@dataclass(frozen=True)
class Drift:
    """What came in, against the scrapes before.

    Attributes
    ----------
    rows
        Raw rows that came in and were not known.
    scrapes, earlier
        Earlier scrapes of the site they were compared with, and the rows of them looked at.
    fields
        Of every key field, the share of rows without it; empty without rows.
    details, unread
        Detail pages with an end, and the share of them without readable data.
    broken
        A sentence for each sign of a changed layout; empty where there is none.
    """

    rows: int = 0
    scrapes: int = 0
    earlier: int = 0
    fields: Mapping[str, Share] = field(default_factory=dict[str, Share])
    details: int = 0
    unread: float = 0.0
    broken: tuple[str, ...] = ()


def measure(con: duckdb.DuckDBPyConnection, market: Market, head: Head, *, rows: bool) -> Drift:
    """Judge the fresh rows of ``incoming`` (where there are ``rows``) and the page states.

    Rows are compared with those of the site's last scrapes in ``raw_listings``; a scrape that
    was held and whose rows a person imported all the same ends what counts as before.
    """
    details, unread = con.execute(
        "SELECT count(*), count(*) FILTER (state = 'failed' AND reason IN ('no_data', 'bad_data'))"
        " FROM crawled WHERE page = 'detail' AND state <> 'pending'"
    ).fetchall()[0]
    share = unread / details if details else 0.0
    broken: list[str] = []
    if details >= LEAST_ROWS and share > UNREAD:
        broken.append(
            f"{share:.0%} of {details:,} detail pages have no readable data (limit {UNREAD:.0%})"
        )
    if not rows:
        return Drift(details=details, unread=share, broken=tuple(broken))
    fresh = "(SELECT incoming.* FROM incoming SEMI JOIN fresh ON incoming.rowid = fresh.place)"
    now = _count(con, market, head.format, fresh)
    scrapes = _earlier_scrapes(con, head)
    before = _count_earlier(con, market, head.format, scrapes)
    compared = _total(before).rows >= LEAST_ROWS
    fields = {name: _share(now, before, name, compared) for name in KEY_FIELDS}
    total = _total(now)
    if total.rows >= LEAST_ROWS:
        if compared:
            broken += _risen(now, before, fields, len(scrapes))
        else:
            broken += _lacking(total)
    return Drift(
        rows=total.rows,
        scrapes=len(scrapes) if compared else 0,
        earlier=_total(before).rows if compared else 0,
        fields=fields if total.rows else {},
        details=details,
        unread=share,
        broken=tuple(broken),
    )


@dataclass(frozen=True)
class _Counts:
    """Rows of one stock type, and those that lack a field (``first_`` as :data:`REQUIRED`)."""

    rows: int = 0
    missing: Mapping[str, int] = field(default_factory=dict[str, int])


_Mix = Mapping[str, _Counts]


def _count(con: duckdb.DuckDBPyConnection, market: Market, format: str, rows: str) -> _Mix:
    """Counts by stock type as its raw text says it."""
    raw = find_format(format).extract(market).select(rows, "row_hash")
    counted = {name: f"{name}_text IS NULL" for name in KEY_FIELDS}
    for name, texts in REQUIRED.items():
        counted[f"first_{name}"] = " AND ".join(f"{text}_text IS NULL" for text in texts)
    counts = ", ".join(f"count(*) FILTER ({rule})" for rule in counted.values())
    found: list[tuple[Any, ...]] = con.execute(
        f"SELECT coalesce(lower(stock_type_text), ''), count(*), {counts} FROM ({raw}) GROUP BY 1"
    ).fetchall()
    return {
        kind: _Counts(rows, dict(zip(counted, missing, strict=True)))
        for kind, rows, *missing in found
    }


def _earlier_scrapes(con: duckdb.DuckDBPyConnection, head: Head) -> dict[str, int]:
    """Scrape id to raw rows, of the site's last scrapes, the latest first."""
    found = con.execute(
        """
        SELECT scrape_id, any_value(rows), bool_or(state = 'held' AND crawl_id <> $crawl)
        FROM crawls JOIN (
          SELECT scrape_id, count(*) AS rows FROM raw_listings
          WHERE market = $market AND source = $format GROUP BY scrape_id) USING (scrape_id)
        WHERE market = $market AND site = $site AND format = $format
        GROUP BY scrape_id ORDER BY max(day) DESC, scrape_id DESC LIMIT $scrapes
        """,
        {
            "market": head.market,
            "site": head.site,
            "format": head.format,
            "crawl": head.crawl_id,
            "scrapes": SCRAPES,
        },
    ).fetchall()
    kept: dict[str, int] = {}
    for scrape_id, rows, held in found:
        kept[scrape_id] = rows
        if held and sum(kept.values()) >= LEAST_ROWS:
            break
    return kept


def _count_earlier(
    con: duckdb.DuckDBPyConnection, market: Market, format: str, scrapes: Mapping[str, int]
) -> _Mix:
    if not scrapes:
        return {}
    every = math.ceil(sum(scrapes.values()) / LOOKED_AT)
    con.execute(
        """
        CREATE OR REPLACE TEMP TABLE before AS
        SELECT row_hash, payload FROM raw_listings
        WHERE market = $market AND source = $format AND list_contains($scrapes, scrape_id)
          AND row_hash % $every = 0
        """,
        {"market": market.name, "format": format, "scrapes": list(scrapes), "every": every},
    )
    counted = _count(con, market, format, "before")
    con.execute("DROP TABLE temp.before")
    return counted


def _total(mix: _Mix) -> _Counts:
    missing: dict[str, int] = {}
    for counts in mix.values():
        for name, lacking in counts.missing.items():
            missing[name] = missing.get(name, 0) + lacking
    return _Counts(sum(counts.rows for counts in mix.values()), missing)


def _share(now: _Mix, before: _Mix, name: str, compared: bool) -> Share:
    total, earlier = _total(now), _total(before)
    share = total.missing.get(name, 0) / max(total.rows, 1)
    if not compared or not total.rows:
        return Share(share)
    expected = 0.0
    for kind, counts in now.items():
        like = before.get(kind, _Counts())
        if like.rows < LEAST_ROWS:
            by_nature = name == "mileage" and "new" in kind  # a new car has none to state
            like = counts if by_nature else earlier
        expected += counts.rows / total.rows * like.missing.get(name, 0) / like.rows
    return Share(share, expected)


def _risen(now: _Mix, before: _Mix, fields: Mapping[str, Share], scrapes: int) -> list[str]:
    rows, earlier = _total(now).rows, _total(before).rows
    found: list[str] = []
    for name, share in fields.items():
        expected = share.before or 0.0
        error = math.sqrt(expected * (1 - expected) * (1 / rows + 1 / earlier))
        if share.now - expected > max(RISE, ERRORS * error):
            found.append(
                f"{name} is missing in {share.now:.0%} of {rows:,} rows, in {expected:.0%} of"
                f" such rows in the last {scrapes} scrape{'s' * (scrapes != 1)}"
            )
    return found


def _lacking(total: _Counts) -> list[str]:
    shares = {name: total.missing[f"first_{name}"] / total.rows for name in REQUIRED}
    return [
        f"{name} is missing in {share:.0%} of {total.rows:,} rows of a first scrape"
        f" (limit {FIRST_MISSING:.0%})"
        for name, share in shares.items()
        if share > FIRST_MISSING
    ]
