-- Purpose: a date of the insurer's entries: YYYY-MM-DD and nothing else.
-- Grain: a macro over one clean value; null where the text is no such date.
create or replace macro date_of_health_insurance(cell) as calendar_date(cell)
