"""One process at a time, always closed, never half a change."""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from carprice_assets.errors import UserError
from carprice_assets.home import Home
from carprice_assets.listings import cleaning, raw, split
from carprice_assets.listings.migrations import MIGRATIONS, Migration
from carprice_assets.listings.served import figures
from carprice_assets.listings.upgrade import upgrade
from carprice_assets.listings.warehouse import Warehouse, transaction
from carprice_assets.markets import Market
from carprice_assets.markets.market import SplitRules


def test_the_lock_is_free_after_an_exception(home: Home) -> None:
    warehouse = Warehouse.of(home)
    with pytest.raises(ZeroDivisionError), warehouse.connect("a failure"):
        _ = 1 / 0
    lines: list[str] = []
    with warehouse.connect("the next", lines.append) as con:
        assert con.execute("SELECT max(version) FROM schema_version").fetchall() == [
            (len(MIGRATIONS),)
        ]
    assert lines == []
    assert not warehouse.holder_file.exists()


def test_who_waits_is_told_who_holds(home: Home) -> None:
    warehouse = Warehouse.of(home)
    lines: list[str] = []
    entered = threading.Event()

    def second() -> None:
        with warehouse.connect("second", lambda line: (lines.append(line), entered.set())):
            pass

    with warehouse.connect("first work"):
        thread = threading.Thread(target=second)
        thread.start()
        assert entered.wait(30)
    thread.join(30)
    assert not thread.is_alive()
    assert len(lines) == 1
    assert f"process {os.getpid()} holds it for first work since" in lines[0]


HOLD = """
import sys, time
from pathlib import Path
from carprice_assets.listings.warehouse import Warehouse
with Warehouse(Path(sys.argv[1])).connect("holding") as con:
    con.execute("BEGIN")
    con.execute("INSERT INTO split_salts VALUES ('half', 'done')")
    print("held", flush=True)
    time.sleep(600)
"""


def test_a_killed_holder_frees_the_lock_and_leaves_no_half_change(home: Home) -> None:
    warehouse = Warehouse.of(home)
    with warehouse.connect():
        pass
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(warehouse.path)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
    finally:
        holder.send_signal(signal.SIGKILL)
        holder.wait(30)
        holder.stdout.close()
    with warehouse.connect("after") as con:
        assert con.execute("SELECT count(*) FROM split_salts").fetchall() == [(0,)]


def test_a_transaction_is_all_or_nothing(con: duckdb.DuckDBPyConnection) -> None:
    def change() -> None:
        with transaction(con):
            con.execute("INSERT INTO split_salts VALUES ('a', 'b')")
            raise KeyError

    with pytest.raises(KeyError):
        change()
    assert con.execute("SELECT count(*) FROM split_salts").fetchall() == [(0,)]


def test_a_later_version_is_refused_by_number(home: Home) -> None:
    warehouse = Warehouse.of(home)
    with warehouse.connect() as con:
        con.execute("INSERT INTO schema_version VALUES (99)")
    told = pytest.raises(UserError, match=r"carprice\.duckdb: has schema version 99")
    with told, warehouse.connect():
        pass


@pytest.mark.parametrize("content", [b"hello\n" * 5000, b"\0" * 20000, b"DUCK" * 9000])
def test_another_file_is_refused_by_name(home: Home, content: bytes) -> None:
    warehouse = Warehouse.of(home)
    warehouse.path.parent.mkdir(parents=True)
    warehouse.path.write_bytes(content)
    with pytest.raises(UserError, match=r"carprice\.duckdb: ") as told, warehouse.connect():
        pass
    assert "\n" not in str(told.value)
    assert warehouse.path.read_bytes() == content


def test_a_damaged_warehouse_is_refused_by_name(home: Home) -> None:
    warehouse = Warehouse.of(home)
    with warehouse.connect():
        pass
    data = bytearray(warehouse.path.read_bytes())
    data[4096 * 3 :] = b"\xff" * (len(data) - 4096 * 3)
    warehouse.path.write_bytes(bytes(data))
    with pytest.raises(UserError, match=r"carprice\.duckdb: "), warehouse.connect():
        pass


