-- Purpose: what the probabilistic model compares, derived from the person records.
-- Grain: one row per person record.
-- Keys: record_id.
-- A newborn without a name of its own ("BAYI NY. SITI") has no name, and Siti is its mother. nik_day is the birth
-- date inside the NIK as DDMMYY (women carry day + 40), birth_day the birth date written the same way.
with own_name as (
    select
        *,
        regexp_matches(full_name, '^(BAYI|BY)\.? *(NY|NYONYA|IBU|DARI)[. ]') as unnamed,
        regexp_replace(full_name, '^(BAYI|BY)\.? *(NY|NYONYA|IBU|DARI)[. ]+', '') as rest
    from person_record
),

named as (
    select
        *,
        case when not coalesce(unnamed, false) then name_clean(full_name) end as name,
        name_clean(case when coalesce(unnamed, false) then rest else mother_full_name end) as mother_name,
        try_cast(substr(nik_15, 7, 2) as integer) as nik_day_of_month
    from own_name
)

select
    record_id,
    source,
    source_key,
    household,
    nik,
    nik_15,
    nik_doubtful,
    case
        when nik_15 is not null
            then
                lpad(cast(nik_day_of_month - case when nik_day_of_month > 40 then 40 else 0 end as varchar), 2, '0')
                || substr(nik_15, 9, 4)
    end as nik_day,
    birth_date,
    strftime(birth_date, '%d%m%y') as birth_day,
    name,
    name_key(name) as name_key,
    name_first(name) as name_first,
    sex,
    village_code,
    left(village_code, 6) as district_code,
    family_card,
    mother_nik,
    mother_name,
    name_key(mother_name) as mother_key
from named
