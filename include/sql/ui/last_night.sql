-- The last published load, for the metrics.
-- Grain: one row per source.
select
    run_id,
    finished_at,
    seconds,
    is_late,
    source,
    stale,
    rows_read,
    rows_accepted,
    rows_rejected,
    values_nulled,
    files_rejected,
    new_problems,
    score
from ops.last_night
order by source
