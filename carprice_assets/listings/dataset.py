"""The dataset: one Parquet file a side, the same bytes for the same data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from carprice_assets.errors import UserError
from carprice_assets.files import canonical_json, content_id, folder_hashes, read_json
from carprice_assets.listings.contract import FEATURE_FIELDS, FIELDS, Columns
from carprice_assets.listings.raw import data_version
from carprice_assets.listings.split import SET_ASIDE
from carprice_assets.markets import DeclaredFeature, Market
from carprice_assets.markets.features import features_from_json, features_to_json
from carprice_assets.markets.market import SIDES
from carprice_assets.sources.base import literal, quoted

if TYPE_CHECKING:
    import duckdb

FILES = (*SIDES, SET_ASIDE)
EXTRA = ("vehicle", "source")
LIFE = ("last_seen", "delisted_at")
"""Fields that a dataset leaves out: they grow with every crawl, and nothing learns from them."""
DATASET_FIELDS = tuple(field for field in FIELDS if field.name not in LIFE)
FORMAT_VERSION = 1


@dataclass(frozen=True)
class DatasetSummary:
    """``counts`` of rows by side (and ``set_aside``), and the last day observed (ISO)."""

    counts: Mapping[str, int]
    last_observed: str
    data_version: str


def build(con: duckdb.DuckDBPyConnection, market: Market, folder: Path) -> DatasetSummary:
    """Write ``<side>.parquet`` for every side, ``set_aside.parquet`` and ``dataset.json``.

    Each file holds the fields of the contract but :data:`LIFE`, those of the market's own,
    ``vehicle`` and ``source``,
    ordered by listing id. The bytes depend on what the listings say of their cars alone: that
    a crawl has seen them again unchanged makes no other dataset.

    Raises
    ------
    UserError
        Where the market has no listings, or they were cleaned when it declared other features.
    """
    named = {"market": market.name}
    last = con.execute(
        "SELECT max(observed_at)::VARCHAR FROM listings WHERE market = $market", named
    ).fetchall()[0][0]
    if last is None:
        raise UserError(
            f"market {market.name}: no listings yet: carprice crawl or carprice import brings some"
        )
    _require_declared(con, market)
    fields = ", ".join(field.name for field in DATASET_FIELDS) + stored_sql(market.features)
    counts: dict[str, int] = {}
    con.execute("SET preserve_insertion_order = true")  # for the same bytes every time
    try:
        for side in FILES:
            target = folder / f"{side}.parquet"
            counts[side] = con.execute(
                f"""
                COPY (
                  SELECT {fields}, vehicle, source
                  FROM (SELECT * FROM listings WHERE market = $market) AS mine
                  JOIN (SELECT * FROM vehicles WHERE market = $market) AS sided USING (listing_id)
                  WHERE side = $side ORDER BY listing_id
                ) TO {literal(str(target))}
                (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 122880)
                """,
                named | {"side": side},
            ).fetchall()[0][0]
    finally:
        con.execute("SET preserve_insertion_order = false")
    total = con.execute("SELECT count(*) FROM listings WHERE market = $market", named).fetchall()
    if sum(counts.values()) != total[0][0]:
        raise UserError(
            f"market {market.name}: {total[0][0] - sum(counts.values()):,} listings have no side:"
            " assign the split first"
        )
    summary = DatasetSummary(counts, last, data_version(con, market.name))
    head = {
        "format": FORMAT_VERSION,
        "market": market.name,
        "salt": market.split.salt,
        "counts": counts,
        "last_observed": last,
        "data_version": summary.data_version,
        "cleaning": market.cleaning,
    }
    if market.features:
        head["features"] = features_to_json(market.features)
    (folder / "dataset.json").write_bytes(canonical_json(head))
    return summary


def stored_sql(features: Sequence[DeclaredFeature]) -> str:
    """SQL for a column of each feature of a market's own, behind a comma each."""
    return "".join(
        f", {'numbers' if f.kind == 'number' else 'words'}['{f.name}'] AS {quoted(f.name)}"
        for f in features
    )


