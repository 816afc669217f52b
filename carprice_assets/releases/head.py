"""``content/release.json``: what a release is for, and what it carries."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, cast

from carprice_assets.errors import UserError
from carprice_assets.files import canonical_json
from carprice_assets.releases.strict import check_format

FORMAT = 1
REGRESSOR = re.compile(r"[a-z][a-z0-9_]{0,40}")


@dataclass(frozen=True)
class Head:
    """The first thing that is read of a release.

    Attributes
    ----------
    market, currency, distance
        The market and its units.
    champion
        The regressor that answers unless another is asked for.
    regressors
        All that are carried, the champion among them, sorted.
    last_observed
        Day of the latest scrape learned from.
    data
        ``address`` of the dataset artifact, ``salt`` of the split, and whatever else names
        the data.
    first_observed
        Day of the earliest listing learned from; None where a version before it made the
        release.
    """

    market: str
    currency: str
    distance: str
    champion: str
    regressors: tuple[str, ...]
    last_observed: date
    data: Mapping[str, Any]
    first_observed: date | None = None

    def to_bytes(self) -> bytes:
        """The bytes of ``release.json``."""
        table = {
            "format": FORMAT,
            "market": self.market,
            "currency": self.currency,
            "distance": self.distance,
            "champion": self.champion,
            "regressors": list(self.regressors),
            "data": dict(self.data) | {"last_observed": self.last_observed.isoformat()},
        }
        return canonical_json(table)

    @classmethod
    def parse(cls, table: dict[str, Any], where: str) -> Head:
        """Check the object of ``release.json``.

        Raises
        ------
        UserError
            For a newer format, or naming the key that is missing or malformed.
        """
        check_format(table, FORMAT, where)
        for key in ("market", "currency", "distance", "champion"):
            if not isinstance(table.get(key), str) or not table[key]:
                raise UserError(f"{where}: {key} is missing")
        if table["distance"] not in ("mi", "km"):
            raise UserError(f"{where}: distance {table['distance']!r} is neither 'mi' nor 'km'")
        regressors = _names(table.get("regressors"), where)
        if table["champion"] not in regressors:
            raise UserError(f"{where}: champion {table['champion']!r} is not carried")
        data = table.get("data")
        if not isinstance(data, dict):
            raise UserError(f"{where}: data is missing")
        known = cast("dict[str, Any]", data)
        last_observed = _day(known, "last_observed", where)
        first_observed = None
        if "first_observed" in known:
            first_observed = _day(known, "first_observed", where)
            if first_observed > last_observed:
                raise UserError(f"{where}: data.first_observed is after data.last_observed")
        return cls(
            market=table["market"],
            currency=table["currency"],
            distance=table["distance"],
            champion=table["champion"],
            regressors=regressors,
            last_observed=last_observed,
            data=known,
            first_observed=first_observed,
        )

    def observed_day(self, day: date) -> date:
        """The day nearest to ``day`` of those that listings were learned from."""
        if self.first_observed is not None and day < self.first_observed:
            return self.first_observed
        return min(day, self.last_observed)


def _day(data: Mapping[str, Any], name: str, where: str) -> date:
    try:
        return date.fromisoformat(data.get(name, ""))
    except (TypeError, ValueError) as error:
        raise UserError(f"{where}: data.{name} is no ISO date") from error


def _names(value: Any, where: str) -> tuple[str, ...]:
    names = cast("list[Any]", value) if isinstance(value, list) else []
    valid = all(isinstance(name, str) and REGRESSOR.fullmatch(name) for name in names)
    if not names or not valid or len(set(names)) < len(names):
        raise UserError(f"{where}: regressors must list names, each once")
    return tuple(names)
