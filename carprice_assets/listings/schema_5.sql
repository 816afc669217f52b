-- Schema version 5: what the service was asked and answered, taken in from its spool.

-- A warehouse of version 4 that took any in before has both tables, of the same columns.

-- One row a car of an answer; nothing of who asked.
CREATE TABLE IF NOT EXISTS served_valuations (
    market TEXT NOT NULL,
    id TEXT NOT NULL,
    answered_at TIMESTAMP NOT NULL, -- UTC
    release TEXT NOT NULL,
    regressor TEXT NOT NULL,
    as_of DATE NOT NULL,
    make TEXT,
    model TEXT,
    car JSON NOT NULL,
    price DOUBLE,
    low DOUBLE,
    high DOUBLE,
    coverage DOUBLE,
    supported BOOLEAN,
    warnings TEXT[] NOT NULL,
    errors TEXT[] NOT NULL
);

-- Files of the spool that were taken in: one that is there again is deleted unread.
CREATE TABLE IF NOT EXISTS served_files (
    market TEXT NOT NULL,
    name TEXT NOT NULL,
    rows BIGINT NOT NULL,
    PRIMARY KEY (market, name)
);
