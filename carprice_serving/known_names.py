"""Names that mean nothing are refused: whoever writes `asof` must not get today's price for it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable
from typing import Any

from litestar import Request

from carprice_assets.listings.normalise import suggest
from carprice_serving.problems import fields_problem
from carprice_serving.schemas import FieldError

SHOWN = 40
"""Characters of a caller's name that a message repeats."""
EMPTY = '""'
"""How a message names the empty name."""
NAMED = 10
"""Unknown names that are told one by one."""


def unknown_names(given: Iterable[str], known: Collection[str], what: str) -> list[FieldError]:
    """An error for each of the first ten names that are not known, with what may be meant.

    ``what`` the names are of: "the body", "this address".
    """
    odd = [name for name in given if name not in known]
    return [FieldError(name[:SHOWN] or EMPTY, _told(name, known, what)) for name in odd[:NAMED]]


def require_known(given: Iterable[str], known: Collection[str]) -> None:
    """Refuse (422) parameters of an address that are not known."""
    if errors := unknown_names(given, known, "this address"):
        raise fields_problem(errors)


def only(*known: str) -> Callable[[Request[Any, Any, Any]], Awaitable[None]]:
    """A hook before a handler that refuses other parameters than ``known`` in its address."""

    async def check(request: Request[Any, Any, Any]) -> None:
        if request.scope["query_string"]:
            require_known(request.query_params, known)

    return check


def _told(name: str, known: Collection[str], what: str) -> str:
    near = suggest(name, sorted(known), 1)
    if near:
        return f"{what} has no such field; did you mean {near[0]}?"
    fields = ", ".join(sorted(known)) or "none"
    return f"{what} has no such field; there are: {fields}"
