"""What answers mean."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from carprice_assets.sources.crawl.answers import (
    Answer,
    by_status,
    decode,
    is_interstitial,
    retry_after,
    too_large,
)

NOW = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("status", "headers", "kind", "reason"),
    [
        (200, {}, "ok", ""),
        (404, {}, "gone", ""),
        (410, {}, "gone", ""),
        (401, {}, "refused", "http_401"),
        (403, {}, "refused", "http_403"),
        (451, {}, "refused", "http_451"),
        (200, {"cf-mitigated": "challenge"}, "refused", "interstitial"),
        (429, {}, "wait", "http_429"),
        (503, {"retry-after": "3"}, "wait", "http_503"),
        (503, {}, "again", "http_503"),
        (500, {}, "again", "http_500"),
        (408, {}, "again", "http_408"),
        (302, {"location": "/x"}, "redirect", ""),
        (302, {}, "failed", "redirect"),
        (304, {"location": "/x"}, "failed", "http_304"),
        (418, {}, "failed", "http_418"),
    ],
)
def test_by_status(status, headers, kind, reason):
    answer = by_status(status, headers, NOW)

    assert (answer.kind, answer.reason) == (kind, reason)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "17"}, 17.0),
        ({"retry-after": " 0 "}, 0.0),
        ({"retry-after": "Mon, 05 Jan 2026 12:00:30 GMT"}, 30.0),
        ({"retry-after": "Mon, 05 Jan 2026 11:00:00 GMT"}, 0.0),
        (
            {
                "retry-after": "Mon, 05 Jan 2026 12:00:30 GMT",
                "date": "Mon, 05 Jan 2026 12:00:20 GMT",
            },
            10.0,
        ),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "soon"}, None),
        ({}, None),
    ],
)
def test_retry_after(headers, seconds):
    assert retry_after(headers, NOW) == seconds


def test_an_interstitial_is_known_by_its_title():
    assert is_interstitial(b"<html><TITLE>Just a moment...</TITLE>")
    assert is_interstitial(b'<title data-x="1">\n Just a moment\xe2\x80\xa6</title>')
    assert not is_interstitial(b"<title>Cars</title><p>Just a moment</p>")


def test_a_page_may_be_as_large_as_the_limit():
    assert too_large(100, 100) is None
    answer = too_large(101, 100)
    assert answer is not None
    assert (answer.kind, answer.reason) == ("unreadable", "page_too_large")


@pytest.mark.parametrize(
    ("header", "body", "text"),
    [
        ("text/html", "Škoda".encode(), "Škoda"),
        ("text/html; charset=ISO-8859-2", "Škoda".encode("iso-8859-2"), "Škoda"),
        ("text/html", b'<meta charset="latin-1">Citro\xebn', '<meta charset="latin-1">Citroën'),
        (
            "text/html",
            b'<meta http-equiv="Content-Type" content="text/html; charset=latin-1">\xeb',
            '<meta http-equiv="Content-Type" content="text/html; charset=latin-1">ë',
        ),
        ("text/html; charset=latin-1", b"\xef\xbb\xbfok \xc3\xab", "ok ë"),
    ],
)
def test_text_by_the_declared_charset(header, body, text):
    assert decode(header, body) == text


@pytest.mark.parametrize(
    ("header", "body"),
    [
        ("text/html; charset=utf-8", b"Citro\xebn"),
        ("text/html", b"Citro\xebn"),
        ("text/html; charset=klingon", b"x"),
        ("text/html; charset=hex", b"x"),
        ("text/html; charset=utf-16", b"x"),
    ],
)
def test_bytes_that_are_not_what_the_page_says(header, body):
    answer = decode(header, body)

    assert isinstance(answer, Answer)
    assert (answer.kind, answer.reason) == ("unreadable", "wrong_charset")
