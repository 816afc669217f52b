"""JSON-LD: the objects of a page, their types, and the entries of its lists."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from selectolax.lexbor import LexborHTMLParser, LexborNode

from carprice_assets.sources.sites.html import TooDeepError, read_json

LIST = "itemListElement"
LD_JSON = "application/ld+json"

Node = Mapping[str, Any]


@dataclass(frozen=True)
class LinkedData:
    """The JSON-LD of a page.

    Attributes
    ----------
    nodes
        Objects that stand by themselves: at the top, in ``@graph`` or as ``mainEntity``; never
        what is listed in or beside another.
    broken
        Why a script could not be read; ``''`` where all could.
    too_deep
        Whether a script was nested too deep.
    broken_list
        Whether one that could not be read has a list of items.
    """

    nodes: tuple[Node, ...]
    broken: str = ""
    too_deep: bool = False
    broken_list: bool = False


def linked_data(tree: LexborHTMLParser) -> LinkedData:
    """Read every JSON-LD script of a page, and those of no type at all that hold a list."""
    nodes: list[Node] = []
    broken, too_deep, broken_list = "", False, False
    for script in tree.css("script"):
        media = _media_type(script)
        typed = media == LD_JSON
        if media and not typed:
            continue
        text = script.text()
        if not typed and not (LIST in text and text.lstrip()[:1] in ("{", "[")):
            continue
        try:
            nodes += _standing(read_json(text))
        except ValueError as error:
            if not typed:
                continue  # code that only looks like data
            broken = broken or str(error)[:200]
            too_deep = too_deep or isinstance(error, TooDeepError)
            broken_list = broken_list or LIST in text
    return LinkedData(tuple(nodes), broken, too_deep, broken_list)


def _media_type(script: LexborNode) -> str:
    return (script.attributes.get("type") or "").partition(";")[0].strip().lower()


def _standing(value: Any) -> Iterator[Node]:
    for node in objects(value):
        yield node
        for key in ("@graph", "mainEntity"):
            yield from _standing(node.get(key))


def objects(value: Any) -> list[Node]:
    """``value`` if it is an object, those of its members that are if it is a list; else none."""
    values = cast("list[Any]", value) if isinstance(value, list) else [value]
    return [cast("Node", each) for each in values if isinstance(each, dict)]


def types(node: Node) -> frozenset[str]:
    """The bare names of a node's types: ``https://schema.org/Car`` and ``schema:Car`` are Car."""
    given = node.get("@type")
    names = cast("list[Any]", given) if isinstance(given, list) else [given]
    return frozenset(bare(name) for name in names if isinstance(name, str))


def bare(term: str) -> str:
    """The last part of a term's address."""
    return re.split(r"[/#:]", term.strip())[-1]


def text(value: Any) -> str:
    """A text or number as text with single spaces, the first of a list, an object's name."""
    if isinstance(value, list):
        members = cast("list[Any]", value)
        return text(members[0]) if members else ""
    if isinstance(value, dict):
        node = cast("Node", value)
        return next((found for k in ("value", "name", "@id") if (found := text(node.get(k)))), "")
    if isinstance(value, bool) or value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return f"{value:.0f}"
    return " ".join(str(value).split())


def list_entries(data: LinkedData) -> list[Node] | None:
    """The entries of all lists that are no breadcrumbs; None where there is no such list."""
    lists = [n for n in data.nodes if LIST in n and "BreadcrumbList" not in types(n)]
    return [entry for node in lists for entry in objects(node[LIST])] if lists else None


def entry_address(entry: Node) -> str:
    """The address that an entry of a list names; ``''`` for none."""
    item = entry.get("item")
    inner = objects(item)
    for value in (
        entry.get("url"),
        *(node.get(key) for node in inner for key in ("url", "@id")),
        item,
        entry.get("@id"),
    ):
        if isinstance(value, str) and value.strip():
            return value
    return ""
