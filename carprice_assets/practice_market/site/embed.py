"""JSON inside HTML, and the changes of layout that a site may switch to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import msgspec

RENAMED = {"price": "asking_price", "make": "brand_name", "brand": "brand_name"}
"""Key to its name in the layout "renamed"."""


def json_script(value: object, attributes: str = 'type="application/ld+json"') -> str:
    """A script element that holds JSON; nothing in it can end the element."""
    text = msgspec.json.encode(value).decode().replace("<", "\\u003c")
    return f"<script {attributes}>{text}</script>"


def renamed(value: object) -> object:
    """The value with its keys, at any depth, as the layout "renamed" calls them."""
    if isinstance(value, Mapping):
        pairs = cast("Mapping[str, object]", value).items()
        return {RENAMED.get(key, key): renamed(each) for key, each in pairs}
    if isinstance(value, list):
        return [renamed(each) for each in cast("list[object]", value)]
    return value
