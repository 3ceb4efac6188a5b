-- Purpose: the true persons with the groups in which linkage is measured.
-- Grain: one row per true person.
-- Keys: person_id.
-- A twin shares birth date and family with another person; a namesake shares normalised name and village with somebody
-- born within a year.
with person as (
    select
        person_id,
        family_id,
        village_code,
        nik,
        sex,
        birth_date,
        name_clean(name) as name,
        case
            when birth_date > $as_of - interval 1 year then '0'
            when birth_date > $as_of - interval 5 year then '1-4'
            when birth_date > $as_of - interval 18 year then '5-17'
            when birth_date > $as_of - interval 60 year then '18-59'
            else '60+'
        end as age_group,
        sex = 2 and marital = 2 as married_woman
    from read_parquet($persons)
),

twin as (
    select distinct this.person_id
    from person as this
    inner join person as other
        on this.family_id = other.family_id and this.birth_date = other.birth_date and this.person_id <> other.person_id
),

namesake as (
    select distinct this.person_id
    from person as this
    inner join person as other
        on
            this.village_code = other.village_code
            and this.name = other.name
            and this.person_id <> other.person_id
            and abs(date_diff('day', this.birth_date, other.birth_date)) <= 365
)

select
    person.*,
    twin.person_id is not null as twin,
    namesake.person_id is not null as namesake
from person
left join twin on person.person_id = twin.person_id
left join namesake on person.person_id = namesake.person_id
