"""What cars of this make, model, trim, year and stock type ask: shrunken means of log price."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from carprice_assets.errors import UserError
from carprice_assets.features.base import Block, State, Transformer
from carprice_assets.features.columns import gathered, hash64, texts
from carprice_assets.features.depreciation import Depreciation
from carprice_assets.features.hierarchy import Hierarchy
from carprice_assets.features.imputer import NUMBERS
from carprice_assets.features.price_levels import MSRP_LEVELS, PRICE_LEVELS
from carprice_assets.features.remembered import MOST_TITLES, Remembered
from carprice_assets.features.title_keys import all_titles, crosses
from carprice_assets.listings.contract import Columns

FOLDS = 10
COUNTED = ("model_1", "title", "title_year", "title_year_new")
DISCOUNTS = ("make", "model_1", "model_2", "model_2_year", "title_year")
LEVEL_NAMES = tuple(level.name for level in PRICE_LEVELS)
DISCOUNT_AT = tuple([level.name for level in MSRP_LEVELS].index(name) for name in DISCOUNTS)
COUNTED_AT = tuple(LEVEL_NAMES.index(name) for name in COUNTED)
TITLE_YEAR = LEVEL_NAMES.index("title_year")
ANCHOR = DISCOUNTS.index("model_2_year")
FEATURES = (
    *(f"price_{name}" for name in LEVEL_NAMES),
    *(f"rest_{name}" for name in LEVEL_NAMES),
    *(f"discount_{name}" for name in DISCOUNTS),
    *(f"rows_{name}" for name in COUNTED),
    "price_depreciated",
    "price_expected",
    "price_from_msrp",
)
LOOKED_UP = 2 * len(LEVEL_NAMES) + len(DISCOUNTS) + len(COUNTED)
"""Features that title, year and stock type alone decide; they come first."""
LOGS = slice(LOOKED_UP - len(COUNTED), LOOKED_UP)
REST_AT = len(LEVEL_NAMES) + TITLE_YEAR
ANCHOR_AT = 2 * len(LEVEL_NAMES) + ANCHOR
BEHIND_AT = (FEATURES.index("rows_title_year_new"), FEATURES.index("rows_title_year"))
OTHER_KIND = 0.1
NUMBER = {name: i for i, name in enumerate(NUMBERS)}
Row = tuple[tuple[str, ...], tuple[int, int, int, int]]
"""A title's keys and the codes of its crosses."""


