"""Announcing new bargains, each once: to the log, and to a webhook where the market has one."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from carprice_assets.bargains.published import BargainList
from carprice_assets.errors import UserError
from carprice_assets.files import canonical_json, read_json, write_atomic

FILE = "announced.json"
SECONDS = 10.0
KEPT = 20_000
"""Listing ids remembered; the oldest are dropped."""
TOLD = (
    *("listing_id", "url", "make", "model", "trim", "year", "mileage", "stock_type", "dealer"),
    *("price", "expected", "low", "high", "saving", "saving_share", "score"),
    "last_seen",
)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *given: Any, **named: Any) -> None:
        """A webhook that points elsewhere is not followed: the list may not be for them."""
        return


def new_bargains(folder: Path, found: BargainList) -> list[dict[str, Any]]:
    """Entries of the list that were not announced yet, the best first.

    ``folder`` is the market's own, where :func:`remember` keeps what was announced.
    """
    known = set(_known(folder))
    return [entry for entry in found.bargains if entry["listing_id"] not in known]


def remember(folder: Path, entries: Sequence[dict[str, Any]]) -> None:
    """Note that ``entries`` were announced."""
    known = _known(folder)
    known += [entry["listing_id"] for entry in entries]
    write_atomic(folder / FILE, canonical_json({"listing_ids": known[-KEPT:]}))


def line(entry: dict[str, Any], currency: str) -> str:
    """A bargain in one line."""
    miles = "" if entry["mileage"] is None else f", {entry['mileage']:,}"
    return (
        f"{entry['year']} {entry['make']} {entry['model']} {entry['trim']}".rstrip()
        + f"{miles}: {entry['price']:,} {currency}, {entry['saving_share']:.0%} below the expected"
        f" {entry['expected']:,}  {entry['url']}"
    )


def post(webhook: str, found: BargainList, entries: Sequence[dict[str, Any]]) -> None:
    """Send ``entries`` as one JSON object to the webhook.

    Raises
    ------
    UserError
        Where it does not take them; they are then announced again the next time.
    """
    body = {
        "market": found.content["market"],
        "currency": found.content["currency"],
        "distance": found.content["distance"],
        "day": found.day,
        "list": found.id,
        "bargains": [{key: entry.get(key) for key in TOLD} for entry in entries],
    }
    request = urllib.request.Request(  # noqa: S310  # the market's settings allow http and https
        webhook,
        data=json.dumps(body, ensure_ascii=False).encode(),
        headers={"content-type": "application/json", "idempotency-key": found.id},
    )
    try:
        with urllib.request.build_opener(_NoRedirect).open(request, timeout=SECONDS) as answer:
            answer.read(1)
    except urllib.error.HTTPError as error:
        error.close()
        raise UserError(f"webhook {_host(webhook)}: answers {error.code}") from error
    except (urllib.error.URLError, OSError, ValueError) as error:
        raise UserError(f"webhook {_host(webhook)}: {error}") from error


def _host(webhook: str) -> str:
    """The address without path and query, which may hold a secret."""
    return "/".join(webhook.split("/")[:3]).rpartition("@")[2]


def _known(folder: Path) -> list[str]:
    path = folder / FILE
    return [str(each) for each in read_json(path)["listing_ids"]] if path.exists() else []
