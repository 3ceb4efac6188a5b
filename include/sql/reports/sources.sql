-- Purpose: the state of the sources that the figures were made from.
-- Grain: one row per source.
-- Reads: open.
select
    source,
    snapshot_date,
    last_change,
    stale
from open.source_freshness
order by source
