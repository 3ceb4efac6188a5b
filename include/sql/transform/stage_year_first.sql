-- Purpose: a text that begins with DD-MM-YYYY or DD/MM/YYYY, written with the year first; other text stays.
-- Grain: a macro over one value.
create or replace macro year_first(cell) as regexp_replace(
    regexp_replace(cell, '^([0-9]{2})-([0-9]{2})-([0-9]{4})', '\3-\2-\1'),
    '^([0-9]{2})/([0-9]{2})/([0-9]{4})', '\3-\2-\1'
)
