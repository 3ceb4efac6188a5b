-- The history of quarantine once this load has its place in it: when each problem was first seen, last seen and
-- resolved. Made of pieces (before this load, in it, after it) that join where no load of the source lies between, so
-- a re-run or a backfill gives the history that loading in the order of dates would have given. An open problem was
-- last seen in the latest load of its source; the row does not say it, so that it stays as it is from load to load.
-- Grain: one row per problem and spell: a problem that comes back begins a new spell. Only the spells that this load
-- can change: those not resolved before as_of. Key: source, source_table, row_key, rule, column_name, first_seen.
with other_load as (
    select distinct on (as_of)
        as_of,
        counts
    from ops.load_run
    where as_of <> :as_of
    order by as_of asc, finished_at desc
),

observation as (
    select
        judged.source,
        other_load.as_of
    from other_load
    cross join lateral jsonb_object_keys(other_load.counts) as judged (source)
    union all
    select distinct
        source,
        :as_of as as_of
    from expected_count
),

neighbour as (
    select
        source,
        max(as_of) filter (where as_of < :as_of) as load_before,
        min(as_of) filter (where as_of > :as_of) as load_after,
        max(as_of) as latest_load,
        bool_or(as_of = :as_of) as loaded
    from observation
    group by source
),

touched as (
    select
        history.*,
        neighbour.load_before,
        neighbour.load_after,
        neighbour.latest_load,
        neighbour.loaded
    from core.quarantine_spell as history
    inner join neighbour on history.source = neighbour.source
    where coalesce(history.resolved_on, date 'infinity') >= :as_of
),

-- follow: the load after last_seen, in which the problem is gone unless the next piece begins there.
piece as (
    select
        source,
        source_table,
        row_key,
        rule,
        column_name,
        village_code,
        action,
        first_seen,
        load_before as last_seen,
        case when loaded then :as_of else load_after end as follow
    from touched
    where first_seen < :as_of
    union all
    select
        tonight.source,
        tonight.source_table,
        tonight.row_key,
        tonight.rule,
        coalesce(tonight.column_name, '') as column_name,
        min(tonight.village_code) as village_code,
        min(tonight.action) as action,
        :as_of as first_seen,
        :as_of as last_seen,
        neighbour.load_after as follow
    from quarantine_row as tonight
    inner join neighbour on tonight.source = neighbour.source
    group by
        tonight.source, tonight.source_table, tonight.row_key, tonight.rule, coalesce(tonight.column_name, ''),
        neighbour.load_after
    union all
    select
        source,
        source_table,
        row_key,
        rule,
        column_name,
        village_code,
        action,
        greatest(first_seen, load_after) as first_seen,
        last_seen,
        resolved_on as follow
    from touched
    where coalesce(last_seen, latest_load) > :as_of
),

joined as (
    select
        *,
        coalesce(lag(follow) over problem = first_seen, false) as goes_on
    from piece
    window problem as (partition by source, source_table, row_key, rule, column_name order by first_seen)
),

numbered as (
    select
        *,
        count(*) filter (where not goes_on) over problem as spell
    from joined
    window problem as (partition by source, source_table, row_key, rule, column_name order by first_seen)
),

joined_spell as (
    select
        source,
        source_table,
        row_key,
        rule,
        column_name,
        min(first_seen) as first_seen,
        max(last_seen) as last_seen,
        (array_agg(follow order by first_seen desc))[1] as resolved_on,
        (array_agg(village_code order by first_seen desc))[1] as village_code,
        (array_agg(action order by first_seen desc))[1] as action
    from numbered
    group by source, source_table, row_key, rule, column_name, spell
)

select
    source,
    source_table,
    row_key,
    rule,
    column_name,
    first_seen,
    case when resolved_on is not null then last_seen end as last_seen,
    resolved_on,
    village_code,
    action
from joined_spell
