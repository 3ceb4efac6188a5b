-- How often each rule is broken as of the latest load, and what is new, still open or resolved since the load before.
-- Grain: one row per source and rule. Key: source, rule.
with load as (
    select
        as_of,
        run_id,
        counts
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
        (:region = '' or starts_with(found.village_code, :region))
        and (:village = '' or found.village_code = :village)
        and (:source = '' or found.source = :source)
    group by found.source, found.rule
),

-- What mart.data_quality_change says of the latest load, without the loads before.
change as (
    select
        problem.source,
        problem.rule,
        count(*) filter (where problem.first_seen = load.as_of) as new_problems,
        count(*) filter (where problem.first_seen < load.as_of and problem.resolved_on is null) as still_open,
        count(*) filter (where problem.first_seen < load.as_of and problem.resolved_on is not null) as resolved,
        min(problem.first_seen) filter (where problem.resolved_on is null) as open_since
    from core.quarantine_history as problem
    inner join load
        on jsonb_exists(load.counts, problem.source) and coalesce(problem.resolved_on, load.as_of) = load.as_of
    where
        (:region = '' or starts_with(coalesce(problem.village_code, ''), :region))
        and (:village = '' or problem.village_code = :village)
        and (:source = '' or problem.source = :source)
    group by problem.source, problem.rule
)

select
    coalesce(result.source, change.source) as source,
    coalesce(result.rule, change.rule) as rule,
    result.dimension,
    result.severity,
    coalesce(result.checked, 0) as checked,
    coalesce(result.failed, 0) as failed,
    cast(result.failed as double precision) / nullif(result.checked, 0) as failed_share,
    coalesce(change.new_problems, 0) as new_problems,
    coalesce(change.still_open, 0) as still_open,
    coalesce(change.resolved, 0) as resolved,
    change.open_since
from result
full join change on result.source = change.source and result.rule = change.rule
