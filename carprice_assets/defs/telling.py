"""What a command tells at a terminal: progress while a run goes on, a summary at its end."""

from __future__ import annotations

import logging
import textwrap
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import dagster as dg

from carprice_assets.defs.launch import Outcome
from carprice_assets.home import Home
from carprice_assets.listings.rejections import REASONS
from carprice_assets.markets.market import SIDES

if TYPE_CHECKING:
    from carprice_assets.releases.release import Release

FAILURES = {"STEP_FAILURE", "STEP_SKIPPED", "STEP_UP_FOR_RETRY", "PIPELINE_FAILURE"}
"""Events that the last line of a command tells better."""

WIDTH = 118
SEVERITY = {"WARN": "warning", "ERROR": "failed"}


def import_summary(market: str, outcome: Outcome) -> list[str]:
    """What a scrape or an import brought, and the checks that did not pass, as lines."""
    lines = listing_lines(market, outcome)
    if listed := outcome.facts.get("bargains"):
        told = f"of {listed['offers']:,} current offers: carprice bargains -m {market}"
        lines.append(f"bargains    {listed['row_count']:>10,}  {told}")
    lines += _failed_checks(outcome)
    if outcome.success:
        lines.append(f"took        {outcome.seconds:>10.1f}  s of work, process start apart")
    return lines


def listing_lines(market: str, outcome: Outcome) -> list[str]:
    """What a scrape or an import read, and what became of the market's raw rows, as lines."""
    raw, listings, rejected, dataset = (
        outcome.facts.get(name, {})
        for name in ("raw_listings", "listings", "rejected_listings", "dataset")
    )
    lines = _crawls(market, raw)
    if raw:
        lines.append(
            f"rows        {raw['rows_read']:>10,}  read: {raw['rows_new']:,} new,"
            f" {raw['rows_known']:,} taken in before"
        )
    if raw and listings and rejected:
        lines += [
            f"raw rows    {raw['row_count']:>10,}  of market {market} in all, which are:",
            f"listings    {listings['row_count']:>10,}",
            *_own_features(listings),
            f"superseded  {listings['superseded']:>10,}  by a later scrape of the same listing",
            f"rejected    {rejected['row_count']:>10,}",
            *_reasons(rejected.get("reason_counts", {})),
        ]
    if dataset:
        counts = ", ".join(f"{side} {dataset[side]:,}" for side in (*SIDES, "set_aside"))
        lines += [
            f"vehicles    {dataset['vehicles']:>10,}  last seen {dataset['last_observed']}",
            f"sides       {counts.replace('_', ' ')}",
        ]
    return lines


def _own_features(listings: Mapping[str, Any]) -> list[str]:
    """Of how many listings each feature of the market's own is known."""
    return [
        f"            {rows:>10,}  with {name}"
        for name, rows in listings.get("own_feature_counts", {}).items()
    ]


def _crawls(market: str, raw: Mapping[str, Any]) -> list[str]:
    """What each crawl of a run saw, and how it ended."""
    lines: list[str] = []
    for name, state in raw.get("crawl_states", {}).items():
        reason = raw["crawl_reasons"][name]
        lines += _folded(f"crawl       {name}: {state}{': ' + reason if reason else ''}", 12)
    if lines:
        lines += [
            f"cards       {raw['listings_seen']:>10,}  in {raw['requests']:,} requests:"
            f" {raw['listings_new']:,} new, {raw['listings_changed']:,} changed,"
            f" {raw['listings_aged']:,} aged, {raw['listings_unchanged']:,} unchanged",
            f"delisted    {raw['listings_delisted']:>10,}  of {raw['listings_missing']:,} known"
            " listings without a card",
        ]
        if left := raw["listings_failed"] + raw["listings_pending"]:
            shown = " ".join(raw["crawl_states"])
            lines.append(
                f"unfetched   {left:>10,}  pages: carprice crawls show -m {market} {shown}"
            )
    return lines


def _reasons(counts: Mapping[str, int]) -> list[str]:
    lines = (f"  {rows:>20,}  {code}: {REASONS[code]}" for code, rows in counts.items())
    return [part for line in lines for part in _folded(line, 24)]


