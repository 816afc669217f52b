"""Metadata of the listing tables: figures and small tables for the reader of the UI."""

from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg

from carprice_assets.defs.common import markdown_table
from carprice_assets.listings.cleaning import CleaningSummary
from carprice_assets.listings.figures import PriceChanges
from carprice_assets.listings.rejections import sentence

DAYS_SHOWN = 15


def table_facts(
    summary: CleaningSummary,
    changes: PriceChanges,
    days: Sequence[Mapping[str, Any]],
    recent: Sequence[Mapping[str, Any]],
) -> dict[str, dict[str, Any]]:
    """Metadata by asset, of the three tables that one cleaning makes.

    ``days`` is what moved on each day of a scrape, in order, ``recent`` the last changes of price.
    """
    repairs = summary.repairs
    reasons = [
        {"reason": code, "rows": rows, "what": sentence(code)}
        for code, rows in summary.reasons.items()
    ]
    words = [
        {"field": field, "word": word, "rows": rows}
        for field, samples in repairs.samples.items()
        for word, rows in samples.items()
    ]
    return {
        "listings": {
            "dagster/row_count": summary.listings,
            "superseded": summary.superseded,
            "unreadable_numbers": _counts(repairs.numbers),
            "unmapped_words": _counts(repairs.unmapped),
            "unmapped_samples": markdown_table(words),
            **_own_facts(summary),
        },
        "rejected_listings": {
            "dagster/row_count": summary.rejected,
            "reasons": markdown_table(reasons),
            "reason_counts": dict(summary.reasons),
        },
        "price_history": {
            "dagster/row_count": summary.prices,
            "listings": changes.listings,
            "re_priced_listings": changes.re_priced,
            "price_cuts": changes.cuts,
            "price_rises": changes.rises,
            "median_change_percent": round(100 * changes.median_change, 2),
            "by_day": markdown_table([_day_row(day) for day in reversed(days[-DAYS_SHOWN:])]),
            "latest_changes": markdown_table([_change_row(change) for change in recent]),
            "largest_changes": markdown_table([_change_row(change) for change in changes.largest]),
        },
    }


def _own_facts(summary: CleaningSummary) -> dict[str, Any]:
    """Of how many listings the market's own features are known; nothing where it has none."""
    if not summary.repairs.known:
        return {}
    rows = [
        {"feature": name, "listings": rows, "share": f"{rows / max(summary.listings, 1):.1%}"}
        for name, rows in summary.repairs.known.items()
    ]
    return {
        "own_features": markdown_table(rows),
        "own_feature_counts": dict(summary.repairs.known),
    }


def _day_row(day: Mapping[str, Any]) -> dict[str, Any]:
    median = day["median_change"]
    return {
        "day": day["day"],
        "first seen": day["first_seen"],
        "re-priced": day["re_priced"],
        "cuts": day["cuts"],
        "rises": day["rises"],
        "median change": "–" if median is None else f"{median:+.1%}",
        "gone": day["delisted"],
    }


def _change_row(change: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "day": change["observed_at"],
        "car": change["title"],
        "price": f"{change['price']:,.0f}",
        "change": f"{change['change']:+,.0f}",
        "share": f"{change['share']:+.1%}",
    }


def dataset_facts(head: Mapping[str, Any], sides: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Metadata of ``dataset``: rows by side, and what each side is made of."""
    shown = [{_title(key): _side_cell(key, value) for key, value in side.items()} for side in sides]
    return {
        "dagster/row_count": sum(head["counts"].values()),
        "sides": markdown_table(shown),
        **head["counts"],
        "last_observed": head["last_observed"],
    }


def _counts(found: Mapping[str, int]) -> dg.MetadataValue[Any]:
    return markdown_table([{"field": field, "values": count} for field, count in found.items()])


def _title(key: str) -> str:
    return key.replace("_", " ")


def _side_cell(key: str, value: Any) -> Any:
    if value is None:
        return "–"
    if key == "median_price":
        return f"{value:,.0f}"
    return f"{value:.1%}" if isinstance(value, float) else value
