"""Metadata and checks of crawls, for the reader of the UI."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import dagster as dg

from carprice_assets.defs.common import markdown_table
from carprice_assets.listings.crawl_report import size_text
from carprice_assets.listings.drift import Share
from carprice_assets.listings.ledger import Taken

COUNTS = ("seen", "new", "changed", "aged", "missing", "unchanged", "gone", "failed", "pending")


def crawl_facts(taken: Sequence[Taken]) -> dict[str, Any]:
    """What the crawls of one materialization saw, asked for and brought."""
    shown: dict[str, Callable[[Taken], Any]] = {
        "state": lambda taken: taken.state,
        "why": lambda taken: taken.crawl.reason or "–",
        "cards seen": lambda taken: taken.crawl.seen,
        "detail pages asked for": lambda taken: (
            ", ".join(f"{count:,} {why}" for why, count in taken.crawl.why.items() if count)
            or "none"
        ),
        "unchanged": lambda taken: taken.crawl.unchanged,
        "gone": lambda taken: taken.crawl.gone,
        "pages failed": lambda taken: taken.crawl.failed,
        "pages pending": lambda taken: taken.crawl.pending,
        "requests": lambda taken: taken.crawl.requests,
        "received": lambda taken: size_text(taken.crawl.bytes),
    }
    crawls = [
        {"": name, **{each.crawl.crawl_id: fact(each) for each in taken}}
        for name, fact in shown.items()
    ]
    sample = [
        {"listing": new.listing_id, "title": new.title, "price": new.price}
        for each in taken
        for new in each.sample
    ]
    sums: dict[str, Any] = {
        name: sum(getattr(each.crawl, name) for each in taken) for name in COUNTS
    }
    return {
        "rows_read": sum(each.rows_read for each in taken),
        "rows_new": sum(each.rows_new for each in taken),
        "rows_known": sum(each.rows_known for each in taken),
        "dagster/row_count": taken[-1].total,
        "crawls": markdown_table(crawls),
        **{f"listings_{name}": count for name, count in sums.items()},
        "listings_delisted": sum(each.delisted for each in taken),
        "requests": sum(each.crawl.requests for each in taken),
        "crawl_states": {each.crawl.crawl_id: each.state for each in taken},
        "crawl_reasons": {each.crawl.crawl_id: each.crawl.reason or "" for each in taken},
        "sample_of_new": markdown_table(sample),
        **{f"held_{e.crawl.site}": str(e.held_file) for e in taken if e.held_file},
    }


def crawl_checks(taken: Sequence[Taken]) -> list[dg.AssetCheckResult]:
    """``layout_drift`` and ``crawl_whole`` over the crawls of one materialization."""
    drifted = [f"{e.crawl.crawl_id}: {line}" for e in taken for line in e.drift.broken]
    broken = [f"{e.crawl.crawl_id}: {e.collapse.broken}" for e in taken if e.collapse.broken]
    fields = [
        {"crawl": each.crawl.crawl_id, "field": name, **_shares(share)}
        for each in taken
        for name, share in each.drift.fields.items()
    ]
    seen = [
        {
            "crawl": each.crawl.crawl_id,
            "seen": each.collapse.seen,
            "usual": "–" if each.collapse.usual is None else f"{each.collapse.usual:,.0f}",
            "pages failed": f"{each.collapse.failed:.1%}",
        }
        for each in taken
    ]
    return [
        _check("layout_drift", drifted, {"missing_fields": markdown_table(fields)}),
        _check("crawl_whole", broken, {"crawls": markdown_table(seen)}),
    ]


def no_crawl() -> list[dg.AssetCheckResult]:
    """The two checks where a file was taken in: they speak of crawls alone."""
    told = {"judged": "nothing: a file was taken in, no site was crawled"}
    return [_check(name, [], told) for name in ("layout_drift", "crawl_whole")]


def _check(name: str, broken: Sequence[str], facts: Mapping[str, Any]) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        check_name=name,
        asset_key="raw_listings",
        passed=not broken,
        description="; ".join(broken) or None,
        metadata=dict(facts),
    )


def _shares(share: Share) -> dict[str, str]:
    before = "–" if share.before is None else f"{share.before:.1%}"
    return {"missing now": f"{share.now:.1%}", "missing before": before}
