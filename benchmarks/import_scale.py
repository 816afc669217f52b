"""Import and cleaning at one and at ten times the size: seconds, peak memory, ratio.

Usage: python benchmarks/import_scale.py [--work FOLDER]. Needs the real cards, found through
``CARPRICE_REAL_DATA`` (default ``../shared/data`` beside the checkout). The larger file is made
from them: ten copies with listing ids, dates and prices of their own, in the same proportions.
Each size runs in a process of its own: raw append, cleaning, split and dataset.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

CARDS = "carscom_2023_cards.parquet"
COPIES = 10
MOST_SECONDS, MOST_RATIO = 30.0, 12.0
MOST_MEMORY, MOST_MEMORY_LARGE = 2_000.0, 4_000.0


def real_cards() -> Path:
    """Where the real cards lie."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    return Path(os.environ.get("CARPRICE_REAL_DATA", beside)) / CARDS


def repriced(column: str) -> str:
    """SQL for a price that differs from copy to copy; words stay."""
    price = f"round(try_cast({column} AS DOUBLE) * (0.9 + 0.02 * k))::BIGINT::VARCHAR"
    return f"coalesce({price}, {column})"


def enlarge(source: Path, target: Path) -> None:
    """Write ``COPIES`` variations of the cards as one Parquet file."""
    import duckdb

    with duckdb.connect(config={"threads": 2, "memory_limit": "1500MB"}) as con:
        con.execute("SET preserve_insertion_order = false")
        con.execute(
            f"""
            COPY (
              SELECT
                (scrape_date::DATE + (60 * k)::INTEGER)::VARCHAR AS scrape_date,
                CASE WHEN url LIKE '%/vehicledetail/%'
                  THEN 'https://cars.invalid/vehicledetail/' || md5(url || k) || '/'
                  ELSE url END AS url,
                title, status,
                {repriced("price_1")} AS price_1, {repriced("price_2")} AS price_2,
                block, dealer_1, dealer_2, dealer_3
              FROM read_parquet('{source}'), range({COPIES}) AS copies(k)
            ) TO '{target}' (FORMAT parquet, COMPRESSION zstd)
            """
        )


def work(file: Path, home_folder: Path) -> None:
    """Import, clean, split and write the dataset; print the figures as one JSON line."""
    from carprice_assets.home import Home
    from carprice_assets.listings import cleaning, dataset, raw, split
    from carprice_assets.listings.warehouse import Warehouse
    from carprice_assets.markets import load_market

    home = Home(home_folder)
    market = load_market(home, "us")
    parts: dict[str, float] = {}
    begin = last = time.perf_counter()

    def lap(name: str) -> None:
        nonlocal last
        now = time.perf_counter()
        parts[name], last = round(now - last, 2), now

    with Warehouse.of(home).connect("benchmark") as con:
        appended = raw.append(con, market, "carscom-cards", file)
        lap("append")
        summary = cleaning.rebuild(con, market)
        lap("rebuild")
        split.assign(con, market)
        lap("split")
        folder = home_folder / "dataset"
        folder.mkdir()
        dataset.build(con, market, folder)
        lap("dataset")
    lap("close")
    usage = resource.getrusage(resource.RUSAGE_SELF)
    figures = {
        "rows": appended.read,
        "listings": summary.listings,
        "rejected": summary.rejected,
        "superseded": summary.superseded,
        "seconds": round(time.perf_counter() - begin, 2),
        "cpu_seconds": round(usage.ru_utime + usage.ru_stime, 2),
        "peak_mb": round(usage.ru_maxrss / 1024, 0),
        "warehouse_mb": round(home.warehouse.stat().st_size / 1e6, 0),
        "parts": parts,
    }
    print(json.dumps(figures))


def measure(file: Path, home_folder: Path) -> dict[str, float]:
    """The figures of one size, from a fresh process."""
    command = [sys.executable, __file__, "--run", str(file), str(home_folder)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    print(done.stdout, end="", flush=True)
    return json.loads(done.stdout)


def main() -> int:
    """Run both sizes; 1 where a limit is exceeded."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, help="folder for the files made, kept afterwards")
    parser.add_argument("--run", nargs=2, type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.run:
        work(*options.run)
        return 0
    if not real_cards().exists():
        print(f"skipped: {real_cards()} is absent; set CARPRICE_REAL_DATA")
        return 0
    with tempfile.TemporaryDirectory() as made:
        folder = options.work or Path(made)
        folder.mkdir(parents=True, exist_ok=True)
        large = folder / "cards_large.parquet"
        if not large.exists():
            enlarge(real_cards(), large)
        one = measure(real_cards(), Path(tempfile.mkdtemp(dir=folder)))
        ten = measure(large, Path(tempfile.mkdtemp(dir=folder)))
    ratio = ten["seconds"] / one["seconds"]
    cpu = ten["cpu_seconds"] / one["cpu_seconds"]
    print(f"ratio of seconds {ratio:.1f}, of CPU seconds {cpu:.1f} (limit {MOST_RATIO:.0f})")
    kept = (
        one["seconds"] <= MOST_SECONDS
        and one["peak_mb"] <= MOST_MEMORY
        and ratio <= MOST_RATIO
        and ten["peak_mb"] <= MOST_MEMORY_LARGE
    )
    print("within the limits" if kept else "OVER THE LIMITS")
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
