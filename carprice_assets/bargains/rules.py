"""When an autoencoder may be used: its reconstruction error against its limits."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from carprice_assets.markets.bargains import BargainRules


@dataclass(frozen=True)
class Reconstruction:
    """What an autoencoder leaves unexplained on the hold-out, in shares of variance.

    Attributes
    ----------
    rows
        Hold-out cars.
    total, price
        Of all inputs together, and of the log price alone.
    by_feature
        Of each input.
    """

    rows: int
    total: float
    price: float
    by_feature: Mapping[str, float]

    def to_json(self) -> dict[str, Any]:
        """JSON types."""
        return {
            "rows": self.rows,
            "total": self.total,
            "price": self.price,
            "by_feature": dict(self.by_feature),
        }

    @classmethod
    def from_json(cls, table: Mapping[str, Any]) -> Reconstruction:
        """What :meth:`to_json` gave."""
        return cls(table["rows"], table["total"], table["price"], table["by_feature"])


@dataclass(frozen=True)
class Verdict:
    """Whether an autoencoder may join the detector.

    ``broken`` says that an absolute limit is exceeded or a figure is missing; ``passed`` is
    False also where the deployed one is better. ``line`` tells why.
    """

    passed: bool
    broken: bool
    line: str


def judge(found: Reconstruction, deployed: Reconstruction | None, rules: BargainRules) -> Verdict:
    """Compare with the limits, and with the deployed one on the same hold-out cars.

    Fails closed on anything missing or NaN. Where there are too few cars to judge by it takes no
    part, and nothing is broken.
    """
    figures = (found.total, found.price)
    told = f"leaves {found.total:.1%} of all inputs and {found.price:.1%} of the price unexplained"
    if found.rows < rules.min_holdout:
        return Verdict(False, False, f"{found.rows} hold-out cars are too few to judge it by")
    if not all(math.isfinite(each) for each in figures):
        return Verdict(False, True, "its error is not finite")
    if found.total > rules.max_reconstruction:
        return Verdict(False, True, f"{told}: the limit of all is {rules.max_reconstruction:.1%}")
    limit = rules.max_price_error
    if found.price > limit:
        return Verdict(False, True, f"{told}: the limit of the price is {limit:.1%}")
    if deployed is None:
        return Verdict(True, False, f"{told}; none is deployed")
    most = deployed.total * (1 + rules.max_detector_loss)
    if not math.isfinite(most) or found.total > most:
        return Verdict(
            False, False, f"{told}; the deployed one leaves {deployed.total:.1%} and stays better"
        )
    return Verdict(True, False, f"{told}; the deployed one leaves {deployed.total:.1%}")
