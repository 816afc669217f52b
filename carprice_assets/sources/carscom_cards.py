"""``carscom-cards``: search-result cards of cars.com, the raw text as a scraper leaves it.

Every row has its ``scrape_date``; ``url`` holds the listing id. Rows that are no card have
neither title nor id; they are kept as raw rows and rejected by cleaning.
"""

from __future__ import annotations

from carprice_assets.sources.table import TableFormat

# The price stands in one of two columns. Promoted cards (no status, about one in a hundred)
# fill neither; they count as not priced, though their block shows a figure.
PRICE = r"""CASE
  WHEN regexp_matches(p.price_1, '\d') THEN p.price_1
  WHEN regexp_matches(p.price_2, '\d') THEN p.price_2
  ELSE coalesce(p.price_1, p.price_2)
END"""

FORMAT = TableFormat(
    name="carscom-cards",
    columns=(
        "scrape_date",
        "url",
        "title",
        "status",
        "price_1",
        "price_2",
        "block",
        "dealer_1",
        "dealer_2",
        "dealer_3",
    ),
    listing_id=r"regexp_extract(p.url, '/vehicledetail/([^/?#\s]+)', 1)",
    url="p.url",
    scraped_at="p.scrape_date",
    fields={
        "title": "p.title",
        "price": PRICE,
        "msrp": r"regexp_extract(p.block, 'MSRP\s+(\S*\d\S*)', 1)",
        "mileage": r"regexp_extract(p.block, '(\d[\d,.]*\s*(?:mi|km))\b', 1)",
        "stock_type": "p.status",
        "dealer": "coalesce(p.dealer_1, p.dealer_2, p.dealer_3)",
    },
)
