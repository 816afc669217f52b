"""Which vehicles the warehouse knows a listing id or a VIN as."""

from __future__ import annotations

from carprice_assets.home import Home
from carprice_assets.listings.warehouse import Warehouse

Names = dict[str, tuple[str, ...]]


def known_vehicles(home: Home, market: str) -> Names:
    """Listing id and VIN to the names of the vehicles that they stand for, of one market.

    A VIN has two names or more where it joined vehicles that had been told apart before.
    Empty where nothing was imported yet.

    Raises
    ------
    UserError
        Where the warehouse cannot be opened.
    """
    warehouse = Warehouse.of(home)
    if not warehouse.path.exists():
        return {}
    with warehouse.connect(f"the vehicles of {market}") as con:
        rows = con.execute(
            """
            WITH mine AS (SELECT listing_id, vehicle FROM vehicles WHERE market = $market)
            SELECT listing_id, [vehicle] FROM mine
            UNION ALL
            SELECT vin, list(DISTINCT vehicle ORDER BY vehicle) FROM mine
            JOIN (SELECT listing_id, vin FROM listing_vins WHERE market = $market)
              USING (listing_id)
            GROUP BY vin
            """,
            {"market": market},
        ).fetchall()
    return {key: tuple(names) for key, names in rows}
