"""Two releases with everything that the page of models tells: the first serves."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

from serving_releases import PROMOTED, stage

from carprice_assets.home import Home
from carprice_assets.releases.rules import Decision, Reason
from carprice_assets.releases.store import ReleaseStore


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int) -> bytes:
    """A grey picture."""
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = (b"\0" + b"\xcc" * width) * height
    parts = ((b"IHDR", head), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*each) for each in parts)


PNG = png(640, 420)


def interval(value: float) -> dict[str, float]:
    return {"value": value, "low": 0.9 * value, "high": 1.1 * value}


def measures(mae: float) -> dict[str, Any]:
    return {"rows": 120, "mae": interval(mae), "median_error": interval(mae / 2),
            "mape": interval(0.081), "rmse": interval(2 * mae), "r2": interval(0.9),
            "r2_log": interval(0.91)}  # fmt: skip


FIGURES = {
    "figures": measures(2_100.0),
    "validation": measures(2_000.0),
    "naive": measures(5_200.0),
    "stock_types": {
        kind: {"figures": measures(mae), "naive": measures(2 * mae)}
        for kind, mae in (("New", 1_500.0), ("Used", 2_600.0))
    },
    "slices": {
        "make": [
            {"name": "Ford", "rows": 40, "mae": 1_900.0, "mae_low": 1_500.0, "mae_high": None,
             "naive_mae": 4_100.0, "mape": 0.07, "bias": -120.0, "r2": None}
        ]
    },
    "behaviour": {"mileage_rows": 54, "mileage_violations": 0.02, "mileage_change": -0.05},
    "ranges": {"coverage": 0.912, "width": 0.43},
    "unsupported": 0.126,
}  # fmt: skip
PAGES = {
    "catboost/residuals.png": PNG,
    "catboost/predicted_against_true.png": png(640, 500),
    "catboost/report.md": b"# report",
}
REFUSED = Decision(
    "refused",
    (
        Reason("named", True, True, None, None, "all is named"),
        Reason("r2", False, True, 0.5, 0.9, "R2: 0.5, must be at least 0.9"),
    ),
)


def stage_two(home: Home, tmp_path: Path) -> list[str]:
    """The first serves, with figures and plots; the second was refused and has neither."""
    ids = [stage(home, tmp_path, 10.0, figures=FIGURES, pages=PAGES), stage(home, tmp_path, 11.0)]
    store = ReleaseStore(home.releases)
    store.promote("us", ids[0], None, PROMOTED)
    line = {"event": "refused", "release": ids[1], "decision": REFUSED.to_json()}
    store.record("us", line)
    return ids
