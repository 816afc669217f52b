"""When a listing was last on offer at a site, and when it was known to be gone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from carprice_assets.listings.journals import Head

if TYPE_CHECKING:
    import duckdb


def update(con: duckdb.DuckDBPyConnection, head: Head, *, believe_absence: bool) -> int:
    """Bring ``sightings`` up to a crawl; returns how many listings it newly delisted.

    Reads the temporary tables ``crawled`` and ``cards``. A listing with a card or a page that
    was read is on offer; a gone page after that says that it is not. With ``believe_absence``
    (a complete crawl that saw enough) neither a card nor a page delists as well. A page that is
    no car counts as read, so that it is not fetched again before its card changes. Days that
    lie before what is known already change nothing, so an old journal does no harm.
    """
    named: dict[str, Any] = {"market": head.market, "site": head.site}
    con.execute(_STATES, named)
    con.execute(_ABSENT, named | {"day": head.day, "believe": believe_absence})
    newly = con.execute(_NEWLY).fetchall()[0][0]
    con.execute(
        "DELETE FROM sightings WHERE market = $market AND site = $site"
        " AND listing_id IN (SELECT listing_id FROM states)",
        named,
    )
    con.execute(
        """
        INSERT INTO sightings
        SELECT $market, $site, listing_id, url, fingerprint, first_seen, last_seen, fetched,
          delisted_at
        FROM states
        """,
        named,
    )
    con.execute("DROP TABLE temp.states")
    return newly


# A missing listing's page was read without its card: which card belongs to it is unknown. One
# that came back with its card alone was not read since: its page is asked for next time.
_STATES = """
CREATE OR REPLACE TEMP TABLE states AS
WITH mine AS (SELECT * FROM sightings WHERE market = $market AND site = $site),
details AS (SELECT *, state = 'done' OR unreadable AS was_read FROM crawled WHERE page = 'detail'),
reads AS (
  SELECT listing_id, arg_max(url, n) AS url, min(day) AS first_day, max(day) AS day, max(n) AS n,
    arg_max(struct_pack(print := CASE WHEN why <> 'missing' THEN fingerprint END), n).print
      AS fingerprint
  FROM details WHERE was_read GROUP BY listing_id),
ends AS (
  SELECT listing_id, arg_max(url, n) AS url, max(day) AS day, max(n) AS n
  FROM details WHERE state = 'gone' GROUP BY listing_id),
named AS (
  SELECT listing_id FROM cards UNION SELECT listing_id FROM reads
  UNION SELECT listing_id FROM ends),
joined AS (
  SELECT
    named.listing_id, mine.delisted_at AS before,
    coalesce(cards.url, reads.url, ends.url, mine.url) AS url,
    least(cards.first_day, reads.first_day) AS offered_from,
    greatest(cards.day, reads.day) AS offered_on,
    CASE WHEN reads.n IS NULL OR ends.n > reads.n THEN ends.day END AS gone_on,
    gone_on >= coalesce(greatest(mine.last_seen, offered_on), gone_on) AS is_gone,
    reads.day >= coalesce(mine.fetched, reads.day) AS is_news,
    reads.fingerprint AS print, reads.day AS read_on,
    mine.fingerprint, mine.first_seen, mine.last_seen, mine.fetched
  FROM named LEFT JOIN cards USING (listing_id) LEFT JOIN reads USING (listing_id)
  LEFT JOIN ends USING (listing_id) LEFT JOIN mine USING (listing_id))
SELECT listing_id, before, url,
  CASE WHEN is_news THEN print ELSE fingerprint END AS fingerprint,
  least(first_seen, offered_from, gone_on) AS first_seen,
  coalesce(greatest(last_seen, offered_on), gone_on) AS last_seen,
  CASE
    WHEN is_gone THEN gone_on
    WHEN is_news THEN read_on
    WHEN offered_on >= before OR offered_on > gone_on THEN NULL
    ELSE fetched
  END AS fetched,
  CASE
    WHEN is_gone
      THEN CASE WHEN offered_on IS NULL THEN least(before, gone_on) ELSE gone_on END
    WHEN offered_on >= before THEN NULL
    ELSE before
  END AS delisted_at
FROM joined
"""

_ABSENT = """
INSERT INTO states
SELECT listing_id, delisted_at, url, fingerprint, first_seen, last_seen, fetched, $day
FROM sightings ANTI JOIN states USING (listing_id)
WHERE $believe AND market = $market AND site = $site AND delisted_at IS NULL
  AND last_seen <= $day
"""

_NEWLY = "SELECT count(*) FROM states WHERE before IS NULL AND delisted_at IS NOT NULL"
