-- The latest load that had a source, this one among them.
-- Grain: one row per source ever loaded. Key: source.
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
    select
        source,
        :as_of as as_of
    from expected_count
)

select
    source,
    max(as_of) as as_of
from observation
group by source
