-- Purpose: the instant of an ISO 8601 text: a date, or a date and a time with an optional fraction and offset.
-- Grain: a macro over one value; null where the text is another. Without an offset the time is Asia/Jakarta's.
create or replace macro instant(cell) as case
    when calendar_date(left(cell, 10)) is null then null
    when regexp_full_match(substr(cell, 11), '([T ]\d\d:\d\d(:\d\d([.,]\d+)?)?)?')
        then timezone('Asia/Jakarta', try_cast(replace(cell, ',', '.') as timestamp))
    when regexp_full_match(substr(cell, 11), '[T ]\d\d:\d\d(:\d\d([.,]\d+)?)?(Z|[+-]\d\d(:?\d\d)?)')
        then try_cast(replace(cell, ',', '.') as timestamptz)
end
