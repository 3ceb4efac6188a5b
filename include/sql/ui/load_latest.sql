-- The load whose state the marts show.
-- Grain: at most one row.
select
    run_id,
    as_of,
    status,
    stale_sources,
    started_at,
    finished_at
from ops.load_run
order by as_of desc, finished_at desc
limit 1
