"""What follows from a judgement: promotion, a wait, a refusal; and the two ways of a person."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from carprice_assets.errors import UserError
from carprice_assets.markets.promotion import PromotionRules
from carprice_assets.releases.approvals import (
    APPROVED,
    OVERRIDDEN,
    REFUSED,
    Wait,
    begin,
    require_wait,
)
from carprice_assets.releases.decision import Decision
from carprice_assets.releases.store import Conflict, ReleaseStore


@dataclass(frozen=True)
class Judged:
    """A decision on a release of a market: against ``champion``, which served then, in a run."""

    market: str
    release: str
    decision: Decision
    champion: str | None
    run: str

    @property
    def told(self) -> Decision:
        """The decision with its run, as it stands in the ledger."""
        return self.decision.with_facts(run=self.run)

    def line(self, event: str, **more: Any) -> dict[str, Any]:
        """A line of the ledger."""
        facts = {"release": self.release, "champion": self.champion, "run": self.run}
        return {"event": event, **facts, **more}


@dataclass(frozen=True)
class Settled:
    """How a judgement ended; ``wait`` where the release waits for approval."""

    status: Literal["promoted", "refused", "waiting"]
    decision: Decision
    wait: Wait | None = None

    @property
    def line(self) -> str:
        """One line for logs and metadata."""
        if self.wait is None:
            return self.decision.line
        held = len(self.decision.reasons)
        return f"waiting for approval until {self.wait.until:%Y-%m-%d %H:%M} UTC: {held} rules hold"


def settle(store: ReleaseStore, judged: Judged, rules: PromotionRules, now: datetime) -> Settled:
    """Promote the release, let it wait for approval, or record its refusal.

    Raises
    ------
    Conflict
        Where another release than ``judged.champion`` serves by now.
    """
    market, release, decision = judged.market, judged.release, judged.told
    if decision.status != "promoted":
        refuse(store, judged)
        return Settled("refused", decision)
    if rules.approval == "manual":
        days = rules.approval_days
        wait = begin(store, market, release, decision, days=days, now=now, run=judged.run)
        return Settled("waiting", decision, wait)
    store.promote(market, release, judged.champion, decision)
    return Settled("promoted", decision)


def refuse(store: ReleaseStore, judged: Judged, event: str = REFUSED) -> None:
    """Record a refusal, or that a release was judged and nothing followed."""
    store.record(judged.market, judged.line(event, decision=judged.told.to_json()))


def approve(store: ReleaseStore, judged: Judged, *, by: str, now: datetime) -> Settled:
    """Promote a release that waits. The decision is of now: an approval lifts no rule.

    Raises
    ------
    Conflict
        Where another release than ``judged.champion`` serves by now.
    UserError
        Where it does not wait, its wait is over, or it passes no longer.
    """
    market, release = judged.market, judged.release
    wait = require_wait(store, market, release, now)
    if judged.decision.status != "promoted":
        refuse(store, judged)
        raise UserError(
            f"market {market}: release {release} passes no longer: {judged.decision.line}"
        )
    since = wait.since.isoformat(timespec="seconds")
    store.record(market, judged.line(APPROVED, by=by))
    decision = judged.told.with_facts(approval={"by": by, "waited_since": since})
    store.promote(market, release, judged.champion, decision)
    return Settled("promoted", decision)


def override(store: ReleaseStore, judged: Judged, *, by: str, reason: str) -> Settled:
    """Promote a release whatever the rules say; who and why stand in the ledger for ever.

    The promotion's own line carries them too, so that a kill between the two loses nothing. A
    damaged release is refused all the same.

    Raises
    ------
    Conflict
        Where another release than ``judged.champion`` serves by now, or this very one.
    UserError
        Without a reason, or where the release is missing or damaged.
    """
    market, release = judged.market, judged.release
    told = " ".join(reason.split())
    if not told:
        raise UserError("an override needs a reason")
    if store.champion(market) == release:
        raise Conflict(f"market {market}: release {release} serves already")
    if problems := store.verify(store.open(market, release)):
        raise UserError(f"release {release} in the store is refused: {problems[0]}")
    said = {"by": by, "reason": told, "decision": judged.decision.to_json()}
    store.record(market, judged.line(OVERRIDDEN, **said))
    enforced = judged.told.overridden(by, told)
    store.promote(market, release, judged.champion, enforced)
    return Settled("promoted", enforced)
