"""Every request leaves one line in the access log; the first answer sets a cookie."""

from __future__ import annotations

import json
import time
from typing import Any

from carprice_assets.home import Home


def lines(home: Home) -> list[dict[str, Any]]:
    text = (home.practice / "small" / "access.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def test_a_line_for_each_request(site: Any, home: Home) -> None:
    began = time.time()
    for path in (
        "/robots.txt",
        "/shopping/cards?page=2&make=Ford",
        "/nowhere",
        "/vehicledetail/x//",
    ):
        site.get(path, headers={"user-agent": "tester/1"})
    seen = lines(home)
    assert [line["path"] for line in seen] == [
        "/robots.txt",
        "/shopping/cards?page=2&make=Ford",
        "/nowhere",
        "/vehicledetail/x//",
    ]
    assert [line["status"] for line in seen] == [200, 200, 404, 404]
    for line in seen:
        assert set(line) == {"at", "seconds", "path", "status", "bytes", "user_agent", "fault"}
        assert began - 1 <= line["at"] <= time.time() + 1
        assert line["user_agent"] == "tester/1"
        assert line["bytes"] > 0
        assert line["fault"] == ""


def test_size_and_fault(site: Any, home: Home, pages: Any) -> None:
    pages.switch(site, too_many=1.0)
    answer = site.get("/shopping/cards")
    line = lines(home)[-1]
    assert (line["status"], line["fault"]) == (429, "too_many")
    assert line["bytes"] == len(answer.content)
    pages.switch(site, truncated=1.0)
    site.get("/shopping/results/")
    assert lines(home)[-1]["fault"] == ""


def test_log_goes_on_after_a_restart(open_site: Any, home: Home) -> None:
    open_site().get("/robots.txt")
    second = open_site()
    second.get("/")
    assert [line["path"] for line in lines(home)] == ["/robots.txt", "/"]
    told = second.get("/practice/log").text.splitlines()
    assert [json.loads(line)["path"] for line in told] == ["/robots.txt", "/"]


def test_session_cookie(site: Any) -> None:
    first = site.get("/")
    assert "practice_session" in first.cookies
    assert "set-cookie" not in site.get("/").headers
