-- Purpose: a date of the registry: as in the workbooks, or a timestamp, whose date is Asia/Jakarta's.
-- Grain: a macro over one clean value; null where the text is no such date.
-- Most are dates with the year first: the first case spares them the search for other forms, and the time zone.
create or replace macro date_of_civil_registry(cell) as coalesce(
    calendar_date(cell),
    local_date(instant(year_first(cell)))
)
