"""The contract check sees what cleaning would have to prevent."""

from __future__ import annotations

import pytest

from carprice_assets.home import Home
from carprice_assets.listings.conformity import violations
from carprice_assets.listings.warehouse import Warehouse
from carprice_assets.markets import load_market


def test_a_cleaned_market_keeps_the_contract(trained_home: Home) -> None:
    with Warehouse.of(trained_home).connect() as connection:
        assert violations(connection, load_market(trained_home, "small")) == {}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ("year = 3000", "year"),
        ("mileage = -1", "mileage"),
        ("price = 1", "price"),
        ("price = 'nan'", "price"),
        ("drivetrain = 'Levitation'", "drivetrain"),
        ("model = ''", "model"),
        ("listing_id = (SELECT max(listing_id) FROM listings)", "listing_id twice"),
    ],
)
def test_each_broken_rule_is_named(trained_home: Home, change: str, field: str) -> None:
    with Warehouse.of(trained_home).connect() as connection:
        connection.execute(
            f"UPDATE listings SET {change}"
            " WHERE listing_id = (SELECT min(listing_id) FROM listings)"
        )
        assert violations(connection, load_market(trained_home, "small")) == {field: 1}