def test_another_programs_database_is_refused(home: Home) -> None:
    warehouse = Warehouse.of(home)
    warehouse.path.parent.mkdir(parents=True)
    with duckdb.connect(str(warehouse.path)) as other:
        other.execute("CREATE TABLE theirs (x INTEGER)")
    with pytest.raises(UserError, match="another program"), warehouse.connect():
        pass


def test_a_folder_in_its_place_is_refused(home: Home) -> None:
    home.warehouse.mkdir(parents=True)
    with pytest.raises(UserError, match="is a folder"), Warehouse.of(home).connect():
        pass


def test_leftovers_of_a_kill_are_cleared(home: Home) -> None:
    warehouse = Warehouse.of(home)
    warehouse.temp_folder.mkdir(parents=True)
    (warehouse.temp_folder / "spilled.tmp").write_bytes(b"x")
    warehouse.holder_file.write_text(json.dumps({"pid": 1}))
    with warehouse.connect() as con:
        settings = con.execute(
            "SELECT current_setting('memory_limit'), current_setting('temp_directory')"
        ).fetchall()[0]
        assert settings[0].endswith(("GiB", "MiB"))
        assert Path(settings[1]) == warehouse.temp_folder
    assert not warehouse.temp_folder.exists()


def test_a_warehouse_of_version_1_keeps_all_it_has(
    home: Home, market: Market, cards: Callable[..., Path], make_card: Callable[..., object]
) -> None:
    rows = [make_card("2023-10-01", f"id-{n}", "2020 Ford Focus", f"{9000 + n}") for n in range(30)]
    rows.append(make_card("2023-10-02", "id-0", "2020 Ford Focus", "8000"))
    warehouse = Warehouse.of(home)
    with Warehouse.of(Home(home.root / "present")).connect() as con:
        raw.append(con, market, "carscom-cards", cards(rows))
        stored = con.execute("FROM raw_listings").fetchall()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("carprice_assets.listings.migrations.MIGRATIONS", MIGRATIONS[:1])
        with warehouse.connect() as con:
            marks = ", ".join("?" * len(stored[0]))
            con.executemany(f"INSERT INTO raw_listings VALUES ({marks})", stored)
            con.execute("INSERT INTO split_salts VALUES ('us', 'us-1')")
            before = _content(con)
            assert before["schema_version"] == [(1,)]
            assert "sightings" not in before
    with warehouse.connect() as con:
        after = _content(con)
        assert after.pop("schema_version") == [(1,), (2,), (3,), (4,), (5,)]
        added = ("crawls", "pages", "sightings", "past_listings")
        added = (*added, "served_valuations", "served_files")
        assert {name: after.pop(name) for name in added} == {name: [] for name in added}
        del before["schema_version"]
        assert after == before
        assert len(after["raw_listings"]) == 31
        cleaning.rebuild(con, market)
        assert con.execute("SELECT count(*) FROM listings").fetchall() == [(30,)]


SAMPLES = Path(__file__).parents[1] / "samples" / "warehouse"
CONTENT = "SELECT count(*), bit_xor(md5_number(t::VARCHAR))::VARCHAR FROM {} AS t"


@pytest.mark.parametrize("sample", sorted(SAMPLES.glob("*.duckdb.gz")), ids=lambda path: path.name)
def test_a_kept_warehouse_opens_with_all_it_has(home: Home, sample: Path) -> None:
    """Made by the project as it was at that schema version."""
    told = json.loads(sample.with_suffix("").with_suffix(".json").read_bytes())["rows_and_hash"]
    warehouse = Warehouse.of(home)
    warehouse.path.parent.mkdir(parents=True)
    warehouse.path.write_bytes(gzip.decompress(sample.read_bytes()))
    derived = ("listings", "price_history", "listing_vins", "vehicles")
    market = Market("small", "Small market", "USD", "mi", SplitRules("small-1"))
    with warehouse.connect() as con:
        found = {name: [*con.execute(CONTENT.format(name)).fetchall()[0]] for name in told}
        assert found.pop("schema_version")[0] == len(MIGRATIONS)
        assert found == {name: told[name] for name in found}
        before = {name: con.execute(f"FROM {name} ORDER BY ALL").fetchall() for name in derived}
        cleaning.rebuild(con, market)
        assert split.assign(con, market).new == 0
        after = {name: con.execute(f"FROM {name} ORDER BY ALL").fetchall() for name in derived}
        assert after == before, "and the present code makes the same of it"


