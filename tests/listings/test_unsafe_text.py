"""Markup in a text is refused, whatever the source; ordinary text never is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from carprice_assets.listings import cleaning, raw
from carprice_assets.listings.normalise import holds_markup
from carprice_assets.markets import Market

Write = Callable[..., Path]
FORD = {"make": "Ford", "model": "Focus", "year": "2019", "price": "9000"}

UNSAFE = [
    "<script>alert(1)</script> Motors",
    "Smith <SCRIPT src=//x>",
    "<iframe src=x",
    "<b>Best</b> price",
    "</td>",
    "<img/src=x>",
    "<br/>",
    "<!-- x -->",
    "<!doctype html>",
    "<?php x ?>",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "&#60;script&#62;",
    "&#x3c;script>",
    "&amp;amp;lt;script&amp;amp;gt;",
    "javascript:alert(1)",
    "JaVaScRiPt:x",
    "java\tscript:x",
    "x onerror=alert(1)",
    'x" onmouseover = "y',
]
SAFE = [
    "< 500 mi",
    "mileage <500",
    "5 < 6 > 4",
    "<3 cars",
    "Smith &#39;n&#39; Sons",
    "Town &amp; Country",
    "R&D <> Co",
    "&lt; 500 mi",
    "Black/Medium Dark Slate",
    "a=b; price: 5",
    "iron=steel, only = one",
    "Java script: café",
    "AT&T",
    "",
]


@pytest.mark.parametrize("text", UNSAFE)
def test_markup_is_seen(text: str) -> None:
    assert holds_markup(text)


@pytest.mark.parametrize("text", SAFE)
def test_ordinary_text_is_not_markup(text: str) -> None:
    assert not holds_markup(text)


@given(st.text(st.characters(exclude_characters="<&:=")))
def test_without_a_sign_there_is_no_markup(text: str) -> None:
    assert not holds_markup(text)


@given(st.text(), st.text())
def test_no_text_raises_and_a_tag_is_seen_anywhere(before: str, after: str) -> None:
    holds_markup(before + after)
    assert holds_markup(f"{before} <script> {after}")


def test_long_texts_take_no_time() -> None:
    assert not holds_markup("&amp;" * 1_000_000)
    assert not holds_markup("&" + "amp;" * 1_000_000)


FIELDS = {
    "dealer_name": "dealer",
    "make": "make",
    "model": "model",
    "trim": "trim",
    "exterior_color": "exterior_color",
    "interior_color": "interior_color",
    "cat": "cat",
    "stock_type": "stock_type",
    "drivetrain": "drivetrain",
    "fuel_type": "fuel_type",
    "bodystyle": "bodystyle",
    "vin": "vin",
}


def test_every_text_field_is_looked_at(
    con: duckdb.DuckDBPyConnection, market: Market, payloads: Write
) -> None:
    text = "&lt;script&gt;" + "x" * 500
    rows = [(key, "2023-10-01", FORD | {key: text}) for key in FIELDS]
    safe = {"dealer_name": "Smith &#39;n&#39; Sons, < 500 mi", "trim": "S &amp; T"}
    raw.append(con, market, "payload", payloads([*rows, ("good", "2023-10-01", FORD | safe)]))
    summary = cleaning.rebuild(con, market)
    assert (summary.listings, dict(summary.reasons)) == (1, {"unsafe_text": len(FIELDS)})
    found = con.execute("SELECT listing_id, detail FROM rejected_listings").fetchall()
    assert dict(found) == {key: f"{name}: {text[:120]}" for key, name in FIELDS.items()}
    assert con.execute("SELECT dealer FROM listings").fetchall() == [("Smith 'n' Sons, < 500 mi",)]


def test_titles_are_looked_at(
    con: duckdb.DuckDBPyConnection, market: Market, cards: Write, make_card: Callable[..., Any]
) -> None:
    rows = [
        make_card("2023-10-01", "bad", "2020 Ford Focus <img src=x>", "9000"),
        make_card("2023-10-01", "good", "2020 Ford Focus", "9000"),
    ]
    raw.append(con, market, "carscom-cards", cards(rows))
    assert dict(cleaning.rebuild(con, market).reasons) == {"unsafe_text": 1}
    assert con.execute("SELECT detail FROM rejected_listings").fetchall() == [
        ("title: 2020 Ford Focus <img src=x>",)
    ]
