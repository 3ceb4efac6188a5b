-- Purpose: whether a day lies more than so many years before another; by whole numbers, so that 29 February counts.
-- Grain: a macro over one pair of dates.
create or replace macro older_than(years, day, on_day) as (
    (year(on_day) * 10000 + month(on_day) * 100 + day(on_day))
    - (year(day) * 10000 + month(day) * 100 + day(day)) > years * 10000
)
