-- Purpose: a date of the survey's workbooks: YYYY-MM-DD (date cells land so), DD-MM-YYYY or DD/MM/YYYY.
-- Grain: a macro over one clean value; null where the text is no such date.
create or replace macro date_of_family_survey(cell) as calendar_date(year_first(cell))
