-- Purpose: how fresh each source is, to be published.
-- Grain: one row per source of the load. Key: source.
select
    source,
    :as_of as as_of,
    stale,
    snapshot_date,
    last_change
from source_state
