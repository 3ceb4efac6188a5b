-- Problems in quarantine since the load before, source by source, as of the latest load: what mart.data_quality_change
-- says of it, without the loads before.
-- Grain: one row per source. Key: source.
with load as (
    select
        as_of,
        counts
    from ops.load_run
    order by as_of desc, finished_at desc
    limit 1
),

change as (
    select
        load.as_of,
        problem.source,
        count(*) filter (where problem.first_seen = load.as_of) as new_problems,
        count(*) filter (where problem.first_seen < load.as_of and problem.resolved_on is null) as still_open,
        count(*) filter (where problem.first_seen < load.as_of and problem.resolved_on is not null) as resolved,
        load.as_of - min(problem.first_seen) filter (where problem.resolved_on is null) as oldest_days
    from core.quarantine_history as problem
    inner join load
        on jsonb_exists(load.counts, problem.source) and coalesce(problem.resolved_on, load.as_of) = load.as_of
    where (:region = '' or starts_with(coalesce(problem.village_code, ''), :region))
    group by load.as_of, problem.source
)

select
    change.source,
    (
        select max(earlier.as_of)
        from ops.load_run as earlier
        where earlier.as_of < change.as_of and jsonb_exists(earlier.counts, change.source)
    ) as compared_with,
    change.new_problems,
    change.still_open,
    change.resolved,
    change.oldest_days
from change
order by change.source
