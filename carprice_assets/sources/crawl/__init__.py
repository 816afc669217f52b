"""Visits to a site: polite, resumable, incremental.

:func:`crawl` runs one and leaves a journal; the ledger takes the journal in. Nothing here opens
the warehouse.
"""

from carprice_assets.sources.crawl.crawler import crawl
from carprice_assets.sources.crawl.journal import NAME as JOURNAL
from carprice_assets.sources.crawl.journal import Records, pending_journal, read
from carprice_assets.sources.crawl.known import Known
from carprice_assets.sources.crawl.lock import site_lock
from carprice_assets.sources.crawl.result import CrawlResult

__all__ = [
    "JOURNAL",
    "CrawlResult",
    "Known",
    "Records",
    "crawl",
    "pending_journal",
    "read",
    "site_lock",
]
