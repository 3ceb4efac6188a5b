-- What each source delivered to the latest load.
-- Grain: one row per source. Key: source.
with load as (
    select
        as_of,
        counts
    from ops.load_run
    order by as_of desc, finished_at desc
    limit 1
)

select
    load.as_of,
    loaded.source,
    cast(loaded.figures ->> 'stale' as boolean) as stale,
    loaded.figures ->> 'reason' as reason,
    cast(loaded.figures ->> 'snapshot' as date) as snapshot_date,
    load.as_of - cast(loaded.figures ->> 'snapshot' as date) as snapshot_age_days,
    cast(loaded.figures ->> 'last_change' as date) as last_change,
    load.as_of - cast(loaded.figures ->> 'last_change' as date) as last_change_age_days,
    cast(loaded.figures -> 'total' ->> 'read' as integer) as read,
    cast(loaded.figures -> 'total' ->> 'accepted' as integer) as accepted,
    cast(loaded.figures -> 'total' ->> 'rejected' as integer) as rejected,
    cast(loaded.figures -> 'total' ->> 'nulled' as integer) as nulled,
    cast(loaded.figures ->> 'files_rejected' as integer) as files_rejected,
    cast(loaded.figures ->> 'records' as integer) as records,
    cast(loaded.figures ->> 'linked' as integer) as linked
from load
cross join lateral jsonb_each(load.counts) as loaded (source, figures)
order by loaded.source
