"""Reading pages that may hold anything: trees, JSON in scripts, notices; nothing here overflows."""

from __future__ import annotations

import json
import math
import re
from hashlib import blake2b
from typing import Any

from selectolax.lexbor import LexborHTMLParser, LexborNode

MOST_DEPTH = 50
"""Objects and lists of a JSON text that may lie in one another."""

MOST_ELEMENTS = 30_000
"""Tags of a page. Nesting costs the parser their square: about a second at this number."""

MOST_ATTRIBUTES = 20_000
"""Words of one tag, for the same reason."""

LONG_TAG = re.compile(rf"<[a-zA-Z][^>]{{{2 * MOST_ATTRIBUTES},}}")
# A string swallows its brackets; one that never ends swallows the rest. Possessive: linear.
_MARKS = re.compile(r'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)|[\[{]|[\]}]', re.DOTALL)
_SURROGATES = re.compile("[\ud800-\udfff]")

_NOTICE = re.compile(
    r"""
    \b(?:vehicle|car|listing|advert|ad|offer)\b(?:\s+[\w']+){0,5}?\s+(?:not|n['’]t)\s+(?:be\s+)?found
    | \b(?:can(?:not|['’]t|\s+not)|could(?:\s+not|n['’]t))\s+find\s+(?:this|that|the)\s+
      (?:vehicle|car|listing)
    | \bno\s+longer\s+(?:available|listed|offered|on\s+sale|for\s+sale)
    | \b(?:is|was|been|already|vehicle|car|listing)\s+(?:sold|removed)\b(?!\s+by)
    | \(\s*sold\s*\) | ^\W*sold\W*$ | ^\W*sold\s*[:|–—-]
    """,
    re.VERBOSE | re.IGNORECASE,
)


class TooLargeError(ValueError):
    """A page of so many tags that parsing it would take minutes."""


class TooDeepError(ValueError):
    """JSON nested beyond :data:`MOST_DEPTH`."""


def parse(html: str) -> LexborHTMLParser:
    """The tree of a page.

    Raises
    ------
    TooLargeError
        For more than :data:`MOST_ELEMENTS` tags or :data:`MOST_ATTRIBUTES` words in one.
    """
    if (tags := html.count("<")) > MOST_ELEMENTS:
        raise TooLargeError(f"{tags:,} tags")
    for tag in LONG_TAG.finditer(html) if len(html) > MOST_ATTRIBUTES else ():
        if (words := len(tag[0].split())) > MOST_ATTRIBUTES:
            raise TooLargeError(f"{words:,} words in a tag")
    return LexborHTMLParser(html)


def read_json(text: str) -> Any:
    """What a JSON text holds, fit to be written as JSON again.

    Numbers beyond a float stay text; halves of a surrogate pair, which no UTF-8 holds, become
    U+FFFD.

    Raises
    ------
    TooDeepError
        For objects and lists nested beyond :data:`MOST_DEPTH`.
    ValueError
        For text that is no JSON.
    """
    if is_deep(text):
        raise TooDeepError(f"nested beyond {MOST_DEPTH}")
    found = json.loads(text, strict=False, parse_float=_float, parse_constant=_refuse)
    return _whole(found) if "\\u" in text else found


def is_deep(text: str, most: int = MOST_DEPTH) -> bool:
    """Whether brackets outside strings nest beyond ``most``; one pass, whatever the text."""
    if text.count("{") + text.count("[") <= most:
        return False
    depth = 0
    for mark in _MARKS.finditer(text):
        first = text[mark.start()]
        if first in "{[":
            depth += 1
            if depth > most:
                return True
        elif first in "}]":
            depth -= 1
    return False


def _float(text: str) -> float | str:
    value = float(text)
    return value if math.isfinite(value) else text


def _refuse(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def _whole(value: Any) -> Any:
    if isinstance(value, str):
        return _SURROGATES.sub("\ufffd", value)
    if isinstance(value, dict):
        return {_whole(key): _whole(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_whole(each) for each in value]
    return value


def script_text(tree: LexborHTMLParser, identity: str) -> str | None:
    """The text of the first script with an id; None where there is none."""
    found = tree.css_first(f"script#{identity}")
    return None if found is None else found.text()


def words(node: LexborNode | None) -> str:
    """The visible text of an element with single spaces; ``''`` for none."""
    return "" if node is None else " ".join(node.text(separator=" ").split())


def notice(tree: LexborHTMLParser) -> str:
    """The title or heading that says, in English, that the car is no longer offered; else ``''``.

    Headings below the second level are not asked: they name other cars.
    """
    for node in tree.css("head > title, h1, h2"):
        text = words(node)[:300]
        if _NOTICE.search(text):
            return text
    return ""


def fingerprint(*parts: str) -> str:
    """16 hex digits that tell what a card shows; ``''`` where it shows nothing."""
    if not any(parts):
        return ""
    return blake2b("\x1f".join(parts).encode("utf-8", "replace"), digest_size=8).hexdigest()
