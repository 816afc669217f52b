-- Schema version 3: features that a market declares, feature name to value (NULL for missing).
-- Both are NULL where the market declared none when its listings were cleaned.
ALTER TABLE listings ADD COLUMN numbers MAP(TEXT, DOUBLE);
ALTER TABLE listings ADD COLUMN words MAP(TEXT, TEXT);
