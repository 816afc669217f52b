-- Schema version 4: what is kept of raw rows whose payload was let go of.

-- One row a pruned raw row. It was superseded, so it counts for prices, VINs, first sight and the
-- data version alone; raw texts as the format gave them when it was pruned.
CREATE TABLE past_listings (
    market TEXT NOT NULL,
    source TEXT NOT NULL,
    scrape_id TEXT NOT NULL,
    scraped_at DATE NOT NULL,
    listing_id TEXT NOT NULL,
    seq BIGINT NOT NULL,
    row_hash UHUGEINT NOT NULL,
    price_text TEXT,
    price_factor DOUBLE NOT NULL,
    currency_text TEXT,
    expected_currency TEXT NOT NULL,
    vin_text TEXT
);
