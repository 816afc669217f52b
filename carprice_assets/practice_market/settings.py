"""What can be set of a practice market."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from datetime import date


@dataclass(frozen=True, slots=True)
class DirtRates:
    """Shares of listings, 0 to 1, whose payload shows a fault.

    Faults of different fields are drawn apart; those of one field exclude each other.

    Attributes
    ----------
    price_null, price_phrase
        Without a price: null, or the words "Not Priced".
    price_absurd
        A price of 1 or of 1234567.
    money_format
        Price or MSRP as "$24,000".
    msrp_null_new, msrp_zero_new
        New cars without an MSRP: null, or "0".
    msrp_shown_old, msrp_zero_old
        Used and certified cars with an MSRP, or with "0"; the others have null.
    mileage_shown_new
        New cars with a mileage; the others have null.
    mileage_null_old, mileage_absurd, mileage_format
        Used and certified cars: null, "9999999", or "30,384 mi.".
    year_absurd
        A year of 1901 or 3000.
    name_noise
        Make in capitals, in lower case or with spaces around it; model or trim with spaces.
    make_alias
        "VW" or "Chevy", among the makes that have one.
    vocabulary
        Another word for the same drivetrain or fuel type.
    plug_in_vocabulary
        Another word for a plug-in hybrid.
    color_absent
        A colour of "" or null; for the interior three times as many.
    interior_short
        Interior colour abbreviated ("Bk").
    field_absent
        Null or "" in any one of VIN, trim, bodystyle, cat, fuel type, drivetrain, dealer's ZIP.
    repeated
        Listings that one scrape meets twice.
    """

    price_null: float = 0.014
    price_phrase: float = 0.006
    price_absurd: float = 0.003
    money_format: float = 0.04
    msrp_null_new: float = 0.18
    msrp_zero_new: float = 0.07
    msrp_shown_old: float = 0.02
    msrp_zero_old: float = 0.20
    mileage_shown_new: float = 0.15
    mileage_null_old: float = 0.01
    mileage_absurd: float = 0.002
    mileage_format: float = 0.05
    year_absurd: float = 0.003
    name_noise: float = 0.02
    make_alias: float = 0.03
    vocabulary: float = 0.12
    plug_in_vocabulary: float = 0.5
    color_absent: float = 0.015
    interior_short: float = 0.05
    field_absent: float = 0.006
    repeated: float = 0.03

    def __post_init__(self) -> None:
        """Raise ValueError for a share outside 0 to 1."""
        for name in (each.name for each in fields(self)):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name}: a share lies between 0 and 1")

    @classmethod
    def none(cls) -> DirtRates:
        """Rates of a market whose payloads show every car as it is."""
        clean = {each.name: 0.0 for each in fields(cls)}
        return cls(**(clean | {"msrp_shown_old": 1.0, "mileage_shown_new": 1.0}))


@dataclass(frozen=True, slots=True)
class Settings:
    """One practice market; the same settings give the same market.

    Attributes
    ----------
    seed
        Seed of all that is drawn, 0 or more.
    size
        Listings on sale at a time, on average.
    start
        Date of day 0.
    days
        Days that the market lasts, from 0 to `days - 1`. A longer market begins like a shorter one.
    new_share, used_share
        Shares of the stock; the rest is certified.
    mean_days_listed
        Mean days from a listing's first day to its last.
    repost_share
        Listings that come back under another listing id, among those that end.
    bargain_share
        Planted bargains among used and certified cars.
    bargain_cut
        Smallest and largest share by which a planted bargain's price is lowered.
    noise_new, noise_used, noise_certified
        Standard deviation of the log of asking price over true value.
    dirt
        How faulty the payloads are.
    """

    seed: int = 7
    size: int = 2500
    start: date = date(2026, 1, 5)
    days: int = 366
    new_share: float = 0.45
    used_share: float = 0.45
    mean_days_listed: float = 45.0
    repost_share: float = 0.08
    bargain_share: float = 0.02
    bargain_cut: tuple[float, float] = (0.20, 0.35)
    noise_new: float = 0.018
    noise_used: float = 0.045
    noise_certified: float = 0.035
    dirt: DirtRates = field(default_factory=DirtRates)

    def __post_init__(self) -> None:
        """Raise ValueError for settings that describe no market."""
        low, high = self.bargain_cut
        rules = {
            "seed": self.seed >= 0,
            "size": 1 <= self.size <= 500_000,
            "days": 1 <= self.days <= 10_000,
            "new_share, used_share": min(self.new_share, self.used_share) >= 0
            and self.new_share + self.used_share <= 1,
            "mean_days_listed": self.mean_days_listed >= 1,
            "repost_share": 0 <= self.repost_share <= 1,
            "bargain_share": 0 <= self.bargain_share <= 1,
            "bargain_cut": 0 <= low <= high < 1,
            "noise": min(self.noise_new, self.noise_used, self.noise_certified) >= 0,
        }
        broken = [name for name, holds in rules.items() if not holds]
        if broken:
            raise ValueError(f"out of bounds: {', '.join(broken)}")
