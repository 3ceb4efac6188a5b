-- The loads, newest date first.
-- Grain: one row per load. Key: run_id.
select
    run_id,
    as_of,
    status,
    stale_sources,
    started_at,
    finished_at,
    cast(extract(epoch from finished_at - started_at) as double precision) as seconds
from ops.load_run
