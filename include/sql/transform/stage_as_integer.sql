-- Purpose: a whole number from a clean text such as 7, 07, 7.0 or -7; null for anything else and beyond 32 bits.
-- Grain: a macro over one value.
create or replace macro as_integer(cell) as case
    when strlen(cell) = 1 and cell between '0' and '9' then cast(unicode(cell) - 48 as integer)
    else try_cast(nullif(regexp_extract(cell, '^(-?[0-9]+)(\.0+)?$', 1), '') as integer)
end
