"""Names that are made, not drawn: listing ids and vehicle identification numbers (VINs)."""

from __future__ import annotations

import hashlib
import uuid

VIN_ALPHABET = "0123456789ABCDEFGHJKLMNPRSTUVWXYZ"
"""Characters of a VIN: no I, O or Q."""

_YEAR_CODES = "ABCDEFGHJKLMNPRSTVWXY123456789"
_FIRST_CODED_YEAR = 2010
_WEIGHTS = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)
_VALUES = dict(zip(VIN_ALPHABET, map(int, "012345678912345678123457923456789"), strict=True))

_BASE = len(VIN_ALPHABET)
BATCHES = _BASE**3
"""Number of batches that `vin` can tell apart."""
CARS_PER_BATCH = 1_000_000
"""Number of cars of one batch that `vin` can tell apart."""

_BATCH_STRIDE = 7_919
_CAR_STRIDE = 618_033


def listing_id(*key: int) -> str:
    """Make a listing id of the shape of a random UUID; the same key gives the same id.

    Examples
    --------
    >>> listing_id(7, 0, 0, 0)
    '8e650994-d1de-445f-94a7-7f2ade36a700'
    """
    digest = hashlib.blake2b(repr(key).encode(), digest_size=16).digest()
    return str(uuid.UUID(bytes=digest, version=4))


def vin(wmi: str, model_number: int, year: int, batch: int, car: int) -> str:
    """Make the VIN of one car; no two pairs of batch and car share one.

    Parameters
    ----------
    wmi
        World manufacturer identifier, 3 characters.
    model_number
        Number of the model, written in characters 4 and 5.
    year
        Model year, from 1981 to 2039; the code repeats after 30 years.
    batch, car
        Number of the batch, below `BATCHES`, and of the car in it, below `CARS_PER_BATCH`. Both
        are spread over their characters, so that neighbours look unrelated.

    Raises
    ------
    ValueError
        `batch` or `car` is out of bounds.
    """
    if not (0 <= batch < BATCHES and 0 <= car < CARS_PER_BATCH):
        raise ValueError(f"no VIN for car {car} of batch {batch}")
    descriptor = _digits(model_number, 2) + _digits(batch * _BATCH_STRIDE % BATCHES, 3)
    year_code = _YEAR_CODES[(year - _FIRST_CODED_YEAR) % len(_YEAR_CODES)]
    plant = VIN_ALPHABET[10 + model_number % (_BASE - 10)]
    serial = f"{(batch * 7 + car * _CAR_STRIDE) % CARS_PER_BATCH:06d}"
    unchecked = f"{wmi}{descriptor}0{year_code}{plant}{serial}"
    return f"{unchecked[:8]}{check_digit(unchecked)}{unchecked[9:]}"


def check_digit(number: str) -> str:
    """Character 9 that fits the other characters of a VIN (49 CFR 565.15).

    Examples
    --------
    >>> check_digit("1M8GDM9AXKP042788")
    'X'

    Raises
    ------
    KeyError
        `number` holds a character that no VIN has.
    """
    total = sum(
        weight * _VALUES[character] for weight, character in zip(_WEIGHTS, number, strict=True)
    )
    return "0123456789X"[total % 11]


def _digits(number: int, width: int) -> str:
    digits = ""
    for _ in range(width):
        number, digit = divmod(number, _BASE)
        digits = VIN_ALPHABET[digit] + digits
    return digits
