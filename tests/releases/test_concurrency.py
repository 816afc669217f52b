"""Several processes at one store, and processes that are killed in the middle."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType

import pytest

from carprice_assets.releases.store import ReleaseStore

HERE = Path(__file__).parent
CONTEND = """
import sys; sys.path.insert(0, sys.argv[1])
from pathlib import Path; import release_kit
print(*release_kit.contend(Path(sys.argv[2]), sys.argv[4:], int(sys.argv[3])))
"""
ANSWER = """
import sys; sys.path.insert(0, sys.argv[1])
from pathlib import Path; import release_kit
release_kit.contender(Path(sys.argv[2]))
"""
CHURN = """
import sys, itertools; sys.path.insert(0, sys.argv[1])
from pathlib import Path; import release_kit
from carprice_assets.releases.store import Conflict, ReleaseStore
store = ReleaseStore(Path(sys.argv[2]))
print("ready", flush=True)
for n in itertools.count(int(sys.argv[3])):
    new = store.stage("us", release_kit.tiny(n % 40), {"n": n}).id
    try:
        store.promote("us", new, store.champion("us"), release_kit.YES)
    except Conflict:
        store.record("us", {"event": "refused", "release": new})
    print(new, flush=True)
"""


def child(code: str, *words: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", code, str(HERE), *map(str, words)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def check_history(store: ReleaseStore) -> int:
    """The ledger is complete and in order, each move leads on from the one before."""
    moves = [line for line in store.ledger("us") if "sequence" in line]
    assert [line["sequence"] for line in moves] == list(range(1, len(moves) + 1))
    serving = None
    for line in moves:
        assert line["replaced"] == serving
        serving = line["release"]
    assert store.champion("us") == serving
    return len(moves)


def test_one_winner_for_each_predecessor(tmp_path: Path, kit: ModuleType) -> None:
    store = ReleaseStore(tmp_path)
    ids = [store.stage("us", kit.tiny(n), {}).id for n in range(4)]
    tries = 25
    children = [child(CONTEND, tmp_path, tries, *ids) for _ in range(3)]
    outcomes = [tuple(map(int, each.communicate(timeout=120)[0].split())) for each in children]
    wins = sum(won for won, _ in outcomes)
    assert wins + sum(lost for _, lost in outcomes) == 3 * tries
    assert check_history(store) == wins > 0


def promote_at_once(store: ReleaseStore, kit: ModuleType, processes: int, rounds: int) -> None:
    """All processes want another release over the same champion, round after round."""
    ids = [store.stage("us", kit.tiny(n), {}).id for n in range(processes + 1)]
    command = [sys.executable, "-c", ANSWER, str(HERE), str(store.root)]
    pipe = subprocess.PIPE
    children = [
        subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) for _ in range(processes)
    ]
    ends: list[str] = []
    winners: list[str] = []
    try:
        for turn in range(rounds):
            serving = store.champion("us")
            wanted = [each for each in ids[turn % len(ids) :] + ids if each != serving]
            for process, release in zip(children, wanted):
                assert process.stdin is not None
                process.stdin.write(f"{release} over {serving or 'none'}\n")
                process.stdin.flush()
            told = [process.stdout.readline().strip() for process in children if process.stdout]
            assert told.count("won") == 1, told
            assert store.champion("us") == wanted[told.index("won")]
            winners.append(wanted[told.index("won")])
            ends += told
    finally:
        for process in children:
            process.communicate()
    assert len(ends) == processes * rounds
    assert ends.count("won") + ends.count("lost") == processes * rounds
    assert check_history(store) == rounds
    lines = store.ledger("us")
    assert [line["release"] for line in lines if line["event"] == "promoted"] == winners
    assert len(lines) == processes * rounds
    assert sum(line["event"] == "conflict" for line in lines) == ends.count("lost")
    for moves, line in enumerate(line for line in lines if line["event"] == "promoted"):
        assert line["replaced"] == (winners[moves - 1] if moves else None)


def test_60_promotions_by_4_processes(tmp_path: Path, kit: ModuleType) -> None:
    promote_at_once(ReleaseStore(tmp_path), kit, processes=4, rounds=15)


@pytest.mark.long
def test_1000_promotions_by_8_processes(tmp_path: Path, kit: ModuleType) -> None:
    """Eight contenders for each predecessor: 125 win, 875 lose, and the ledger has them all."""
    promote_at_once(ReleaseStore(tmp_path), kit, processes=8, rounds=125)


def test_threads_of_one_process_are_kept_apart(tmp_path: Path, kit: ModuleType) -> None:
    store = ReleaseStore(tmp_path)
    ids = [store.stage("us", kit.tiny(n), {}).id for n in range(3)]
    with ThreadPoolExecutor(4) as pool:
        outcomes = list(pool.map(lambda _: kit.contend(tmp_path, ids, 10), range(4)))
    assert check_history(store) == sum(won for won, _ in outcomes) > 0
    assert sum(map(sum, outcomes)) == 40


def test_the_same_content_staged_at_once_is_one_release(tmp_path: Path, kit: ModuleType) -> None:
    store = ReleaseStore(tmp_path)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: store.stage("us", kit.tiny(1), {}), range(8)))
    assert len(set(found)) == len(store.list("us")) == 1
    assert store.verify(found[0]) == []
    assert not any((tmp_path / "us" / ".tmp").iterdir())


def kill_and_check(store: ReleaseStore, kit: ModuleType, rounds: int, seed: int) -> None:
    rng = random.Random(seed)
    promised: set[str] = set()
    for turn in range(rounds):
        process = child(CHURN, store.root, turn * 7)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        time.sleep(rng.uniform(0.0, 0.15))
        os.kill(process.pid, signal.SIGKILL)
        promised |= {line.strip() for line in process.stdout if line.endswith("\n")}
        process.wait()
        process.stdout.close()
        champion = store.champion("us")
        releases = store.list("us")
        assert all(store.verify(release) == [] for release in releases)
        known = {release.id for release in releases}
        assert promised <= known
        assert champion is None or champion in known
        check_history(store)
    store.stage("us", kit.tiny(99), {})
    assert not any((store.root / "us" / ".tmp").iterdir())
    assert not list((store.root / "us").glob(".champion.json.*"))


def test_a_kill_leaves_a_whole_store(tmp_path: Path, kit: ModuleType) -> None:
    kill_and_check(ReleaseStore(tmp_path), kit, rounds=4, seed=1)


@pytest.mark.long
def test_many_kills_leave_a_whole_store(tmp_path: Path, kit: ModuleType) -> None:
    kill_and_check(ReleaseStore(tmp_path), kit, rounds=100, seed=2)
