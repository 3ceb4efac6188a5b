-- What stands in quarantine as of the latest load. A search looks at each distinct text once.
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
    found.row_number
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
        or found.village_code in (
            select named.code
            from core.dim_region as named
            where position(lower(:search) in lower(named.name)) > 0
        )
        or found.file in (
            select written.file
            from (select distinct each.file from ops.quarantine as each) as written
            where position(lower(:search) in lower(written.file)) > 0
        )
        or found.column_name in (
            select written.column_name
            from (select distinct each.column_name from ops.quarantine as each) as written
            where position(lower(:search) in lower(written.column_name)) > 0
        )
        or found.reason in (
            select written.reason
            from (select distinct each.reason from ops.quarantine as each) as written
            where position(lower(:search) in lower(written.reason)) > 0
        )
    )
