"""What the ledger knows of a site's listings, as the crawler is given it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True)
class Known:
    """One listing as the ledger knows it.

    Attributes
    ----------
    url
        Address of its detail page.
    fingerprint
        Of the card when the detail page was last fetched; '' where that is unknown.
    fetched
        Day of that fetch; None where there was none.
    delisted
        Whether it was found to be gone.
    """

    url: str
    fingerprint: str
    fetched: date | None
    delisted: bool
