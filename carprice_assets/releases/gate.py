"""What follows from a judgement: promotion, a wait, a refusal; and the two ways of a person."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from carprice_assets.errors import UserError
from carprice_assets.markets import Market
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


def settle(
    store: ReleaseStore,
    market: Market,
    release: str,
    decision: Decision,
    *,
    champion: str | None,
    now: datetime,
    run: str,
) -> Settled:
    """Promote ``release``, let it wait for approval, or record its refusal.

    Raises
    ------
    Conflict
        Where another release than ``champion`` serves by now.
    """
    decision = decision.with_facts(run=run)
    if decision.status != "promoted":
        refuse(store, market.name, release, decision, champion=champion, run=run)
        return Settled("refused", decision)
    if market.promotion.approval == "manual":
        days = market.promotion.approval_days
        wait = begin(store, market.name, release, decision, days=days, now=now, run=run)
        return Settled("waiting", decision, wait)
    store.promote(market.name, release, champion, decision)
    return Settled("promoted", decision)


def refuse(
    store: ReleaseStore,
    market: str,
    release: str,
    decision: Decision,
    *,
    champion: str | None,
    run: str,
    event: str = REFUSED,
) -> None:
    """Record a refusal, or that a release was judged and nothing followed."""
    line = {"event": event, "release": release, "champion": champion, "run": run}
    store.record(market, {**line, "decision": decision.to_json()})


def approve(
    store: ReleaseStore,
    market: Market,
    release: str,
    decision: Decision,
    *,
    champion: str | None,
    by: str,
    now: datetime,
    run: str,
) -> Settled:
    """Promote a release that waits. ``decision`` is of now: an approval lifts no rule.

    Raises
    ------
    Conflict
        Where another release than ``champion`` serves by now.
    UserError
        Where it does not wait, its wait is over, or it passes no longer.
    """
    wait = require_wait(store, market.name, release, now)
    if decision.status != "promoted":
        refuse(store, market.name, release, decision, champion=champion, run=run)
        raise UserError(
            f"market {market.name}: release {release} passes no longer: {decision.line}"
        )
    since = wait.since.isoformat(timespec="seconds")
    store.record(market.name, {"event": APPROVED, "release": release, "by": by, "run": run})
    decision = decision.with_facts(run=run, approval={"by": by, "waited_since": since})
    store.promote(market.name, release, champion, decision)
    return Settled("promoted", decision)


def override(
    store: ReleaseStore,
    market: str,
    release: str,
    decision: Decision,
    *,
    champion: str | None,
    by: str,
    reason: str,
    run: str,
) -> Settled:
    """Promote a release whatever the rules say; who and why stand in the ledger for ever.

    The promotion's own line carries them too, so that a kill between the two loses nothing. A
    damaged release is refused all the same.

    Raises
    ------
    Conflict
        Where another release than ``champion`` serves by now, or this very one.
    UserError
        Without a reason, or where the release is missing or damaged.
    """
    told = " ".join(reason.split())
    if not told:
        raise UserError("an override needs a reason")
    if store.champion(market) == release:
        raise Conflict(f"market {market}: release {release} serves already")
    if problems := store.verify(store.open(market, release)):
        raise UserError(f"release {release} in the store is refused: {problems[0]}")
    enforced = decision.with_facts(run=run).overridden(by, told)
    line = {"event": OVERRIDDEN, "release": release, "champion": champion, "run": run}
    said = {"by": by, "reason": told, "decision": decision.to_json()}
    store.record(market, {**line, **said})
    store.promote(market, release, champion, enforced)
    return Settled("promoted", enforced)
