-- Purpose: a date of the survey's workbooks: YYYY-MM-DD (date cells land so), DD-MM-YYYY or DD/MM/YYYY.
-- Grain: a macro over one clean value; null where the text is no such date.
-- Most begin with the year: the first case spares them the search for the other two forms.
create or replace macro date_of_family_survey(cell) as case
    when substr(cell, 5, 1) = '-' then calendar_date(cell)
    else calendar_date(year_first(cell))
end
