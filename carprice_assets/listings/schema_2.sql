-- Schema version 2: the ledger of crawls. Times are UTC; missing values are NULL.

-- One row a crawl, unique by market, site and crawl_id: as its journal told when last taken in.
CREATE TABLE crawls (
    market TEXT NOT NULL,
    site TEXT NOT NULL,
    crawl_id TEXT NOT NULL,
    scrape_id TEXT NOT NULL,           -- of its raw rows
    day DATE NOT NULL,
    started_at TIMESTAMP NOT NULL,
    ended_at TIMESTAMP,                -- NULL while it runs, or after a kill
    state TEXT NOT NULL,               -- own_state, or held: changed layout, no rows taken in
    own_state TEXT NOT NULL,           -- how the crawl itself ended; running, paused
    reason TEXT,                       -- why it was held, else own_reason
    own_reason TEXT,                   -- why it ended so
    adapter TEXT NOT NULL,
    format TEXT NOT NULL,              -- source of its raw rows
    is_full BOOLEAN NOT NULL,          -- every detail page was asked for
    search_complete BOOLEAN NOT NULL,
    collapsed BOOLEAN NOT NULL,        -- it saw too little to tell which listings are gone
    pages BIGINT NOT NULL,             -- search and detail pages with a final state
    requests BIGINT NOT NULL,
    bytes BIGINT NOT NULL,
    seen BIGINT NOT NULL,              -- listings with a card
    new BIGINT NOT NULL,               -- detail pages asked for, by why; pending ones too
    changed BIGINT NOT NULL,
    aged BIGINT NOT NULL,
    missing BIGINT NOT NULL,
    forced BIGINT NOT NULL,            -- why 'full'
    unchanged BIGINT NOT NULL,         -- cards whose detail page was not asked for
    done BIGINT NOT NULL,              -- detail pages
    gone BIGINT NOT NULL,              -- detail pages
    failed BIGINT NOT NULL,            -- search and detail pages
    pending BIGINT NOT NULL            -- detail pages
);

-- One row a page of a crawl, unique by market, site, crawl_id and url: its last state, and all
-- that was spent on it.
CREATE TABLE pages (
    market TEXT NOT NULL,
    site TEXT NOT NULL,
    crawl_id TEXT NOT NULL,
    url TEXT NOT NULL,
    page TEXT NOT NULL,                -- search or detail
    listing_id TEXT,                   -- of a detail page
    why TEXT,                          -- of a detail page: new, changed, aged, missing, full
    state TEXT NOT NULL,               -- pending, done, failed, gone
    reason TEXT,
    detail TEXT,
    status INTEGER,                    -- of the last answer, where one came
    attempts BIGINT NOT NULL,
    requests BIGINT NOT NULL,
    bytes BIGINT NOT NULL,
    seconds DOUBLE NOT NULL,
    fetched_at TIMESTAMP,              -- NULL while pending
    day DATE                           -- of the page; NULL while pending
);

-- One row a listing of a site, unique by market, site and listing_id.
CREATE TABLE sightings (
    market TEXT NOT NULL,
    site TEXT NOT NULL,
    listing_id TEXT NOT NULL,
    url TEXT NOT NULL,
    fingerprint TEXT,                  -- of its card when its detail page was last read
    first_seen DATE NOT NULL,
    last_seen DATE NOT NULL,
    fetched DATE,                      -- day on which its detail page was last read
    delisted_at DATE                   -- day on which it was known to be gone; NULL while offered
);
