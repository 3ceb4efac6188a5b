-- Problems in quarantine since the load before, source by source, as of the latest load.
-- Grain: one row per source. Key: source.
select
    source,
    max(compared_with) as compared_with,
    cast(sum(new_problems) as bigint) as new_problems,
    cast(sum(still_open) as bigint) as still_open,
    cast(sum(resolved) as bigint) as resolved,
    max(open_days) as oldest_days
from mart.data_quality_change
where
    as_of = (select max(load.as_of) from ops.load_run as load)
    and starts_with(coalesce(village_code, ''), :region)
group by source
order by source
