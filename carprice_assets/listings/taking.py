"""Taking a crawl's journal into the warehouse: one transaction, and the same journal once."""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from carprice_assets.errors import UserError
from carprice_assets.files import fsync_folder
from carprice_assets.listings import crawls, drift, journals, raw, sightings
from carprice_assets.listings.collapse import Collapse
from carprice_assets.listings.crawls import HELD, Crawl
from carprice_assets.listings.drift import Drift
from carprice_assets.listings.journals import COMPLETE, UNENDED, Head, Lines
from carprice_assets.listings.warehouse import transaction
from carprice_assets.markets import Market
from carprice_assets.sources import UNREADABLE, find_format
from carprice_assets.sources.crawl.journal import HELD_FOLDER

if TYPE_CHECKING:
    import duckdb

WORK = ".taking-"
SAMPLE = 5
TEMPORARY = ("journal", "crawled", "cards", "states")


@dataclass(frozen=True)
class NewListing:
    """One of the listings that a crawl found, as its page shows it."""

    listing_id: str
    url: str
    title: str
    price: str


@dataclass(frozen=True)
class Taken:
    """What one journal brought.

    Attributes
    ----------
    crawl
        As the ledger has it now; ``crawl.state`` is ``held`` where its layout has drifted.
    rows_read, rows_new, rows_known
        Raw rows in the journal; those that were added; those that were there before.
    total, data_version
        Of the market's raw listings afterwards.
    delisted
        Listings of the site newly known to be gone.
    sample
        Up to five new listings.
    held_file
        Where the offers of a held crawl lie, to be taken in by ``carprice import``.
    """

    crawl: Crawl
    rows_read: int
    rows_new: int
    rows_known: int
    total: int
    data_version: str
    delisted: int
    drift: Drift
    collapse: Collapse
    sample: tuple[NewListing, ...] = ()
    held_file: Path | None = None

    @property
    def state(self) -> str:
        """The crawl's state in the ledger."""
        return self.crawl.state

    @property
    def held(self) -> bool:
        """Whether the layout has drifted: no rows and no sightings were taken in."""
        return self.crawl.state == HELD

    @property
    def ended(self) -> bool:
        """Whether nothing will be added to the journal, so that :func:`finish` is due."""
        return self.crawl.own_state not in UNENDED


def take_in(con: duckdb.DuckDBPyConnection, market: Market, journal: Path) -> Taken:
    """Take a journal into ``crawls``, ``pages``, ``raw_listings`` and ``sightings``.

    All in one transaction; the same journal again changes nothing, and one that has grown since
    adds what is new. The journal is left as it is: :func:`finish` removes it. The caller holds
    the site's lock.

    A crawl whose rows show a changed layout is held: its crawl and pages alone are recorded,
    and its offers are kept as ``held/<crawl id>.jsonl`` beside the journal, in the form that
    ``carprice import`` reads. What was taken in of it before stays.

    Raises
    ------
    UserError
        Where the journal is missing, damaged, of another market, in an unknown format, or bears
        the id of another crawl; the warehouse stays as it was.
    """
    head = journals.read_head(journal)
    if head.market != market.name:
        raise UserError(f"{journal}: is of market {head.market}, not {market.name}")
    find_format(head.format)
    for left in journal.parent.glob(f"{WORK}*"):  # by a process that was killed
        shutil.rmtree(left)
    with tempfile.TemporaryDirectory(prefix=WORK, dir=journal.parent) as folder:
        work = Path(folder)
        try:
            with transaction(con), journals.whole_lines(journal, work) as lines:
                taken = _take(con, market, journal, head, lines, work)
        finally:
            raw.drop_incoming(con)
            for table in TEMPORARY:
                con.execute(f"DROP TABLE IF EXISTS temp.{table}")
    if not taken.held:  # it may have been while it had fewer rows
        _held_file(journal, head).unlink(missing_ok=True)
    return taken


def _held_file(journal: Path, head: Head) -> Path:
    return journal.parent / HELD_FOLDER / f"{head.crawl_id}.jsonl"


