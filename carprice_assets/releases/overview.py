"""All markets at a glance: what serves, how old and how good it is, what was decided last."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from carprice_assets.errors import UserError
from carprice_assets.home import Home
from carprice_assets.markets import market_files
from carprice_assets.releases.approvals import Wait, waits
from carprice_assets.releases.repair import pointer_problem
from carprice_assets.releases.store import ReleaseStore
from carprice_assets.releases.strict import read_object

NONE = "–"
DECISIONS = (
    "promoted",
    "rolled_back",
    "refused",
    "waiting",
    "expired",
    "approved",
    "overridden",
    "judged",
)
POINTER = "champion.json"


@dataclass(frozen=True)
class Row:
    """One market.

    Attributes
    ----------
    release, regressor
        What serves; empty without a champion.
    since
        When it began to serve.
    last_observed
        Day of the last observation that it learned from.
    r2, mae
        Figures of its own report, on the hold-out of its training.
    overridden
        Who promoted it against the rules, and why; empty where the rules held.
    last
        The newest decision of the market, in a few words.
    waiting
        Releases that wait for approval.
    problem
        What is wrong with the market's pointer, ledger or release; empty where nothing is.
    """

    market: str
    now: datetime
    release: str = ""
    regressor: str = ""
    since: datetime | None = None
    last_observed: date | None = None
    r2: float | None = None
    mae: float | None = None
    currency: str = ""
    overridden: str = ""
    last: str = ""
    waiting: tuple[Wait, ...] = ()
    problem: str = ""

    def cells(self) -> dict[str, str]:
        """One row of a table."""
        return {
            "market": self.market,
            "champion": self.release or NONE,
            "regressor": self.regressor or NONE,
            "serves for": _days(self.now - self.since) if self.since else NONE,
            "data until": self.last_observed.isoformat() if self.last_observed else NONE,
            "R2": NONE if self.r2 is None else f"{self.r2:.3f}",
            "MAE": NONE if self.mae is None else f"{self.mae:,.0f} {self.currency}",
            "last decision": self.last or NONE,
            "waiting": ", ".join(wait.release for wait in self.waiting) or NONE,
            "note": self.problem or self.overridden,
        }

    def lines(self) -> list[str]:
        """The market in a terminal: one line, and one for each thing that asks for a person."""
        cells = self.cells()
        serving = f"{cells['champion']:<32}  {cells['regressor']:<18}  R2 {cells['R2']:>5}"
        told = f"{serving}  MAE {cells['MAE']:>10}  {cells['serves for']:>8}"
        lines = [f"{self.market:<16}  {told}  data until {cells['data until']}"]
        if self.last:
            lines.append(f"{'':<18}last decision: {self.last}")
        for wait in self.waiting:
            lines.append(f"{'':<18}{wait_line(wait, self.market, self.now)}")
        if self.overridden:
            lines.append(f"{'':<18}OVERRIDDEN: {self.overridden}")
        if self.problem:
            lines.append(f"{'':<18}PROBLEM: {self.problem}")
        return lines


def overview(home: Home, now: datetime) -> list[Row]:
    """One row a market, in order of names: those with a file, and those with releases."""
    store = ReleaseStore(home.releases)
    names = set(market_files(home))
    if home.releases.is_dir():
        names |= {path.parent.name for path in home.releases.glob(f"*/{POINTER}")}
    return [_row(store, name, now) for name in sorted(names)]


def wait_line(wait: Wait, market: str, now: datetime) -> str:
    """What a person may do about a waiting release."""
    if wait.over(now):
        return f"waited      {wait.release} until {wait.until:%Y-%m-%d %H:%M} UTC: nobody approved"
    return (
        f"waiting     {wait.release} until {wait.until:%Y-%m-%d %H:%M} UTC:"
        f" carprice releases approve {wait.release} --market {market}"
    )


def _row(store: ReleaseStore, market: str, now: datetime) -> Row:
    """One market; what is broken of it is told in the row, and hides no other market."""
    found: dict[str, Any] = {}
    try:
        ledger = store.ledger(market)
        found |= {"last": _last(ledger), "waiting": tuple(waits(ledger))}
        pointer = store.pointer(market)
        if pointer is None:
            if problem := pointer_problem(store, market):
                found["problem"] = f"{problem}: run carprice releases repair --market {market}"
            return Row(market, now, **found)
        # A rollback's own facts have no decision: what was enforced stays so when it comes back.
        decision = next(
            (
                line.get("decision")
                for line in reversed(ledger)
                if line.get("event") == "promoted" and line.get("release") == pointer.release
            ),
            pointer.facts.get("decision"),
        )
        found |= {
            "release": pointer.release,
            "since": _moment(pointer.since),
            "overridden": override_told(decision),
        }
        release = store.open(market, pointer.release)
        head = release.head()
        figures = read_object(release.content / "figures.json").get("regressors", {})
        own = figures.get(head.champion, {}).get("figures", {})
        found |= {
            "regressor": head.champion,
            "currency": head.currency,
            "last_observed": head.last_observed,
            "r2": _value(own.get("r2")),
            "mae": _value(own.get("mae")),
        }
    except UserError as error:
        found["problem"] = str(error)
    return Row(market, now, **found)


def override_told(decision: Any) -> str:
    """Who enforced a promotion and why, from its decision in the ledger; empty where nobody."""
    override: Any = decision.get("override") if isinstance(decision, dict) else None
    if not isinstance(override, dict):
        return ""
    broken = ", ".join(map(str, override.get("broken", []))) or "none"
    return f"by {override.get('by')}: {override.get('reason')} (rules broken: {broken})"


def _last(ledger: Sequence[Mapping[str, Any]]) -> str:
    for line in reversed(ledger):
        if line.get("event") not in DECISIONS:
            continue
        decision: Any = line.get("decision") or {}
        broken = [r["rule"] for r in decision.get("reasons", []) if not r.get("passed")]
        told = f"{line['event']} {str(line.get('at', ''))[:16]} {line.get('release', '')}".rstrip()
        return f"{told} ({', '.join(broken[:4])})" if broken else told
    return ""


def _value(figure: Any) -> float | None:
    value: Any = figure.get("value") if isinstance(figure, dict) else figure
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if number else None


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _days(span: Any) -> str:
    return f"{span.total_seconds() / 86_400:.0f} days"
