-- What stands in quarantine as of the latest load, with the date on which each problem was first seen.
-- Grain: one row per rejected row, nulled value or rejected workbook, and rule.
select
    found.source,
    found.source_table,
    found.row_key,
    found.village_code,
    region.name as village,
    found.rule,
    found.action,
    found.column_name,
    found.reason,
    found.file,
    found.sheet,
    found.row_number,
    (
        select history.first_seen
        from core.quarantine_history as history
        where
            history.source = found.source
            and history.source_table = found.source_table
            and history.row_key = found.row_key
            and history.rule = found.rule
            and history.column_name = coalesce(found.column_name, '')
            and history.resolved_on is null
    ) as first_seen
from ops.quarantine as found
left join core.dim_region as region on found.village_code = region.code
where
    starts_with(coalesce(found.village_code, ''), :region)
    and (:source = '' or found.source = :source)
    and (:village = '' or found.village_code = :village)
    and (:rule = '' or found.rule = :rule)
    and (:action = '' or found.action = :action)
    and (
        :search = ''
        or position(lower(:search) in lower(concat_ws(' ', region.name, found.file, found.column_name, found.reason)))
        > 0
    )
