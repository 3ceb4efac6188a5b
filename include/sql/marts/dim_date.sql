-- The calendar, from the first day that a survey may have (rule F05) to the end of the year after the load.
-- Grain: one row per day. Key: day.
with calendar as (
    select cast(generated as date) as day
    from generate_series(
        timestamp '2015-01-01', date_trunc('year', cast(:as_of as timestamp)) + interval '2 years - 1 day', '1 day'
    ) as series (generated)
),

part as (
    select
        day,
        cast(extract(year from day) as integer) as year,
        cast(extract(quarter from day) as integer) as quarter,
        cast(extract(month from day) as integer) as month,
        cast(extract(isoyear from day) as integer) as iso_year,
        cast(extract(week from day) as integer) as iso_week,
        cast(extract(isodow from day) as integer) as weekday
    from calendar
),

month_name (month, month_name_id, month_name_en) as (
    values
    (1, 'Januari', 'January'),
    (2, 'Februari', 'February'),
    (3, 'Maret', 'March'),
    (4, 'April', 'April'),
    (5, 'Mei', 'May'),
    (6, 'Juni', 'June'),
    (7, 'Juli', 'July'),
    (8, 'Agustus', 'August'),
    (9, 'September', 'September'),
    (10, 'Oktober', 'October'),
    (11, 'November', 'November'),
    (12, 'Desember', 'December')
),

weekday_name (weekday, weekday_name_id, weekday_name_en) as (
    values
    (1, 'Senin', 'Monday'),
    (2, 'Selasa', 'Tuesday'),
    (3, 'Rabu', 'Wednesday'),
    (4, 'Kamis', 'Thursday'),
    (5, 'Jumat', 'Friday'),
    (6, 'Sabtu', 'Saturday'),
    (7, 'Minggu', 'Sunday')
)

select
    part.day,
    part.year,
    part.quarter,
    part.month,
    month_name.month_name_id,
    month_name.month_name_en,
    part.iso_year,
    part.iso_week,
    part.weekday,
    weekday_name.weekday_name_id,
    weekday_name.weekday_name_en,
    part.weekday in (6, 7) as weekend
from part
inner join month_name on part.month = month_name.month
inner join weekday_name on part.weekday = weekday_name.weekday
