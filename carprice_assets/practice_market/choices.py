"""The catalogue as arrays, from which cars are drawn by the thousand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from carprice_assets.practice_market import pricing
from carprice_assets.practice_market.catalogue import ELECTRIC, Make, Model, load
from carprice_assets.practice_market.pricing import Flags, Floats, Integers, Stock

FIRST_YEAR = 2008
"""The oldest model year on sale."""

MAKE_POWER, MODEL_POWER = 1.2, 1.6
"""Powers of popularity in a weight: above 1, the best sellers sell even more."""

_CURRENT_YEAR_SHARE = 0.82
_CERTIFIED_AGE_WEIGHTS = (0.15, 0.8, 1.2, 1.2, 0.7, 0.3, 0.1)


@dataclass(frozen=True, slots=True)
class Tables:
    """The m models of the catalogue, numbered through.

    Two-dimensional arrays hold a model's choices in a row; the row's rest is padding.

    Attributes
    ----------
    models
        Make and model, m of them.
    make
        Number of the make, shape (m,).
    trims, fuels, drivetrains, exteriors, interiors
        How many choices there are, shape (m,).
    trim_msrp
        USD of the catalogue's year, shape (m, trims).
    trim_drivetrain
        The drivetrain that a trim fixes, or -1, shape (m, trims).
    price_step
        Factor on MSRP, shape (m, fuels, drivetrains).
    electric, street_ratio
        Shape (m, fuels).
    wheels
        Factor on value, shape (m, drivetrains).
    color
        Factor on value, shape (m, exterior colours).
    open_top, annual_depreciation
        Shape (m,).
    """

    models: tuple[tuple[Make, Model], ...]
    make: Integers
    trims: Integers
    fuels: Integers
    drivetrains: Integers
    exteriors: Integers
    interiors: Integers
    trim_msrp: Floats
    trim_drivetrain: Integers
    price_step: Floats
    electric: Flags
    wheels: Floats
    color: Floats
    open_top: Flags
    annual_depreciation: Floats
    street_ratio: Floats


@dataclass(frozen=True, slots=True)
class Offer:
    """Which models and model years are on sale while a model year is current.

    Attributes
    ----------
    model, year
        Every pair on sale, shape (p,).
    cumulative
        Running sum of the pairs' weights, up to 1, for each `Stock`: shape (3, p).
    """

    model: Integers
    year: Integers
    cumulative: Floats


@cache
def tables() -> Tables:
    """Lay out the catalogue as arrays."""
    models = tuple((make, model) for make in load() for model in make.models)
    numbers = {make.name: number for number, make in enumerate(load())}
    return Tables(
        models=models,
        make=np.array([numbers[make.name] for make, _ in models]),
        trims=np.array([len(model.trims) for _, model in models]),
        fuels=np.array([len(model.fuel_types) for _, model in models]),
        drivetrains=np.array([len(model.drivetrains) for _, model in models]),
        exteriors=np.array([len(make.exterior_colors) for make, _ in models]),
        interiors=np.array([len(make.interior_colors) for make, _ in models]),
        trim_msrp=_padded([[trim.msrp for trim in model.trims] for _, model in models]),
        trim_drivetrain=_padded([_fixed_drivetrains(model) for _, model in models]).astype(int),
        price_step=_price_steps([model for _, model in models]),
        electric=_padded([[fuel == ELECTRIC for fuel in m.fuel_types] for _, m in models]) == 1,
        wheels=_padded(
            [[pricing.wheels_factor(d, m.bodystyle) for d in m.drivetrains] for _, m in models]
        ),
        color=_padded([[pricing.color_factor(c) for c in k.exterior_colors] for k, _ in models]),
        open_top=np.array([model.bodystyle == "Convertible" for _, model in models]),
        annual_depreciation=np.array([make.annual_depreciation for make, _ in models]),
        street_ratio=_padded(
            [
                [pricing.street_ratio(k.street_ratio, f, m.bodystyle) for f in m.fuel_types]
                for k, m in models
            ]
        ),
    )


@cache
def offer(current_year: int) -> Offer:
    """Weigh every model and model year for each stock type.

    A model weighs as much as its popularity, and its make as much as the make's. New cars are of
    the current year or the one before; used cars are mostly two to six years old; certified ones
    at most six.
    """
    models = tables().models
    pairs = [
        (number, year)
        for number, (_, model) in enumerate(models)
        for year in range(FIRST_YEAR, current_year + 1)
        if model.made_in(year)
    ]
    model, year = np.array(pairs).T
    popularity = _popularity()[model]
    weights = np.stack([_year_weights(stock, current_year - year) for stock in Stock]) * popularity
    running = weights.cumsum(axis=1)
    return Offer(model=model, year=year, cumulative=running / running[:, -1:])


def _popularity() -> Floats:
    """Weight of each model: its make's, shared out among the make's models; shape (m,)."""
    shares = [np.array([m.popularity for m in make.models]) ** MODEL_POWER for make in load()]
    return np.concatenate(
        [
            make.popularity**MAKE_POWER * share / share.sum()
            for make, share in zip(load(), shares, strict=True)
        ]
    )


def _year_weights(stock: Stock, years_back: Integers) -> Floats:
    """Weight of a model year that lies so many years back."""
    if stock is Stock.NEW:
        ages = np.array([_CURRENT_YEAR_SHARE, 1 - _CURRENT_YEAR_SHARE])
    elif stock is Stock.CERTIFIED:
        ages = np.array(_CERTIFIED_AGE_WEIGHTS)
    else:
        age = years_back.astype(np.float64)
        return (age + 0.2) * np.exp(-age / 2.6)
    recent = years_back < len(ages)
    weights: Floats = ages[np.where(recent, years_back, 0)]
    return np.where(recent, weights, 0.0)


def _fixed_drivetrains(model: Model) -> list[int]:
    return [
        -1 if trim.drivetrain is None else model.drivetrains.index(trim.drivetrain)
        for trim in model.trims
    ]


def _price_steps(models: Sequence[Model]) -> Floats:
    """Factor on MSRP of every choice of fuel and drivetrain, shape (m, fuels, drivetrains).

    Where trims fix the drivetrain, their MSRP holds it already.
    """
    steps = np.ones(
        (
            len(models),
            max(len(model.fuel_types) for model in models),
            max(len(model.drivetrains) for model in models),
        )
    )
    for number, model in enumerate(models):
        fixed = any(trim.drivetrain for trim in model.trims)
        for f, fuel in enumerate(model.fuel_types):
            for d, drivetrain in enumerate(model.drivetrains):
                choice = () if fixed else model.drivetrains
                steps[number, f, d] = pricing.list_price_step(
                    fuel, model.fuel_types[0], drivetrain, choice
                )
    return steps


def _padded(rows: Sequence[Sequence[float]]) -> Floats:
    """Rows of unequal length as one array; the rest of a row is 0."""
    array = np.zeros((len(rows), max(len(row) for row in rows)))
    for number, row in enumerate(rows):
        array[number, : len(row)] = row
    return array
