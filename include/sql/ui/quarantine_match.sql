-- What a search finds in the quarantine: the villages, files, columns and reasons that hold the text, each looked at
-- once, however many findings carry it. Empty lists where nothing is searched for.
-- Grain: one row.
with written as (
    select
        file,
        column_name,
        reason
    from ops.quarantine
    where :search <> '' and (:region = '' or starts_with(coalesce(village_code, ''), :region))
    group by grouping sets ((file), (column_name), (reason))
),

found as (
    select
        array_agg(file) filter (where position(lower(:search) in lower(file)) > 0) as files,
        array_agg(column_name) filter (where position(lower(:search) in lower(column_name)) > 0) as columns,
        array_agg(reason) filter (where position(lower(:search) in lower(reason)) > 0) as reasons
    from written
),

named as (
    select array_agg(code) as villages
    from core.dim_region
    where :search <> '' and position(lower(:search) in lower(name)) > 0
)

select
    coalesce(named.villages, cast('{}' as text[])) as villages,
    coalesce(found.files, cast('{}' as text[])) as files,
    coalesce(found.columns, cast('{}' as text[])) as columns,
    coalesce(found.reasons, cast('{}' as text[])) as reasons
from found
cross join named