def _require_declared(con: duckdb.DuckDBPyConnection, market: Market) -> None:
    """Refuse listings that were cleaned when the market declared other features."""
    stored = con.execute(
        "SELECT any_value(map_keys(numbers)), any_value(map_keys(words)) FROM listings"
        " WHERE market = $market",
        {"market": market.name},
    ).fetchall()[0]
    for kind, names in zip(("number", "category"), stored, strict=True):
        wanted = {feature.name for feature in market.features if feature.kind == kind}
        if wanted != set(names or ()):
            odd = min(wanted ^ set(names or ()))
            raise UserError(
                f"market {market.name}: features.{odd}: its listings were cleaned under another"
                " declaration: import again (or materialize listings and dataset)"
            )


def dataset_hash(folder: Path) -> str:
    """The dataset's address: the hash of its files, as the artifact store computes it."""
    return content_id(folder_hashes(folder))


def read_head(folder: Path) -> dict[str, Any]:
    """``dataset.json``: market, salt, counts, last_observed, data_version."""
    return read_json(folder / "dataset.json")


def read_features(folder: Path) -> tuple[DeclaredFeature, ...]:
    """The features that the market declared when the dataset was made, by name."""
    return features_from_json(read_head(folder).get("features", []), f"{folder / 'dataset.json'}")


def require_current(market: Market, folder: Path) -> None:
    """Refuse a dataset that was made under other settings than the market's present ones.

    Raises
    ------
    UserError
        Naming the setting: prices in one currency must never be sold as another's.
    """
    made, now = read_head(folder)["cleaning"], market.cleaning
    again = "import again (or materialize listings and dataset)"
    before = {f["name"]: f for f in made.get("features", [])}
    declared = {f["name"]: f for f in now.get("features", [])}
    for name in sorted(before | declared):
        if before.get(name) != declared.get(name):
            raise UserError(
                f"market {market.name}: its dataset was made under another declaration of"
                f" features.{name}: {again}"
            )
    for name in sorted(made | now):
        if made.get(name) != now.get(name):
            name, was, is_now = _innermost(name, made.get(name), now.get(name))
            raise UserError(
                f"market {market.name}: its dataset was made with {name} {was!r}, the market file"
                f" says {is_now!r}: {again}"
            )


def _innermost(name: str, was: Any, is_now: Any) -> tuple[str, Any, Any]:
    """The first entry, of tables within tables, that is not the same in both."""
    while isinstance(was, dict) and isinstance(is_now, dict):
        before, after = cast("dict[str, Any]", was), cast("dict[str, Any]", is_now)
        key = min(key for key in before | after if before.get(key) != after.get(key))
        name, was, is_now = f"{name}.{key}", before.get(key), after.get(key)
    return name, was, is_now


def read_side(folder: Path, side: str) -> dict[str, np.ndarray[Any, Any]]:
    """One side as columns.

    Returns
    -------
    Columns
        All feature fields, ``price``, ``listing_id``, ``vehicle`` and ``source``, and the
        features that the market declared when the dataset was made; numbers float64 with NaN,
        ``observed_at`` in days, text as objects with ``""`` for missing.

    Raises
    ------
    UserError
        Where ``side`` is none of the dataset's files.
    """
    import pyarrow.parquet as pq

    if side not in FILES:
        raise UserError(f"unknown side {side!r}: there are {', '.join(FILES)}")
    names = [field.name for field in FEATURE_FIELDS] + ["price", "listing_id", *EXTRA]
    names += [feature.name for feature in read_features(folder)]
    table = pq.read_table(folder / f"{side}.parquet", columns=names)
    return to_columns(table)


def to_columns(table: Any) -> dict[str, np.ndarray[Any, Any]]:
    """An Arrow table in the form of :data:`~carprice_assets.listings.contract.Columns`."""
    return {name: _array(table.column(name)) for name in table.column_names}


def _array(column: Any) -> np.ndarray[Any, Any]:
    import pyarrow as pa
    import pyarrow.compute as pc

    array = column.combine_chunks()
    if pa.types.is_date(array.type):
        array = array.cast(pa.int32()).cast(pa.float64())
    if pa.types.is_floating(array.type):
        return pc.fill_null(array, float("nan")).to_numpy(zero_copy_only=False).astype(np.float64)
    coded = pc.fill_null(array.cast(pa.string()), "").dictionary_encode()
    if isinstance(coded, pa.ChunkedArray):
        coded = coded.combine_chunks()
    words = np.empty(len(coded.dictionary), dtype=object)
    words[:] = coded.dictionary.to_pylist()
    return words[coded.indices.to_numpy(zero_copy_only=False)]


__all__ = ["Columns", "DatasetSummary", "build", "dataset_hash", "read_head", "read_side"]