def test_served_tables_are_one_whoever_made_them(home: Home) -> None:
    """Version 4 made them when something was first taken in; version 5 makes them always."""
    warehouses = Warehouse.of(home), Warehouse.of(Home(home.root / "new"))
    warehouses[0].path.parent.mkdir(parents=True)
    kept = SAMPLES / "schema_4.duckdb.gz"
    warehouses[0].path.write_bytes(gzip.decompress(kept.read_bytes()))
    shapes: list[tuple[object, ...]] = []
    cars: list[int] = []
    for warehouse in warehouses:
        with warehouse.connect() as con:
            columns = con.execute(
                "SELECT table_name, column_name, data_type, is_nullable, column_index "
                "FROM duckdb_columns() WHERE table_name LIKE 'served%' ORDER BY ALL"
            ).fetchall()
            constraints = con.execute(
                "SELECT table_name, constraint_type, constraint_column_names "
                "FROM duckdb_constraints() WHERE table_name LIKE 'served%' ORDER BY ALL"
            ).fetchall()
            shapes.append((len(columns), columns, constraints))
            cars.append(figures(con, "small")["cars"])
    assert shapes[0] == shapes[1]
    assert shapes[0][0] == 19
    assert cars == [1, 0]


def _waiting(tmp_path: Path) -> tuple[Migration, ...]:
    """The present steps and one more, which waits for the command."""
    (script := tmp_path / "next.sql").write_text("ALTER TABLE split_salts ADD COLUMN note TEXT")
    return (*MIGRATIONS, Migration(script, by_itself=False))


def test_a_step_that_waits_is_taken_by_command_alone(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    warehouse = Warehouse.of(home)
    with warehouse.connect() as con:
        con.execute("INSERT INTO split_salts VALUES ('us', 'us-1')")
    now = len(MIGRATIONS)
    assert upgrade(warehouse) == f"{warehouse.path}: has schema version {now} already"
    monkeypatch.setattr("carprice_assets.listings.migrations.MIGRATIONS", _waiting(tmp_path))
    told = pytest.raises(UserError, match=rf"has schema version {now}, .*: run carprice warehouse")
    with told, warehouse.connect():
        pass
    assert warehouse.look() == (now, "")
    copy = warehouse.path.with_name(f"carprice.duckdb.v{now}")
    assert upgrade(warehouse) == (
        f"{warehouse.path}: schema version {now} is {now + 1} now; {copy} is the file as it was"
    )
    with warehouse.connect() as con:
        assert con.execute("FROM split_salts").fetchall() == [("us", "us-1", None)]
    with duckdb.connect(str(copy), read_only=True) as con:
        assert con.execute("FROM split_salts").fetchall() == [("us", "us-1")]


def test_a_step_that_fails_leaves_the_version_before(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    warehouse = Warehouse.of(home)
    with warehouse.connect():
        pass
    steps = _waiting(tmp_path)
    steps[-1].script.write_text("CREATE TABLE half (x INTEGER); SELECT * FROM nowhere")
    monkeypatch.setattr("carprice_assets.listings.migrations.MIGRATIONS", steps)
    with pytest.raises(UserError, match="nowhere"):
        upgrade(warehouse)
    assert warehouse.look() == (len(MIGRATIONS), "")
    monkeypatch.undo()
    with warehouse.connect() as con:
        assert "half" not in _content(con)


def test_there_must_be_something_to_migrate(home: Home) -> None:
    with pytest.raises(UserError, match="no warehouse there yet"):
        upgrade(Warehouse.of(home))


def _content(con: duckdb.DuckDBPyConnection) -> dict[str, list[tuple[object, ...]]]:
    names = con.execute("SELECT table_name FROM duckdb_tables() WHERE NOT temporary").fetchall()
    return {name: con.execute(f"FROM {name} ORDER BY ALL").fetchall() for (name,) in names}
