"""The journal: whole after a kill at any byte."""

from __future__ import annotations

import errno
import os
from datetime import UTC, datetime

import pytest

from carprice_assets.errors import UserError
from carprice_assets.sources.crawl.journal import NAME, Journal, pending_journal, read

AT = "2026-01-05T12:00:00+00:00"
HEAD = {"kind": "crawl", "crawl_id": "cars-2026-01-05-1", "day": "2026-01-05"}
PLAN = {
    "kind": "plan",
    "pages": [
        {"url": f"http://h/{i}", "listing_id": i, "why": "new", "fingerprint": "f"} for i in "ab"
    ],
}


def page(url, state="done", **more):
    return {"kind": "page", "page": "detail", "url": url, "state": state, "reason": "",
            "requests": 2, "bytes": 10, "at": AT, **more}  # fmt: skip


def written(folder, *records):
    journal = Journal.open(folder)
    journal.append(*records)
    journal.close()
    return folder / NAME


def test_what_is_written_is_read(tmp_path):
    search = {**page("http://h/s"), "page": "search", "number": 1, "cards": [], "strangers": []}
    path = written(
        tmp_path, HEAD, PLAN, search, page("http://h/a", payload={"make": "Škoda"}),
        {"kind": "search_end", "complete": True, "why": "empty page"},
        {"kind": "requests", "requests": 3, "at": AT},
    )  # fmt: skip

    records = read(path)

    assert records.head["crawl_id"] == "cars-2026-01-05-1"
    assert records.pages["http://h/a"]["payload"] == {"make": "Škoda"}
    assert records.pending == ("http://h/b",)
    assert records.search_complete
    assert list(records.searches()) == [1]
    assert (records.state, records.ended) == ("running", False)
    assert records.requests() == 7
    assert records.requests(datetime(2026, 1, 6, tzinfo=UTC)) == 0
    assert "payload" not in read(path, payloads=False).pages["http://h/a"]


def test_a_journal_cut_at_any_byte_is_read_and_gone_on_with(tmp_path):
    whole = written(tmp_path, HEAD, PLAN, page("http://h/a")).read_bytes()
    ends = [i + 1 for i, byte in enumerate(whole) if byte == ord("\n")]

    for cut in range(len(whole) + 1):
        (tmp_path / NAME).write_bytes(whole[:cut])
        kept = max([0, *(end for end in ends if end <= cut)])
        before = read(tmp_path / NAME)
        more = [page("http://h/b")] if before.head else [HEAD, page("http://h/b")]
        written(tmp_path, *more)
        kind = more[0]["kind"].encode()
        assert (tmp_path / NAME).read_bytes().startswith(whole[:kept] + b'{"kind":"%s"' % kind)
        after = read(tmp_path / NAME)
        assert set(after.pages) == {*before.pages, "http://h/b"}


def test_zeros_after_a_power_cut_are_cut_off(tmp_path):
    path = written(tmp_path, HEAD)
    good = path.read_bytes()
    path.write_bytes(good + b"\0" * 100 + b"\n")

    assert read(path).head
    written(tmp_path, PLAN)
    assert path.read_bytes().startswith(good + b'{"kind":"plan"')


def test_a_line_broken_in_the_middle_is_named(tmp_path):
    path = written(tmp_path, HEAD, PLAN)
    path.write_bytes(path.read_bytes().replace(b'{"kind":"crawl"', b'{"kind:"crawl"'))

    with pytest.raises(UserError, match="line 1 is no JSON in UTF-8"):
        read(path)


@pytest.mark.parametrize(
    ("line", "what"),
    [
        (b"123", "is no JSON object"),
        (b"[1]", "is no JSON object"),
        (b"null", "is no JSON object"),
        (b"[" * 200_000, "is no JSON in UTF-8"),
        (b"\xff\xfe\x00\x0a", "is no JSON in UTF-8"),
        (b'{"kind":"page"}', "lacks 'url'"),
        (b'{"kind":"requests","requests":1,"at":"2026-01-05T12:00:00"}', "has no zone"),
        (b'{"kind":"requests","requests":[],"at":"%s"}' % AT.encode(), "cannot be used"),
    ],
)
def test_a_line_that_is_no_record_is_named(tmp_path, line, what):
    path = written(tmp_path, HEAD, PLAN)
    path.write_bytes(path.read_bytes().replace(b'{"kind":"plan"', line + b'\n{"kind":"plan"'))

    with pytest.raises(UserError, match=rf"journal.jsonl: line 2 .*{what}.*move the file away"):
        read(path)


def test_a_journal_without_its_head_is_refused(tmp_path):
    path = written(tmp_path, PLAN, page("http://h/a"))
    with pytest.raises(UserError, match=r"line 1 .* the first line is not the head of a crawl"):
        read(path)


def test_a_line_of_unknown_kind_is_named(tmp_path):
    with pytest.raises(UserError, match="line 2 cannot be used"):
        read(written(tmp_path, HEAD, {"kind": "else"}, PLAN))


def test_what_json_cannot_hold_is_not_written(tmp_path):
    journal = Journal.open(tmp_path)
    journal.append(HEAD)
    for payload in ({"price": float("inf")}, {"price": float("nan")}):
        with pytest.raises(ValueError, match="JSON"):
            journal.append(PLAN, page("http://h/a", payload=payload))
    journal.append(page("http://h/b", payload={"dealer": "\ud800 Motors"}))
    journal.close()

    records = read(tmp_path / NAME)
    assert not records.planned
    assert records.pages["http://h/b"]["payload"] == {"dealer": "? Motors"}


@pytest.mark.parametrize(
    ("end", "more", "state", "pending"),
    [
        ("complete", [], "complete", True),
        ("abandoned", [], "abandoned", True),
        ("paused", [], "paused", False),
        ("paused", [page("http://h/a")], "running", False),
    ],
)
def test_ends(tmp_path, end, more, state, pending):
    path = written(tmp_path, HEAD, {"kind": "end", "state": end, "reason": "", "at": AT}, *more)

    assert read(path).state == state
    assert (pending_journal(tmp_path) is not None) is pending


def test_no_journal(tmp_path):
    assert read(tmp_path / NAME).head == {}
    assert pending_journal(tmp_path) is None


def test_what_a_full_disk_takes_in_part_is_cut_off_again(tmp_path, monkeypatch):
    real = os.write

    def full(descriptor, data):
        monkeypatch.setattr(os, "write", refusing)
        return real(descriptor, data[: len(data) // 2])

    def refusing(descriptor, data):
        raise OSError(errno.ENOSPC, "No space left on device")

    journal = Journal.open(tmp_path)
    journal.append(HEAD, PLAN)
    monkeypatch.setattr(os, "write", full)
    with pytest.raises(UserError, match=rf"{NAME}: No space left on device; what it holds is kept"):
        journal.append(page("http://h/a"))
    monkeypatch.setattr(os, "write", real)
    journal.append(page("http://h/b"))
    journal.close()

    assert list(read(tmp_path / NAME).pages) == ["http://h/b"]
