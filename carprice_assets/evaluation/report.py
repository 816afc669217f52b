"""The evaluation report: what is known about one regressor."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, cast

import numpy as np

from carprice_assets.errors import UserError
from carprice_assets.evaluation.report_text import headline, report_markdown
from carprice_assets.files import canonical_json

FORMAT = 2


@dataclass(frozen=True)
class EvaluationReport:
    """What is known about one regressor; all values are JSON types, undefined figures None.

    Attributes
    ----------
    name, market, currency, distance
        The regressor, and the market with its units.
    rows
        Cars on the sides ``train``, ``validation`` and ``holdout``.
    holdout_hash
        Of the hold-out's vehicles, listing ids and prices: reports are comparable where equal.
    figures, naive
        :func:`~carprice_assets.evaluation.metrics.figures` of the whole hold-out, by the
        regressor and by the naive valuation.
    stock_types
        For New, Used and Certified ``figures`` and ``naive`` of those hold-out cars alone, both
        ``{"rows": 0}`` where there is none.
    slices
        :func:`~carprice_assets.evaluation.slices.slices` of the hold-out.
    validation, naive_validation
        Figures of the validation side, by which the challenger is chosen.
    overfit
        Mean squared errors of log price ``train_mse`` and ``validation_mse``, their relative
        ``gap``, the ``limit`` and whether it is passed, ``overfitted``.
    behaviour
        :func:`~carprice_assets.evaluation.behaviour.measure` on the hold-out.
    worst
        The ten hold-out cars whose prediction is off by the largest factor.
    ranges
        :func:`~carprice_assets.evaluation.coverage.judge_ranges` of the hold-out; empty where
        the regressor gives none.
    unsupported
        Share of the hold-out cars that get no valuation; all figures judge them too. None
        where no limits were learned.
    reference_protocol
        Not comparable with anything above: ``figures`` of the hold-out without the ``removed``
        cars that the outlier detector flags, as the reference judges; empty where none is left.
    parameters, importances, curves, search
        As the regressor gives them; ``search`` is empty where there was none.
    costs
        Seconds, bytes and MB (1e6 bytes) by name, see :mod:`carprice_assets.evaluation.costs`;
        the only part that differs when a training is repeated.
    """

    name: str
    market: str
    currency: str
    distance: str
    rows: Mapping[str, int]
    holdout_hash: str
    figures: Mapping[str, Any]
    naive: Mapping[str, Any]
    stock_types: Mapping[str, Any]
    slices: Mapping[str, Any]
    validation: Mapping[str, Any]
    naive_validation: Mapping[str, Any]
    overfit: Mapping[str, Any]
    behaviour: Mapping[str, Any]
    worst: Sequence[Mapping[str, Any]]
    parameters: Mapping[str, Any] = field(default_factory=dict[str, Any])
    importances: Mapping[str, float] = field(default_factory=dict[str, float])
    curves: Mapping[str, Sequence[float]] = field(default_factory=dict[str, Sequence[float]])
    ranges: Mapping[str, Any] = field(default_factory=dict[str, Any])
    unsupported: float | None = None
    reference_protocol: Mapping[str, Any] = field(default_factory=dict[str, Any])
    search: Mapping[str, Any] = field(default_factory=dict[str, Any])
    costs: Mapping[str, float] = field(default_factory=dict[str, float])

    def deterministic(self) -> dict[str, Any]:
        """Everything but the costs: equal for equal data, settings and seeds."""
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name != "costs"}

    def to_json(self) -> bytes:
        """Canonical JSON with the parts ``deterministic`` and ``costs``."""
        return canonical_json(
            {"format": FORMAT, "deterministic": self.deterministic(), "costs": self.costs}
        )

    @classmethod
    def from_json(cls, data: bytes | str) -> EvaluationReport:
        """The report that :meth:`to_json` wrote.

        Raises
        ------
        UserError
            For what is no evaluation report of this format.
        """
        try:
            content = json.loads(data)
            if content["format"] != FORMAT:
                raise UserError(f"evaluation report of format {content['format']!r}, not {FORMAT}")
            return cls(**content["deterministic"], costs=content["costs"])
        except (ValueError, KeyError, TypeError) as error:
            raise UserError(f"no evaluation report: {error}") from error

    def to_markdown(self, pictures: Mapping[str, str] | None = None) -> str:
        """The report as a Markdown page; ``pictures`` are addresses of its pictures by title."""
        return report_markdown(self, pictures or {})

    def headline(self) -> str:
        """One line for logs: the figures that matter most."""
        return headline(self)


def plain(value: Any) -> Any:
    """``value`` in JSON types: arrays and tuples as lists, NaN and infinities as None."""
    if isinstance(value, np.ndarray | np.generic):
        value = cast("Any", value).tolist()
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in cast("Mapping[Any, Any]", value).items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in cast("Sequence[Any]", value)]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, str | int | bool):
        return value
    raise ValueError(f"a report cannot hold {value!r} of type {type(value).__name__}")
