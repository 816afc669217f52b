"""Settings of a market's bargains."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from carprice_assets.errors import UserError

DIRECTION = re.compile(r"[a-z][a-z0-9_]*[+-]")


@dataclass(frozen=True)
class BargainRules:
    """What a market counts as a bargain, and when its detector may be used.

    Attributes
    ----------
    direction
        How a bargain departs from what the rest of the listing implies: names of encoded
        features with their sign, of which ``price-`` is the reference's "price lower than the
        rest implies, all else as expected".
    limit
        Bargains in a list, at most; as many may stand apart.
    min_saving
        Share of the expected price that a bargain saves, at least.
    too_cheap
        Share of the expected price below which an offer is more likely an error or a fraud.
    very_cheap
        Share of the expected price below which an offer carries the doubt that it may be one.
    like_comparables
        Share of the median asking price of near comparables on sale from which on an offer is not
        obviously a bargain.
    stale_days
        Days before the market's last day from which on a listing that was not seen again counts
        as no longer current.
    epochs
        Passes of an autoencoder over the training cars; small markets get more.
    max_reconstruction, max_price_error
        Largest share of the variance of all inputs, and of the log price alone, that an
        autoencoder may leave unexplained on the hold-out.
    min_holdout
        Hold-out cars below which an autoencoder cannot be judged and takes no part.
    max_detector_loss
        Relative amount by which its reconstruction error may exceed that of the autoencoder of
        the same name in the release that serves.
    webhook
        Address that new bargains are posted to, as JSON; empty for none.
    """

    direction: tuple[str, ...] = ("price-",)
    limit: int = 100
    min_saving: float = 0.08
    too_cheap: float = 0.5
    very_cheap: float = 0.6
    like_comparables: float = 0.92
    stale_days: int = 14
    epochs: int = 30
    max_reconstruction: float = 0.6
    max_price_error: float = 0.5
    min_holdout: int = 100
    max_detector_loss: float = 0.02
    webhook: str = ""

    def check(self, where: str) -> None:
        """Refuse settings that describe no list.

        Raises
        ------
        UserError
            Naming the key.
        """
        if not self.direction or not all(DIRECTION.fullmatch(each) for each in self.direction):
            raise UserError(f"{where}: bargains.direction must name features with + or -: 'price-'")
        if not 1 <= self.epochs <= 1_000:
            raise UserError(f"{where}: bargains.epochs must be from 1 to 1,000")
        if not 1 <= self.limit <= 1_000:
            raise UserError(f"{where}: bargains.limit must be from 1 to 1,000")
        for name in ("min_saving", "too_cheap", "very_cheap"):
            if not 0 < getattr(self, name) < 1:
                raise UserError(f"{where}: bargains.{name} must be between 0 and 1")
        if self.min_saving + self.too_cheap >= 1:
            raise UserError(
                f"{where}: bargains.min_saving {self.min_saving:g} and bargains.too_cheap"
                f" {self.too_cheap:g} leave no price for a bargain: together they must be below 1"
            )
        if not 0 < self.like_comparables <= 2:
            raise UserError(f"{where}: bargains.like_comparables must be above 0 and at most 2")
        for name in (
            "stale_days",
            "max_reconstruction",
            "max_price_error",
            "max_detector_loss",
            "min_holdout",
        ):
            if getattr(self, name) < 0:
                raise UserError(f"{where}: bargains.{name} must not be below 0")
        if self.webhook:
            parts = urlsplit(self.webhook)
            if parts.scheme not in ("http", "https") or not parts.hostname:
                raise UserError(f"{where}: bargains.webhook must be an http or https address")
