-- Purpose: the workbooks of the survey's folder, read or not.
-- Grain: one row per workbook. Keys: file.
select
    row_id,
    file,
    sheet,
    cast(null as bigint) as row_number,
    status,
    reason,
    'unknown' as village
from parsed
