"""The shadow's pointer, its bounded file, and what is told of it."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from release_kit import YES, tiny

from carprice_assets.errors import UserError
from carprice_assets.files import folder_hashes
from carprice_assets.releases import shadow_pairs
from carprice_assets.releases.shadow import end_shadow, read_shadow, set_shadow
from carprice_assets.releases.shadow_pairs import (
    Pair,
    append_pairs,
    shadow_facts,
    shadow_page,
    summarise,
)
from carprice_assets.releases.store import ReleaseStore


@pytest.fixture
def store(tmp_path: Path) -> ReleaseStore:
    return ReleaseStore(tmp_path)


def pair(price: float | None, other: float | None, **more: str) -> Pair:
    car = {"make": "Ford", "year": 2020, "stock_type": more.get("stock_type", "Used")}
    return Pair(more.get("at", "2026-01-05T10:00:00+00:00"), "c" * 32, car, price, other)


def test_it_is_named_and_ended_and_the_ledger_tells(store: ReleaseStore) -> None:
    first, second = (store.stage("us", tiny(n), {}).id for n in range(2))
    assert read_shadow(store.root, "us") is None
    with pytest.raises(UserError, match="has no champion to score release"):
        set_shadow(store, "us", second)
    store.promote("us", first, None, YES)
    with pytest.raises(UserError, match="serves already"):
        set_shadow(store, "us", first)
    with pytest.raises(UserError, match="has no release ffff"):
        set_shadow(store, "us", "f" * 32)
    with pytest.raises(UserError, match="has no shadow"):
        end_shadow(store, "us")
    before = folder_hashes(store.root / "us" / second)
    set_shadow(store, "us", second)
    assert read_shadow(store.root, "us") == second
    told = store.ledger("us")
    set_shadow(store, "us", second)
    assert store.ledger("us") == told, "it was its shadow already"
    append_pairs(store.root, "us", second, [pair(10_000.0, 11_000.0)])
    assert folder_hashes(store.root / "us" / second) == before, "a release never changes"
    assert [release.id for release in store.list("us")] == [first, second]
    end_shadow(store, "us")
    assert read_shadow(store.root, "us") is None
    assert [line["event"] for line in store.ledger("us")] == ["promoted", "shadowed", "unshadowed"]
    assert summarise(store.root, "us", second) is not None, "what was found stays"
    array = store.root / "us" / second / "content" / "big.npy"
    array.write_bytes(array.read_bytes()[:-1])
    with pytest.raises(UserError, match=r"as a shadow is refused: content/big\.npy is changed"):
        set_shadow(store, "us", second)


@pytest.mark.parametrize(
    "content", ["{", "[]", '{"format": 1}', '{"format": 1, "release": "../x"}', '{"format": 9}']
)
def test_a_broken_pointer_is_told_and_can_be_removed(store: ReleaseStore, content: str) -> None:
    store.record("us", {"event": "refused"})
    (store.root / "us" / "shadow.json").write_text(content)
    with pytest.raises(UserError, match=r"shadow\.json") as told:
        read_shadow(store.root, "us")
    assert "--market us --off removes it" in str(told.value) or "update carprice" in str(told.value)
    end_shadow(store, "us")
    assert read_shadow(store.root, "us") is None


def test_the_summary(store: ReleaseStore) -> None:
    store.record("us", {"event": "refused"})
    release = "a" * 32
    assert shadow_page(store.root, "us", release) == ""
    assert shadow_facts(store.root, "us", release) == {}
    append_pairs(
        store.root,
        "us",
        release,
        [
            pair(10_000.0, 11_200.0, at="2026-01-05T09:00:00+00:00"),
            pair(10_000.0, 9_000.0, stock_type="New"),
            pair(10_000.0, 10_100.0, at="2026-01-06T09:00:00+00:00"),
            pair(None, 10_000.0),
            pair(10_000.0, None),
        ],
    )
    found = summarise(store.root, "us", release)
    assert found is not None
    assert (found.cars, found.only_champion, found.only_shadow) == (5, 1, 1)
    assert found.median == pytest.approx(0.01)
    assert found.mean_absolute == pytest.approx((0.12 + 0.1 + 0.01) / 3)
    assert found.far == pytest.approx(1 / 3)
    assert found.by_stock_type["New"] == (1, pytest.approx(-0.1))
    assert found.by_stock_type["Used"] == (2, pytest.approx(0.065))
    assert found.line == (
        "5 cars from 2026-01-05T09:00 to 2026-01-06T09:00: median difference +1.0%, mean absolute"
        " 7.7%, 33.3% differ by more than 10%; 1 without a price of its own, 1 that it alone prices"
    )
    page = shadow_page(store.root, "us", release)
    assert found.line in page
    assert "| Used | 2 | +6.5% |" in page
    assert shadow_facts(store.root, "us", release) == {"shadow": found.line}


def test_nothing_that_both_priced(store: ReleaseStore) -> None:
    store.record("us", {"event": "refused"})
    append_pairs(store.root, "us", "a" * 32, [pair(None, 10_000.0)])
    found = summarise(store.root, "us", "a" * 32)
    assert found is not None
    assert math.isnan(found.median)
    assert "median" not in found.line
    assert "## Shadow" in shadow_page(store.root, "us", "a" * 32)


def test_the_file_is_bounded_and_torn_lines_are_left_out(
    store: ReleaseStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.record("us", {"event": "refused"})
    monkeypatch.setattr(shadow_pairs, "MAX_BYTES", 2_000)
    release = "a" * 32
    for number in range(100):
        append_pairs(store.root, "us", release, [pair(1_000.0 + number, 1_000.0)])
    folder = store.root / "us" / "shadow"
    sizes = {path.name: path.stat().st_size for path in folder.iterdir()}
    assert sorted(sizes) == [f"{release}.1.jsonl", f"{release}.jsonl"]
    assert max(sizes.values()) <= 2_000
    lines = (folder / f"{release}.jsonl").read_bytes().splitlines()
    assert json.loads(lines[-1])["price"] == 1_099.0, "the latest are kept"
    before = summarise(store.root, "us", release)
    with (folder / f"{release}.jsonl").open("ab") as file:
        file.write(b'[]\n{"car": 1, "price": 3}\n\xff\n' + lines[-1][:30])
    assert summarise(store.root, "us", release) == before
