"""A decision: whether a challenger may serve, with a reason for every rule."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

from carprice_assets.releases.facts import Figure, jsonable


@dataclass(frozen=True)
class Reason:
    """One rule's outcome: ``figure`` against ``limit``, told in ``message``.

    ``rule`` is the rule's name, with what it was applied to behind a colon (``naive:New``).
    """

    rule: str
    passed: bool
    absolute: bool
    figure: Figure
    limit: Figure
    message: str


@dataclass(frozen=True)
class Decision:
    """Whether a challenger serves; ``reasons`` holds every rule, passed or not.

    ``facts`` stand beside the reasons in the ledger: run, hold-out, approval, override.
    """

    status: Literal["promoted", "refused"]
    reasons: tuple[Reason, ...]
    facts: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @property
    def failed(self) -> tuple[Reason, ...]:
        """The reasons of a refusal."""
        return tuple(reason for reason in self.reasons if not reason.passed)

    @property
    def absolute_broken(self) -> bool:
        """True where an absolute rule is broken or cannot be judged.

        A refusal without it means that the champion is simply still better.
        """
        return any(reason.absolute for reason in self.failed)

    @property
    def line(self) -> str:
        """The decision in one line."""
        if override := self.facts.get("override"):
            told = f"{self.status} by override of {override['by']} ({override['reason']})"
            broken = "; ".join(reason.message for reason in self.failed)
            return f"{told}, against: {broken}" if broken else f"{told}; all rules hold"
        if not self.failed:
            return f"{self.status}: all {len(self.reasons)} rules hold"
        return f"{self.status}: " + "; ".join(reason.message for reason in self.failed)

    def with_facts(self, **facts: Any) -> Decision:
        """The same decision with more facts."""
        return replace(self, facts={**self.facts, **facts})

    def overridden(self, by: str, reason: str) -> Decision:
        """The promotion that ``by`` enforces; the broken rules stay in it as they are."""
        told = {"by": by, "reason": reason, "broken": [each.rule for each in self.failed]}
        return replace(self.with_facts(override=told), status="promoted")

    def to_json(self) -> dict[str, Any]:
        """JSON for the ledger; NaN becomes null."""
        reasons = [jsonable(asdict(reason)) for reason in self.reasons]
        return {"status": self.status, "reasons": reasons, **jsonable(self.facts)}


def unjudged(problem: str) -> Decision:
    """The refusal of a release that has no scorecard, such as one that cannot be loaded."""
    return Decision("refused", (Reason("judged", False, True, None, None, problem),))
