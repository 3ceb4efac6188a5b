-- How fresh each source is, as of the latest load.
-- Grain: one row per source. Key: source.
select
    as_of,
    source,
    stale,
    snapshot_date,
    snapshot_age_days,
    last_change,
    last_change_age_days
from mart.source_freshness
where as_of = (select max(load.as_of) from ops.load_run as load)
order by source
