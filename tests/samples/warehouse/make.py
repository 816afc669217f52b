"""Makes a sample of the present schema version: `python tests/samples/warehouse/make.py`.

Run it with the code of the version that is to be kept, before the schema changes; a sample that
is there already is never made again.
"""

from __future__ import annotations

import gzip
import json
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests_support import offers_of, write_payloads

from carprice_assets.home import Home
from carprice_assets.listings import cleaning, raw, served, split
from carprice_assets.listings.migrations import MIGRATIONS
from carprice_assets.listings.warehouse import Warehouse
from carprice_assets.markets import Market
from carprice_assets.markets.market import SplitRules

HERE = Path(__file__).parent
MARKET = Market("small", "Small market", "USD", "mi", SplitRules("small-1"))
SERVED = {
    "id": "0a1b2c3d-1", "answered_at": "2026-01-10T08:00:00+00:00", "market": "small",
    "release": "d" * 32, "regressor": "catboost", "as_of": "2026-01-10",
    "car": {"make": "Škoda", "model": "Fabia", "year": 2021}, "price": 12000.5, "low": 11000.0,
    "high": 13000.0, "coverage": 0.9, "supported": True, "warnings": ["imputed:msrp"],
    "errors": [],
}  # fmt: skip
CONTENT = "SELECT count(*), bit_xor(md5_number(t::VARCHAR))::VARCHAR FROM {} AS t"


def main() -> None:
    target = HERE / f"schema_{len(MIGRATIONS)}.duckdb.gz"
    if target.exists():
        raise SystemExit(f"{target} is kept as it is")
    with tempfile.TemporaryDirectory() as folder:
        warehouse = Warehouse.of(Home(Path(folder)))
        offers = write_payloads(Path(folder) / "offers.jsonl", offers_of(seed=11, size=60, days=9))
        with warehouse.connect("a sample") as con:
            raw.append(con, MARKET, "payload", offers)
            cleaning.rebuild(con, MARKET)
            split.assign(con, MARKET)
            served.take_in(con, _served(Path(folder)), "small")
            names = con.execute(
                "SELECT table_name FROM duckdb_tables() WHERE NOT temporary ORDER BY 1"
            ).fetchall()
            tables = {name: con.execute(CONTENT.format(name)).fetchall()[0] for (name,) in names}
        target.write_bytes(gzip.compress(warehouse.path.read_bytes(), mtime=0))
    told = json.dumps({"rows_and_hash": tables}, indent=1)
    target.with_suffix("").with_suffix(".json").write_text(told + "\n", encoding="utf-8")


def _served(spool: Path) -> Path:
    """A spool in which one answer of the service waits."""
    below = served.served_folder(spool, "small")
    below.mkdir(parents=True)
    (below / f"one{served.READY}").write_text(json.dumps(SERVED) + "\n", encoding="utf-8")
    return spool


if __name__ == "__main__":
    main()
