"""Asking a practice site that runs, as its commands do."""

from __future__ import annotations

import json
import urllib.error
import urllib.request

from carprice_assets.errors import UserError
from carprice_assets.markets import Market

SECONDS = 60.0


def advance(market: Market, days: int) -> str:
    """Let days pass on the market's running site; one line about what it is now.

    Raises
    ------
    UserError
        Where the market has no practice site, it does not run, or its last day is reached.
    """
    if market.practice_port is None:
        raise UserError(f"market {market.name}: has no practice site")
    address = f"http://127.0.0.1:{market.practice_port}/practice/advance"
    request = urllib.request.Request(
        address,
        data=json.dumps({"days": days}).encode(),
        headers={"Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=SECONDS) as answer:  # noqa: S310  # loopback
            now = json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            raise UserError(f"market {market.name}: {_said(error.read())}") from error
    except OSError as error:
        raise UserError(
            f"market {market.name}: no practice site answers at {address}: start it with"
            f" carprice practice serve --market {market.name}"
        ) from error
    return f"day {now['day']} ({now['date']}): {now['on_sale']:,} cars on sale"


def _said(body: bytes) -> str:
    try:
        return str(json.loads(body)["detail"])
    except (ValueError, KeyError, TypeError):
        return body.decode("utf-8", "replace").strip()[:200]
