-- Rows of the quarantine that were chosen before (`listed`), with the day on which each problem was first seen.
-- Grain: one row per row of `listed`.
select
    listed.*,
    (
        select history.first_seen
        from core.quarantine_history as history
        where
            history.source = listed.source
            and history.source_table = listed.source_table
            and history.row_key = listed.row_key
            and history.rule = listed.rule
            and history.column_name = coalesce(listed.column_name, '')
            and history.resolved_on is null
    ) as first_seen
from listed
