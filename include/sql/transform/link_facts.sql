-- Purpose: what the probabilistic model compares, derived from the person records and their normalised names.
-- Grain: one row per person record.
-- Keys: record_id.
-- A newborn without a name of its own has no name, and a mother. nik_day is the birth date inside the NIK as DDMMYY
-- (women carry day + 40), birth_day the birth date written the same way.
with dated as (
    select
        *,
        try_cast(substr(nik_15, 7, 2) as integer) as day_in_nik
    from person_record
)

select
    dated.record_id,
    dated.source,
    dated.source_key,
    dated.household,
    dated.nik,
    dated.nik_15,
    dated.nik_digits,
    dated.nik_doubtful,
    lpad(cast(dated.day_in_nik - case when dated.day_in_nik > 40 then 40 else 0 end as varchar), 2, '0')
    || substr(dated.nik_15, 9, 4) as nik_day,
    dated.birth_date,
    strftime(dated.birth_date, '%d%m%y') as birth_day,
    person_name.name,
    person_name.name_key,
    person_name.name_first,
    dated.sex,
    dated.village_code,
    left(dated.village_code, 6) as district_code,
    dated.family_card,
    dated.mother_nik,
    coalesce(person_name.newborn_of, mother_name.name) as mother_name,
    case when person_name.newborn_of is null then mother_name.name_key end as mother_key
from dated
left join person_name on dated.full_name = person_name.full_name
left join person_name as mother_name on dated.mother_full_name = mother_name.full_name
