"""The model card: what a release is, what it scored and what was decided."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from carprice_assets.releases.head import Head
from carprice_assets.releases.overview import override_told
from carprice_assets.releases.recipe import RECIPE, Recipe
from carprice_assets.releases.release import Release
from carprice_assets.releases.strict import read_object

FIGURES = ("rows", "r2", "r2_log", "rmse", "mae", "mape", "median_error")
SHARES = ("mileage_violations", "year_violations", "new_violations")


@dataclass(frozen=True)
class Table:
    """Cells as text; ``header`` is of blanks where the first column names what the others tell."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    @classmethod
    def of(cls, header: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
        """A table of these cells."""
        return cls(tuple(header), tuple(tuple(row) for row in rows))


@dataclass(frozen=True)
class Section:
    """A part of the card; the first has no title."""

    title: str
    text: str = ""
    table: Table | None = None


@dataclass(frozen=True)
class Card:
    """A model card before it is drawn.

    Attributes
    ----------
    overrides
        A warning for each promotion of the release against the rules.
    """

    release: str
    overrides: tuple[str, ...]
    sections: tuple[Section, ...]

    def to_markdown(self) -> str:
        """The card as Markdown."""
        parts = [f"# Release {self.release}"]
        parts += [f"> **OVERRIDDEN** {told}" for told in self.overrides]
        for section in self.sections:
            parts += [f"## {section.title}"] if section.title else []
            parts += [section.text] if section.text else []
            parts += [_markdown(section.table)] if section.table else []
        return "\n\n".join(parts) + "\n"


def model_card(release: Release, ledger: Sequence[Mapping[str, Any]]) -> str:
    """The card of ``release`` in Markdown; errors as :func:`card_of`."""
    return card_of(release, ledger).to_markdown()


def card_of(release: Release, ledger: Sequence[Mapping[str, Any]]) -> Card:
    """The card of ``release``, with the lines of its market's ``ledger`` that name it.

    Raises
    ------
    UserError
        Where a file that the card is made from is missing or broken.
    """
    head = release.head()
    provenance = release.provenance()
    reports = read_object(release.content / "figures.json").get("regressors", {})
    manifest = release.manifest()
    facts = {"staged at": provenance.staged_at, **provenance.facts}
    if RECIPE in facts:
        fits = Recipe.parse(facts, f"release {release.id}").fits.values()
        facts[RECIPE] = "; ".join(sorted(fit.told for fit in fits))
    decided = _decisions(release.id, ledger)
    sections = [
        Section("", table=_what(head, len(manifest.files), manifest.size)),
        Section(
            "Figures on the hold-out",
            f"Prices in {head.currency}; 95 % intervals by bootstrap in brackets.",
            _figures(reports, head.champion),
        ),
        *_by_stock_type(reports.get(head.champion, {})),
        Section("Behaviour", table=_behaviour(reports)),
        Section(
            "Limits",
            f"Made for the market {head.market}. Prices are asking prices as of"
            f" {head.last_observed.isoformat()} at the latest; a later day is valued as that one."
            + (
                f" A day before {head.first_observed.isoformat()}, the first with listings, is"
                " valued as that one too."
                if head.first_observed
                else ""
            ),
        ),
        Section(
            "Provenance",
            table=Table.of(("", ""), ((key, _text(value)) for key, value in sorted(facts.items()))),
        ),
        Section(
            "Decisions", "" if decided.rows else "None yet.", decided if decided.rows else None
        ),
    ]
    return Card(release.id, tuple(_overrides(release.id, ledger)), tuple(sections))


def _what(head: Head, files: int, size: int) -> Table:
    others = ", ".join(name for name in head.regressors if name != head.champion) or "none"
    rows = [
        ("market", head.market),
        ("units", f"{head.currency}, {head.distance}"),
        ("champion", head.champion),
        ("also carried", others),
        ("content", f"{files} files, {size:,} bytes"),
        *((f"data: {key}", _text(value)) for key, value in sorted(head.data.items())),
    ]
    return Table.of(("", ""), rows)


def _figures(reports: Mapping[str, Any], champion: str) -> Table:
    order = sorted(reports, key=lambda name: (name != champion, name))
    rows = [(name, *_cells(reports[name].get("figures", {}))) for name in order]
    rows += [("naive valuation", *_cells(reports[name].get("naive", {}))) for name in order[:1]]
    return Table.of(("", *FIGURES), rows)


def _by_stock_type(report: Mapping[str, Any]) -> list[Section]:
    kinds: Mapping[str, Any] = report.get("stock_types", {})
    if not kinds:
        return []
    rows: list[tuple[str, ...]] = []
    for kind, pair in kinds.items():
        rows.append((kind, *_cells(pair.get("figures", {}))))
        rows.append((f"{kind}, naive", *_cells(pair.get("naive", {}))))
    return [Section("By stock type", table=Table.of(("", *FIGURES), rows))]


def _behaviour(reports: Mapping[str, Any]) -> Table:
    rows = [
        (name, *(_number(report.get("behaviour", {}).get(share)) for share in SHARES))
        for name, report in sorted(reports.items())
    ]
    header = ("share of cars whose price", "rises with mileage", "rises with age", "is less as New")
    return Table.of(header, rows)


def _overrides(release_id: str, ledger: Sequence[Mapping[str, Any]]) -> list[str]:
    """A warning for each promotion of this release against the rules."""
    moves = [line for line in ledger if line.get("release") == release_id]
    told = ((line, override_told(line.get("decision"))) for line in moves)
    return [f"{why}, {line.get('at', '')}" for line, why in told if why]


def _decisions(release_id: str, ledger: Sequence[Mapping[str, Any]]) -> Table:
    lines = [line for line in ledger if release_id in (line.get("release"), line.get("replaced"))]
    rows: list[tuple[str, ...]] = []
    for line in (each for found in lines for each in _with_history(found)):
        event = str(line.get("event", ""))
        if line.get("release") != release_id:
            event = f"replaced by {line.get('release')} ({event})"
        rows.append((str(line.get("at", "")), event, why(line)))
    return Table.of(("at", "event", "why"), rows)


def _with_history(line: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """A line, before it those that a pack brought along from the ledger of another home."""
    known: list[Mapping[str, Any]] = []
    for brought in line.get("history", []):
        for each in _with_history(brought):
            event = str(each.get("event", "")).removesuffix(" (elsewhere)")
            known.append({**each, "event": f"{event} (elsewhere)"})
    return [*known, line]


def why(line: Mapping[str, Any]) -> str:
    """What a line of the ledger says of its reasons."""
    decision: Mapping[str, Any] = line.get("decision") or {}
    failed = [r["message"] for r in decision.get("reasons", []) if not r.get("passed")]
    held = len(decision.get("reasons", [])) - len(failed)
    parts = [f"by {line['by']}"] if line.get("by") else []
    parts += [str(line["reason"])] if line.get("reason") else []
    if told := override_told(decision):
        parts.append(f"overridden {told}")
    if approval := decision.get("approval"):
        parts.append(f"approved by {approval.get('by')}")
    if line.get("until"):
        parts.append(f"until {line['until']}")
    parts += failed
    if held:
        parts.append(f"{held} rules hold")
    return "; ".join(parts)


def _cells(figures: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(_number(figures.get(name)) for name in FIGURES)


def _number(value: Any) -> str:
    if isinstance(value, Mapping):
        middle, low, high = (_number(value.get(key)) for key in ("value", "low", "high"))
        return middle if "–" in (low, high) else f"{middle} ({low} to {high})"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "–"
    return f"{value:,.0f}" if abs(value) >= 100 or isinstance(value, int) else f"{value:.4f}"


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)


def _markdown(table: Table) -> str:
    lines = [table.header, ("---",) * len(table.header), *table.rows]
    return "\n".join("| " + " | ".join(map(_escaped, line)) + " |" for line in lines)


def _escaped(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")
