"""SQL for the raw texts of the features that a market declares, whatever the format."""

from __future__ import annotations

import re

from carprice_assets.markets import Market
from carprice_assets.sources.base import literal

STEP = re.compile(r"([^\[\]]*)((?:\[\d+\])*)")


def raw_text(name: str) -> str:
    """The column that holds the raw text of the feature called ``name``."""
    return f"own_{name}_text"


def raw_factor(name: str) -> str:
    """The column that holds what a number of the feature called ``name`` is multiplied by."""
    return f"own_{name}_factor"


def declared_sql(market: Market, format_name: str) -> str:
    """SQL for two columns a feature, each behind a comma, over rows with ``payload``.

    The columns are :func:`raw_text` and :func:`raw_factor`; where the format does not have the
    feature the text is NULL. Every format gives the same columns in the same order.
    """
    mappings = market.feature_sources().get(format_name, {})
    columns: list[str] = []
    for feature in market.features:
        mapping = mappings.get(feature.name)
        text = payload_value(mapping.column) if mapping else "NULL::VARCHAR"
        if mapping and mapping.unit:
            behind = literal(rf"\s*{re.escape(mapping.unit)}\s*$")
            text = f"regexp_replace({text}, {behind}, '', 'i')"
        factor = mapping.factor if mapping else 1.0
        columns.append(f", nullif(trim({text}), '') AS {raw_text(feature.name)}")
        columns.append(f", {factor!r}::DOUBLE AS {raw_factor(feature.name)}")
    return "".join(columns)


def payload_value(column: str) -> str:
    """SQL for the text, number or truth value at a key of ``payload``.

    Where the payload has no such key, ``engine.power[0]`` is a path into it. Lists and objects
    are no values.
    """
    paths = ['$."' + column.replace('"', '\\"') + '"']
    if re.search(r"[.\[]", column):
        steps = [STEP.fullmatch(step) for step in column.split(".")]
        if all(steps):
            paths.append(
                "$"
                + "".join(
                    f'."{step[1]}"{step[2]}' if step[1] else step[2] for step in steps if step
                )
            )
    values = [f"json_extract(payload, {literal(path)})" for path in paths]
    found = f"coalesce({', '.join(values)})"
    return (
        f"CASE WHEN json_type({found}) NOT IN ('OBJECT', 'ARRAY')"
        f" THEN json_extract_string({found}, '$') END"
    )