class PriceEncoder(Transformer):
    """Hierarchical target encodings, out of fold for the rows that it learns from.

    For every level of :data:`PRICE_LEVELS` the shrunken mean of the log price, and of what is
    left of it after age, mileage and stock type (:class:`Depreciation`); the shrunken mean of
    log(price / msrp) where the MSRP is known; how many rows stand behind some of them; and two
    estimates put together: ``price_expected`` (depreciation plus the title's and year's rest)
    and ``price_from_msrp`` (MSRP less the usual discount).

    In training the folds are a hash of the ``vehicle`` column, so that no listing of a vehicle
    helps to encode another listing of it. Empirical Bayes after Micci-Barreca, *A
    Preprocessing Scheme for High-Cardinality Categorical Attributes* (2001).
    """

    name = "price_encoder"
    inputs = ("make", "model", "trim", "year", "stock_type", "imputer", "stock_type_encoder")

    @property
    def feature_names(self) -> tuple[str, ...]:
        return FEATURES

    def __init__(self) -> None:
        self._price = Hierarchy(PRICE_LEVELS, targets=2)
        self._discount = Hierarchy(MSRP_LEVELS)
        self._base = Depreciation()
        self._looked_up: Remembered[Row, NDArray[np.float64]] = Remembered(MOST_TITLES)

    def fit(self, columns: Columns, target: NDArray[np.float64]) -> None:
        titles, codes = all_titles(columns), crosses(columns)
        log_price = np.log(target)
        self._looked_up.clear()
        self._base.set_knots(_number(columns, "mileage"))
        design = self._design(columns)
        self._base.fit(design, log_price)
        rest = log_price - self._base.predict(design)
        self._price.fit(titles, codes, np.column_stack([log_price, rest]))
        self._discount.fit(titles, codes, _discounts(columns, log_price)[:, None])

    def transform(self, columns: Columns) -> Block:
        rows = list(zip(all_titles(columns), crosses(columns), strict=True))
        # Cars alike in title, year and stock type are looked up once.
        known = gathered(rows, self._known_of, LOOKED_UP)
        imputed = columns["imputer"].T.astype(np.float64)
        base = self._base.estimates(
            imputed[NUMBER["age"]], imputed[NUMBER["mileage"]], columns["stock_type_encoder"]
        )
        block = np.empty((len(rows), len(FEATURES)), np.float32)
        block[:, :LOOKED_UP] = known
        block[:, LOOKED_UP] = base
        block[:, LOOKED_UP + 1] = base + known[:, REST_AT]
        block[:, LOOKED_UP + 2] = np.log(imputed[NUMBER["msrp"]]) + known[:, ANCHOR_AT]
        return block

    def _known_of(self, row: Row) -> NDArray[np.float64]:
        return self._looked_up.of(row, self._look_up)

    def _look_up(self, row: Row) -> NDArray[np.float64]:
        """Means of price and rest, discounts and log(1 + rows) of one title, year and type."""
        prices = self._price.row(*row)
        means = [each[0] for each in prices]
        means += [each[1] for each in prices]
        means += self._discount.pick(*row, DISCOUNT_AT)
        found = np.array(means + [prices[at][2] for at in COUNTED_AT])
        found[LOGS] = np.log1p(found[LOGS])
        return found

    def transform_training(self, columns: Columns, target: NDArray[np.float64]) -> Block:
        titles, codes = all_titles(columns), crosses(columns)
        folds = vehicle_folds(columns)
        log_price = np.log(target)
        bases = self._base.out_of_fold(self._design(columns), log_price, folds)
        both = np.stack([np.broadcast_to(log_price, bases.shape), log_price - bases], axis=2)
        prices, behind = self._price.out_of_fold(titles, codes, both, folds)
        discount = _discounts(columns, log_price)
        discounts, _ = self._discount.out_of_fold(titles, codes, discount[None, :, None], folds)
        own = bases[folds, np.arange(len(folds))]
        rows = behind[:, COUNTED_AT]
        return _block(columns, prices, discounts[0][:, DISCOUNT_AT], rows, own)

    def _design(self, columns: Columns) -> NDArray[np.float64]:
        stock = columns["stock_type_encoder"]
        return self._base.design(_number(columns, "age"), _number(columns, "mileage"), stock)

    def state(self) -> State:
        price, price_arrays = self._price.state()
        discount, discount_arrays = self._discount.state()
        arrays: dict[str, NDArray[Any]] = {}
        arrays |= {f"price_{name}": array for name, array in price_arrays.items()}
        arrays |= {f"discount_{name}": array for name, array in discount_arrays.items()}
        settings = {"price": price, "discount": discount, "base": self._base.state()}
        return State(settings, arrays)

    def restore(self, state: State) -> None:
        self._looked_up.clear()
        for key, part in (("price", self._price), ("discount", self._discount)):
            head = f"{key}_"
            arrays = {
                name.removeprefix(head): array
                for name, array in state.arrays.items()
                if name.startswith(head)
            }
            part.restore(state.settings[key], arrays)
        self._base.restore(state.settings["base"])


def vehicle_folds(columns: Columns) -> NDArray[np.int64]:
    """The fold of each training row, by a hash of its vehicle, shape (rows,).

    Raises
    ------
    UserError
        Where ``columns`` has no ``vehicle``: folds by row would let a vehicle's other
        listings tell its price.
    """
    if "vehicle" not in columns:
        raise UserError("price_encoder: training columns lack 'vehicle'")
    folds = [hash64(f"fold:{vehicle}") % FOLDS for vehicle in texts(columns, "vehicle")]
    return np.array(folds, dtype=np.int64)


def rows_behind(block: Block) -> NDArray[np.float64]:
    """Training rows that an encoding rests on, (rows,).

    Those of the same title, year and kind (New or not), and a tenth of those of the other kind.
    """
    own, both = (np.expm1(np.ascontiguousarray(block[:, at], dtype=np.float64)) for at in BEHIND_AT)
    return own + OTHER_KIND * both


def _number(columns: Columns, name: str) -> NDArray[np.float64]:
    """One column of the imputer's block as float64."""
    return np.ascontiguousarray(columns["imputer"][:, NUMBER[name]], dtype=np.float64)


def _discounts(columns: Columns, log_price: NDArray[np.float64]) -> NDArray[np.float64]:
    """Log of price over MSRP; NaN where the MSRP was filled in."""
    missing = _number(columns, "msrp_missing") > 0
    return np.where(missing, np.nan, log_price - np.log(_number(columns, "msrp")))


def _block(
    columns: Columns,
    prices: NDArray[np.float64],
    discounts: NDArray[np.float64],
    behind: NDArray[np.float64],
    base: NDArray[np.float64],
) -> Block:
    expected = base + prices[1][:, TITLE_YEAR]
    from_msrp = np.log(_number(columns, "msrp")) + discounts[:, ANCHOR]
    parts = [prices[0], prices[1], discounts, np.log1p(behind)]
    parts += [each[:, None] for each in (base, expected, from_msrp)]
    return np.concatenate(parts, axis=1, dtype=np.float32)
