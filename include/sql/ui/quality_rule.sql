-- How often each rule is broken as of the latest load, and what is new, still open or resolved since the load before.
-- Grain: one row per source and rule. Key: source, rule.
with load as (
    select
        as_of,
        run_id
    from ops.load_run
    order by as_of desc, finished_at desc
    limit 1
),

result as (
    select
        found.source,
        found.rule,
        min(found.dimension) as dimension,
        min(found.severity) as severity,
        sum(found.checked) as checked,
        sum(found.failed) as failed
    from ops.check_result as found
    inner join load on found.run_id = load.run_id
    where
        starts_with(found.village_code, :region)
        and (:village = '' or found.village_code = :village)
        and (:source = '' or found.source = :source)
    group by found.source, found.rule
),

change as (
    select
        moved.source,
        moved.rule,
        sum(moved.new_problems) as new_problems,
        sum(moved.still_open) as still_open,
        sum(moved.resolved) as resolved,
        min(moved.open_since) as open_since
    from mart.data_quality_change as moved
    inner join load on moved.as_of = load.as_of
    where
        starts_with(coalesce(moved.village_code, ''), :region)
        and (:village = '' or moved.village_code = :village)
        and (:source = '' or moved.source = :source)
    group by moved.source, moved.rule
)

select
    coalesce(result.source, change.source) as source,
    coalesce(result.rule, change.rule) as rule,
    result.dimension,
    result.severity,
    coalesce(result.checked, 0) as checked,
    coalesce(result.failed, 0) as failed,
    cast(result.failed as double precision) / nullif(result.checked, 0) as failed_share,
    cast(coalesce(change.new_problems, 0) as bigint) as new_problems,
    cast(coalesce(change.still_open, 0) as bigint) as still_open,
    cast(coalesce(change.resolved, 0) as bigint) as resolved,
    change.open_since
from result
full join change on result.source = change.source and result.rule = change.rule
