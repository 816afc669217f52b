"""The back-test: a release's valuations of listings with known prices, as a table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from carprice_assets.errors import UserError
from carprice_assets.evaluation.metrics import Figures, Floats, checked, figures, value
from carprice_assets.evaluation.slices import UNKNOWN, stock_types
from carprice_assets.evaluation.tables import aligned, amount, decimal, percent
from carprice_assets.files import canonical_json
from carprice_assets.listings.contract import STOCK_TYPES

ALL = "All"


@dataclass(frozen=True)
class ScoreTable:
    """Figures of a back-test.

    Attributes
    ----------
    currency
        Of all amounts.
    rows
        Name to :func:`~carprice_assets.evaluation.metrics.figures`, of cars that the release
        has not learned from: ``All``, then each stock type; ``{"rows": 0}`` where none.
    learned
        Figures of the rows whose vehicle the release learned from, kept apart.
    rejected
        Reason to number of rows of the file that could not be scored.
    notes
        What the figures are of, such as file, market and release.
    """

    currency: str
    rows: Mapping[str, Figures]
    learned: Figures
    rejected: Mapping[str, int] = field(default_factory=dict[str, int])
    notes: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def to_json(self) -> bytes:
        """Canonical JSON: ``currency``, ``rows``, ``learned``, ``rejected``, ``notes``."""
        return canonical_json(
            {
                "currency": self.currency,
                "rows": self.rows,
                "learned": self.learned,
                "rejected": self.rejected,
                "notes": self.notes,
            }
        )

    def to_text(self) -> str:
        """A plain table for terminals, then the rejected rows by reason, then the notes."""
        money = f" ({self.currency})"
        header = ["", "n", "R2", f"RMSE{money}", f"MAE{money}", "MAPE", f"median error{money}"]
        lines = [_cells(name, of) for name, of in self.rows.items()]
        if self.learned["rows"]:
            lines.append(_cells("Learned from (not in All)", self.learned))
        text = aligned(header, lines)
        if total := sum(self.rejected.values()):
            ordered = sorted(self.rejected.items(), key=lambda pair: (-pair[1], pair[0]))
            reasons = ", ".join(f"{reason} {amount(count)}" for reason, count in ordered if count)
            text += f"\n\nNot scored: {amount(total)} rows: {reasons}"
        if self.notes:
            width = max(map(len, self.notes))
            text += "\n"
            for key, told in self.notes.items():
                text += f"\n{key:<{width}}  {amount(told) if isinstance(told, int) else told}"
        return text


def score(
    truth: Floats,
    predicted: Floats,
    stock_type: NDArray[Any],
    learned_mask: NDArray[np.bool_],
    *,
    currency: str,
    rejected: Mapping[str, int] | None = None,
    notes: Mapping[str, Any] | None = None,
    seed: int = 0,
    resamples: int = 200,
) -> ScoreTable:
    """Score valuations against known prices.

    Parameters
    ----------
    truth, predicted
        Prices in ``currency``, shape (rows,).
    stock_type
        Of each row; what is none of New, Used, Certified counts as ``unknown``.
    learned_mask
        True where the release learned from the row's vehicle: such rows flatter it, so they
        stay out of every headline figure.

    Raises
    ------
    UserError
        Where there is no row.
    ValueError
        For unequal lengths, and where a price or prediction is no price.
    """
    if len(truth) == 0:
        raise UserError("no rows to score: the file has no listing with a usable price")
    true, guess = checked(truth, predicted)
    if stock_type.shape != true.shape or learned_mask.shape != true.shape:
        raise ValueError(
            f"{len(true)} prices, {len(stock_type)} stock types and {len(learned_mask)} learned"
            " marks do not pair up"
        )

    def judged(rows: NDArray[np.bool_]) -> Figures:
        if not rows.any():
            return {"rows": 0}
        return figures(true[rows], guess[rows], seed=seed, resamples=resamples)

    learned = learned_mask.astype(bool)
    kinds = stock_types(stock_type)
    listed = [*STOCK_TYPES, UNKNOWN] if (kinds == UNKNOWN).any() else STOCK_TYPES
    table = {ALL: judged(~learned)}
    table |= {kind: judged(~learned & (kinds == kind)) for kind in listed}
    return ScoreTable(currency, table, judged(learned), dict(rejected or {}), dict(notes or {}))


def _cells(name: str, of: Figures) -> list[str]:
    return [
        name,
        amount(of["rows"]),
        decimal(value(of, "r2")),
        amount(value(of, "rmse")),
        amount(value(of, "mae")),
        percent(value(of, "mape")),
        amount(value(of, "median_error")),
    ]
