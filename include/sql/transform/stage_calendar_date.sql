-- Purpose: the date of a text YYYY-MM-DD; null where the calendar has no such day, or the text is another.
-- Grain: a macro over one value.
create or replace macro calendar_date(cell) as case
    when regexp_full_match(cell, '[0-9]{4}-[0-9]{2}-[0-9]{2}') and not starts_with(cell, '0000')
        then try_cast(cell as date)
end
