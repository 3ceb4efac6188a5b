-- Purpose: a name as it stands in a source, upper case with white space collapsed; null where nothing else is in it.
-- Grain: a macro over one text.
-- Most names are visible ASCII with single spaces between: found out in a quarter of the time of replacing them.
create or replace macro one_spaced(raw) as case
    when regexp_full_match(raw, '[!-~]+( [!-~]+)*') then upper(raw)
    else nullif(trim(regexp_replace(upper(raw), '[\s\p{Z}]+', ' ', 'g')), '')
end