def _take(
    con: duckdb.DuckDBPyConnection,
    market: Market,
    journal: Path,
    head: Head,
    lines: Lines,
    work: Path,
) -> Taken:
    _refuse_other(con, journal, head)
    journals.read_lines(con, journal, lines)
    offers = work / "offers.jsonl"
    count = journals.write_offers(con, lines, head, offers, unreadable=False)
    if count:
        raw.read_incoming(con, market, head.format, offers)
    drifted = drift.measure(con, market, head, rows=count > 0)
    crawl, collapsed = crawls.describe(con, head, drifted)
    held_file = _held_file(journal, head)
    sample: tuple[NewListing, ...] = ()
    read = new = delisted = 0
    if drifted.broken:
        read = count
        if count:
            _keep(offers, held_file)
    else:
        if count:
            sample = _sample(con, market, head)
            read, new = raw.insert_incoming(con, market)
        if journals.write_offers(con, lines, head, offers, unreadable=True):
            raw.read_incoming(con, market, UNREADABLE, offers)
            more_read, more_new = raw.insert_incoming(con, market)
            read, new = read + more_read, new + more_new
        believe = crawl.own_state == COMPLETE and crawl.search_complete and not crawl.collapsed
        delisted = sightings.update(con, head, believe_absence=believe)
    crawls.record(con, crawl)
    return Taken(
        crawl=crawl,
        rows_read=read,
        rows_new=new,
        rows_known=0 if drifted.broken else read - new,
        total=raw.count_rows(con, market.name),
        data_version=raw.data_version(con, market.name),
        delisted=delisted,
        drift=drifted,
        collapse=collapsed,
        sample=sample,
        held_file=held_file if drifted.broken and count else None,
    )


def _refuse_other(con: duckdb.DuckDBPyConnection, journal: Path, head: Head) -> None:
    """Raise a UserError where the ledger knows the journal's id as that of another crawl."""
    found = con.execute(
        "SELECT started_at FROM crawls WHERE market = $market AND site = $site"
        " AND crawl_id = $crawl AND started_at <> $started",
        {
            "market": head.market,
            "site": head.site,
            "crawl": head.crawl_id,
            "started": head.started,
        },
    ).fetchall()
    if found:
        raise UserError(
            f"{journal}: begun {head.started:%Y-%m-%d %H:%M:%S} UTC as {head.crawl_id}, which in"
            f" the ledger is another crawl, begun {found[0][0]:%Y-%m-%d %H:%M:%S}"
        )


def _sample(con: duckdb.DuckDBPyConnection, market: Market, head: Head) -> tuple[NewListing, ...]:
    rows = f"""(
      SELECT incoming.* FROM incoming SEMI JOIN fresh ON incoming.rowid = fresh.place
      SEMI JOIN (SELECT listing_id FROM crawled WHERE why = 'new') AS found USING (listing_id)
      ORDER BY seq, row_hash LIMIT {SAMPLE})"""
    raw_fields = find_format(head.format).extract(market).select(rows, "listing_id, url, seq")
    found = con.execute(
        f"""
        SELECT listing_id, coalesce(url, ''),
          coalesce(title_text,
            concat_ws(' ', year_text, make_text, model_text, model_trim_text, trim_text)),
          coalesce(price_text, '')
        FROM ({raw_fields}) ORDER BY seq, listing_id
        """
    ).fetchall()
    return tuple(NewListing(*row) for row in found)


def _keep(offers: Path, target: Path) -> None:
    """Move the offers to ``target`` for good, before the transaction says that they are held."""
    target.parent.mkdir(exist_ok=True)
    with offers.open("rb") as file:
        os.fsync(file.fileno())
    os.replace(offers, target)
    fsync_folder(target.parent)


def finish(journal: Path) -> None:
    """Remove the journal of a crawl that ended, once it is taken in; nothing where it is gone.

    Raises
    ------
    ValueError
        Where the crawl has not ended: its journal is still needed.
    """
    if not journal.exists():
        return
    if not journals.has_ended(journal):
        raise ValueError(f"{journal}: its crawl has not ended")
    journal.unlink()
    fsync_folder(journal.parent)
