"""What an answer means: a page, a refusal, a wish to be left alone, a fault that may pass."""

from __future__ import annotations

import codecs
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Literal

Kind = Literal["ok", "gone", "refused", "wait", "again", "redirect", "failed", "unreadable"]

REFUSALS = frozenset({401, 403, 451})
GONE = frozenset({404, 410})
REDIRECTS = frozenset({301, 302, 303, 307, 308})
HEAD_BYTES = 4096
"""Of a page that are searched for an interstitial's title and a declared charset."""

_INTERSTITIAL = re.compile(rb"<title[^>]*>\s*just a moment", re.IGNORECASE)
_META_CHARSET = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([\w.:-]+)", re.IGNORECASE)
_HEADER_CHARSET = re.compile(r"charset\s*=\s*[\"']?([\w.:-]+)", re.IGNORECASE)


@dataclass(frozen=True)
class Answer:
    """The meaning of one response.

    Attributes
    ----------
    kind
        ``ok``; ``gone`` (404, 410); ``refused`` (401, 403, 451, an interstitial); ``wait`` (429,
        503 with Retry-After); ``again`` (other 5xx, 408, time-outs, cut connections);
        ``redirect``; ``unreadable`` (a page that must not be taken for a car); ``failed`` (any
        other status).
    reason
        A code such as ``http_500``; '' for ok and gone.
    detail
        Words for a person.
    wait
        Seconds that Retry-After asks for; None where it does not.
    interstitial
        That a page stood in for the site: the visit ends.
    """

    kind: Kind
    reason: str = ""
    detail: str = ""
    wait: float | None = None
    interstitial: bool = False


OK = Answer("ok")
INTERSTITIAL = Answer(
    "refused",
    "interstitial",
    'an interstitial ("Just a moment") in place of the page',
    interstitial=True,
)


def by_status(status: int, headers: Mapping[str, str], now: datetime) -> Answer:
    """Judge a response by its status and headers (names in lower case).

    Parameters
    ----------
    now
        This machine's time, for a Retry-After that is a date where there is no Date header.
    """
    if headers.get("cf-mitigated"):
        return INTERSTITIAL
    if 200 <= status < 300:
        return OK
    if status in GONE:
        return Answer("gone")
    if status in REDIRECTS:
        if headers.get("location"):
            return Answer("redirect")
        return Answer("failed", "redirect", f"status {status} without a Location")
    reason = f"http_{status}"
    if status in REFUSALS:
        return Answer("refused", reason, f"status {status}")
    wait = retry_after(headers, now)
    if status == 429 or (status == 503 and wait is not None):
        return Answer("wait", reason, f"status {status}", wait)
    if status >= 500 or status == 408:
        return Answer("again", reason, f"status {status}")
    return Answer("failed", reason, f"status {status}")


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds that the header ``Retry-After`` asks for, None where it is absent or unreadable.

    A date is compared with the answer's own ``Date``, so that clocks need not agree.
    """
    text = headers.get("retry-after", "").strip()
    if re.fullmatch(r"\d{1,9}(\.\d+)?", text):
        return float(text)
    until = http_date(text)
    if until is None:
        return None
    return max(0.0, (until - (http_date(headers.get("date", "")) or now)).total_seconds())


def http_date(text: str) -> datetime | None:
    """The moment of an HTTP date, in UTC; None where the text is none."""
    try:
        found = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError):
        return None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def is_interstitial(body: bytes) -> bool:
    """Whether a page, whatever its status, carries the title of an interstitial."""
    return _INTERSTITIAL.search(body[:HEAD_BYTES]) is not None


def too_large(size: int, max_bytes: int) -> Answer | None:
    """The answer for a page of ``size`` bytes where that is more than the site may send."""
    if size <= max_bytes:
        return None
    return Answer("unreadable", "page_too_large", f"{size} bytes are more than {max_bytes}")


def charset(content_type: str, body: bytes) -> str:
    """The charset that a page declares: header first, then ``<meta>``, else UTF-8."""
    if body.startswith(codecs.BOM_UTF8):
        return "utf-8-sig"
    if found := _HEADER_CHARSET.search(content_type):
        return found[1]
    if found := _META_CHARSET.search(body[:HEAD_BYTES]):
        return found[1].decode("ascii", "replace")
    return "utf-8"


def decode(content_type: str, body: bytes) -> str | Answer:
    """A page's text, or the answer ``wrong_charset`` where its bytes are not what it says."""
    name = charset(content_type, body)
    try:
        return body.decode(name)
    except LookupError:
        return Answer("unreadable", "wrong_charset", f"there is no charset {name[:40]!r}")
    except UnicodeError as error:
        return Answer("unreadable", "wrong_charset", f"not {name}: {_fault(error)}")


def _fault(error: UnicodeError) -> str:
    if isinstance(error, UnicodeDecodeError):
        return f"{error.reason} at byte {error.start}"
    return str(error)
