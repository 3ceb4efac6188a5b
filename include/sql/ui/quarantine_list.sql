-- What stands in quarantine as of the latest load. A search finds what quarantine_match.sql found.
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
    (:region = '' or starts_with(coalesce(found.village_code, ''), :region))
    and (:source = '' or found.source = :source)
    and (:village = '' or found.village_code = :village)
    and (:rule = '' or found.rule = :rule)
    and (:action = '' or found.action = :action)
    and (
        :search = ''
        or found.village_code = any(cast(:villages as text[]))
        or found.file = any(cast(:files as text[]))
        or found.column_name = any(cast(:columns as text[]))
        or found.reason = any(cast(:reasons as text[]))
    )
