"""Published lists, and the announcement of new bargains."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from bargains.invented_offers import offer, work

from carprice_assets.bargains.announcing import line, new_bargains, post, remember
from carprice_assets.bargains.published import (
    FOLDER,
    POINTER,
    BargainList,
    history,
    present,
    publish,
    read,
)
from carprice_assets.bargains.ranking import rank
from carprice_assets.bargains.telling import lines
from carprice_assets.errors import UserError
from carprice_assets.releases.store import ReleaseStore


def content(day: str, *prices: float, market: str = "own") -> dict[str, Any]:
    offers = [offer(f"car{price:.0f}", price) for price in prices]
    found = rank(work(offers))
    return {
        "market": market,
        "currency": "USD",
        "distance": "mi",
        "day": day,
        "release": "0" * 32,
        "offers": found.offers,
        "bargains": list(found.bargains),
        "apart": list(found.apart),
    }


def test_a_list_is_read_as_it_was_published_and_never_changes(tmp_path: Path) -> None:
    first = publish(ReleaseStore(tmp_path), "own", content("2026-01-05", 15_000))
    path = tmp_path / "own" / FOLDER / f"{first.id}.json"
    before = path.stat().st_mtime_ns
    assert present(tmp_path, "own") == first
    assert publish(ReleaseStore(tmp_path), "own", content("2026-01-05", 15_000)) == first
    assert path.stat().st_mtime_ns == before
    second = publish(ReleaseStore(tmp_path), "own", content("2026-01-07", 15_000, 14_000))
    assert present(tmp_path, "own") == second
    assert history(tmp_path, "own") == [first, second]
    assert read(tmp_path, "own", first.id) == first


def test_a_list_of_an_older_version_gets_the_days_of_todays(tmp_path: Path) -> None:
    old = content("2024-10-09", 15_000)
    for entry in old["bargains"]:
        del entry["first_seen"]
        entry["days_on_sale"] = 15  # up to the list's day, though last seen on 4 October
        entry["evidence"] = {"plain_autoencoder": {"price": -3.0, "model_hash_9": 2.0}}
    [entry] = read(tmp_path, "own", publish(ReleaseStore(tmp_path), "own", old).id).bargains
    assert (entry["first_seen"], entry["days_on_sale"]) == ("2024-09-24", 10)
    assert entry["evidence"] == {"plain_autoencoder": {"price": -3.0, "model": 2.0}}


def test_markets_have_lists_of_their_own(tmp_path: Path) -> None:
    one = publish(ReleaseStore(tmp_path), "one", content("2026-01-05", 15_000, market="one"))
    other = publish(ReleaseStore(tmp_path), "other", content("2026-01-05", 14_000, market="other"))
    assert present(tmp_path, "one") == one
    assert present(tmp_path, "other") == other
    assert present(tmp_path, "third") is None


def test_a_changed_list_is_refused(tmp_path: Path) -> None:
    found = publish(ReleaseStore(tmp_path), "own", content("2026-01-05", 15_000))
    path = tmp_path / "own" / FOLDER / f"{found.id}.json"
    path.write_bytes(path.read_bytes().replace(b"15000", b"25000"))
    with pytest.raises(UserError, match="is changed"):
        present(tmp_path, "own")
    (tmp_path / "own" / POINTER).write_bytes(b'{"format":1,"list":"../../etc"}')
    with pytest.raises(UserError, match="no list"):
        present(tmp_path, "own")


def test_a_list_as_text_has_cars_doubts_and_one_make(tmp_path: Path) -> None:
    found = publish(ReleaseStore(tmp_path), "own", content("2026-01-05", 15_000, 2_000))
    told = "\n".join(lines(found, apart=True))
    assert "1 bargains and 1 set apart of 2 current offers" in told
    assert "2020 Honda Civic EX, 30,000" in told
    assert "doubt: with one digit more it would be 20,000" in told
    assert "none" in lines(found, make="Ford")
    assert "2020 Honda" in "\n".join(lines(found, make="honda"))


class Hook(BaseHTTPRequestHandler):
    """Keeps what is posted, and answers with a set status."""

    status = 200
    bodies: list[dict[str, Any]]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        type(self).bodies.append(json.loads(body))
        self.send_response(self.status)
        if self.status == 302:
            self.send_header("location", "http://127.0.0.1:9/elsewhere")
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *given: object) -> None:
        """Nothing is printed."""


@pytest.fixture
def hook() -> Iterator[tuple[str, type[Hook]]]:
    class Own(Hook):
        bodies: list[dict[str, Any]] = []  # noqa: RUF012

    with HTTPServer(("127.0.0.1", 0), Own) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/secret", Own
        server.shutdown()
        thread.join()


def test_each_bargain_is_news_once(tmp_path: Path) -> None:
    first = BargainList("1", content("2026-01-05", 15_000))
    assert [each["price"] for each in new_bargains(tmp_path, first)] == [15_000]
    remember(tmp_path, new_bargains(tmp_path, first))
    assert new_bargains(tmp_path, first) == []
    later = BargainList("2", content("2026-01-07", 15_000, 14_000))
    assert [each["price"] for each in new_bargains(tmp_path, later)] == [14_000]


def test_a_webhook_gets_what_is_told_and_no_more(hook: tuple[str, type[Hook]]) -> None:
    address, server = hook
    found = BargainList("1", content("2026-01-05", 15_000))
    post(address, found, found.bargains)
    (body,) = server.bodies
    assert (body["market"], body["currency"], body["day"]) == ("own", "USD", "2026-01-05")
    (told,) = body["bargains"]
    assert (told["price"], told["expected"], told["url"]) == (
        15_000, 20_000, "http://127.0.0.1/car15000",
    )  # fmt: skip
    assert "comparables" not in told


@pytest.mark.parametrize("status", [302, 404, 500])
def test_a_webhook_that_refuses_is_a_fault_that_tells_no_secret(
    hook: tuple[str, type[Hook]], status: int
) -> None:
    address, server = hook
    server.status = status
    found = BargainList("1", content("2026-01-05", 15_000))
    with pytest.raises(UserError, match=f"answers {status}") as fault:
        post(address, found, found.bargains)
    assert "secret" not in str(fault.value)


def test_a_bargain_in_one_line() -> None:
    (entry,) = content("2026-01-05", 15_000)["bargains"]
    assert line(entry, "USD") == (
        "2020 Honda Civic EX, 30,000: 15,000 USD, 25% below the expected 20,000"
        "  http://127.0.0.1/car15000"
    )
