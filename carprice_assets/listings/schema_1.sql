-- Schema version 1. One file holds all markets; missing values are NULL.
CREATE TABLE schema_version (version INTEGER NOT NULL);

-- Verbatim rows, append-only. row_hash: MD5 of source, scrape_id, listing_id, url and payload.
CREATE TABLE raw_listings (
    market TEXT NOT NULL,
    source TEXT NOT NULL,          -- name of the file format
    scrape_id TEXT NOT NULL,       -- one visit to the source
    scraped_at DATE NOT NULL,
    listing_id TEXT,               -- NULL where the row is no offer
    url TEXT,
    seq BIGINT NOT NULL,           -- number of the row in its file, from 1
    payload JSON NOT NULL,
    row_hash UHUGEINT NOT NULL
);

-- One row a listing: its latest state.
CREATE TABLE listings (
    market TEXT NOT NULL,
    listing_id TEXT NOT NULL,
    vin TEXT,
    dealer TEXT,
    url TEXT,
    observed_at DATE NOT NULL,
    first_seen DATE NOT NULL,
    last_seen DATE NOT NULL,
    delisted_at DATE,
    price DOUBLE NOT NULL,         -- in the market's currency
    make TEXT NOT NULL,
    model TEXT NOT NULL,
    trim TEXT,
    year DOUBLE NOT NULL,
    mileage DOUBLE,                -- in the market's unit of distance
    msrp DOUBLE,
    stock_type TEXT,
    drivetrain TEXT,
    fuel_type TEXT,
    bodystyle TEXT,
    cat TEXT,
    exterior_color TEXT,
    interior_color TEXT,
    source TEXT NOT NULL,
    row_hash UHUGEINT NOT NULL     -- the raw row it was made from
);

-- Raw rows that count (the latest of their listing, or without one) and break a rule.
CREATE TABLE rejected_listings (
    market TEXT NOT NULL,
    row_hash UHUGEINT NOT NULL,
    source TEXT NOT NULL,
    scraped_at DATE NOT NULL,
    listing_id TEXT,
    url TEXT,
    reason TEXT NOT NULL,          -- a code of listings/rejections.py
    detail TEXT                    -- the raw text that broke the rule
);

-- One row a listing and change of price; change is NULL in the first row.
CREATE TABLE price_history (
    market TEXT NOT NULL,
    listing_id TEXT NOT NULL,
    observed_at DATE NOT NULL,
    price DOUBLE NOT NULL,
    change DOUBLE
);

-- Every pair of listing id and valid VIN that any scrape has shown.
CREATE TABLE listing_vins (market TEXT NOT NULL, listing_id TEXT NOT NULL, vin TEXT NOT NULL);

-- The split: a listing id's vehicle and side. split_history keeps every assignment for ever.
CREATE TABLE vehicles (
    market TEXT NOT NULL, listing_id TEXT NOT NULL, vehicle TEXT NOT NULL, side TEXT NOT NULL
);
CREATE TABLE split_history (
    market TEXT NOT NULL, listing_id TEXT NOT NULL, vehicle TEXT NOT NULL, side TEXT NOT NULL,
    step INTEGER NOT NULL          -- 1, 2, ... a market's assignments in order
);
CREATE TABLE split_salts (market TEXT NOT NULL, salt TEXT NOT NULL);