def _failed_checks(outcome: Outcome) -> list[str]:
    """One line a check that did not pass; the decision tells of the promotion rules."""
    lines = [
        part
        for check in outcome.checks
        if check.name != "promotion_rules"
        for part in _folded(
            f"{SEVERITY[check.severity]:<11} {check.asset}, {check.name}: {check.told}", 12
        )
    ]
    return ["", *lines] if lines else []


def _folded(line: str, indent: int) -> list[str]:
    """``line`` in pieces that fit a terminal."""
    return textwrap.wrap(
        line, WIDTH, subsequent_indent=" " * indent, break_long_words=False, break_on_hyphens=False
    )


def training_summary(home: Home, market: str, outcome: Outcome) -> list[str]:
    """The leaderboard, the checks that did not pass, the decision and the champion, as lines."""
    from carprice_assets.artifacts import ArtifactStore
    from carprice_assets.files import read_json
    from carprice_assets.releases.store import ReleaseStore

    lines: list[str] = []
    if "leaderboard" in outcome.facts:
        reference = read_json(home.artifacts / "refs" / "leaderboard" / f"{market}.json")
        board = ArtifactStore(home.artifacts).get(reference["address"])
        text = (board.path / "leaderboard.txt").read_text(encoding="utf-8")
        lines += ["", *text.rstrip().splitlines()]
    lines += _failed_checks(outcome)
    if lines:
        lines.append("")
    store = ReleaseStore(home.releases)
    staged, serving = outcome.facts.get("challenger", {}), store.champion(market)
    if staged:
        told = f"challenger  {staged['release']}  {staged['regressor']}"
        lines.append(f"{told}, {staged['bytes'] / 1e6:.1f} MB")
        if left := _left_out(store.open(market, staged["release"])):
            lines += _folded(
                f"left out    {', '.join(left)}: alone each breaks an absolute rule", 12
            )
    if "champion" in outcome.facts:
        lines += _folded(f"decision    {outcome.facts['champion']['decision']}", 12)
    elif outcome.success and staged and staged["release"] == serving:
        lines.append("decision    none: this very release serves already")
    elif staged:
        refusal = _refusal(store.ledger(market), staged["release"])
        lines += _folded(f"decision    {refusal}", 12)
    lines.append(f"champion    {serving or 'none'}")
    lines.append(f"took        {outcome.seconds:.0f} s")
    return lines


def _left_out(release: Release) -> list[str]:
    """Regressors that were judged with the challenger and are not in its release."""
    from carprice_assets.releases.recipe import RECIPE

    judged = release.provenance().facts.get(RECIPE, {}).get("judged", {})
    return sorted({*judged} - {*release.head().regressors})


def _refusal(ledger: list[dict[str, Any]], release: str) -> str:
    """What became of ``release`` at the gate last: it waits, or the rules that it broke."""
    for line in reversed(ledger):
        if line.get("release") != release:
            continue
        if line["event"] == "waiting":
            return f"waiting for approval until {line['until'][:16]} UTC"
        if line["event"] == "expired":
            return "none: its wait for approval is over"
        if line["event"] == "refused":
            broken = [r["message"] for r in line["decision"]["reasons"] if not r["passed"]]
            return "refused: " + "; ".join(broken)
    return "none: the run ended before it"


def _plain_logger(_: dg.InitLoggerContext) -> logging.Logger:
    """A logger for people at a terminal: progress and warnings of assets on standard error."""
    handler = logging.StreamHandler()
    handler.setFormatter(PlainFormatter())
    handler.addFilter(worth_telling)
    logger = logging.Logger("carprice", logging.INFO)
    logger.addHandler(handler)
    return logger


plain_logger = dg.LoggerDefinition(
    _plain_logger, config_schema={}, description="One line a message, without Dagster's own head."
)


def worth_telling(record: logging.LogRecord) -> bool:
    """False for Dagster's own words on a failure, which the command's last line tells."""
    event = getattr(record, "dagster_meta", {}).get("dagster_event")
    if event is not None:
        return event.event_type_value not in FAILURES
    message = record.getMessage()
    return not (message.endswith("Not executing.") or message.startswith("Skipping step "))


class PlainFormatter(logging.Formatter):
    """Keeps the step and the message."""

    def format(self, record: logging.LogRecord) -> str:
        """``step  message``, in one line."""
        meta = getattr(record, "dagster_meta", {})
        step = meta.get("step_key") or ""
        message = meta.get("orig_message") or record.getMessage()
        return f"{step:<22} {message}"
