-- Purpose: linked records of the family survey and the insurance beside the civil registry's record of that person.
-- Grain: one row per linked record that has a registry record. Keys: row_id; (source, source_key).
-- Names are upper case with white space collapsed, sexes 1 (male) and 2 (female). Where a person has several registry
-- records, the one with the record's own NIK is compared, else the one with the smallest NIK.
with known as (
    select
        every_link.person_key,
        person_source.source,
        person_source.source_key,
        case when not person_source.doubtful then person_source.identity_number end as nik,
        nullif(trim(regexp_replace(upper(person_source.raw_name), '[\s\p{Z}]+', ' ', 'g')), '') as full_name,
        person_source.birth_date,
        person_source.sex,
        person_source.village_code
    from every_link
    inner join person_source
        on every_link.source = person_source.source and every_link.source_key = person_source.source_key
),

registry as (
    select * from known
    where source = 'civil_registry'
),

pair as (
    select
        record.person_key,
        record.source,
        record.source_key,
        coalesce(region.village_code, 'unknown') as village,
        record.full_name as name,
        record.birth_date,
        record.sex,
        registry.full_name as registry_name,
        registry.birth_date as registry_birth_date,
        registry.sex as registry_sex,
        record.nik,
        registry.nik as registry_nik,
        registry.source_key as registry_key
    from known as record
    inner join registry on record.person_key = registry.person_key
    left join region on record.village_code = region.village_code
    where record.source <> 'civil_registry'
),

-- Few persons have several registry records, so only theirs are ranked.
choice as (
    select person_key from registry
    group by person_key
    having count(*) > 1
),

chosen as (
    select pair.* from pair
    anti join choice on pair.person_key = choice.person_key
    union all
    (
        select pair.* from pair
        semi join choice on pair.person_key = choice.person_key
        qualify row_number() over (
            partition by pair.source, pair.source_key
            order by
                coalesce(pair.nik = pair.registry_nik and regexp_matches(pair.nik, '^[0-9]{16}$'), false) desc,
                pair.registry_key asc
        ) = 1
    )
)

select
    row_number() over () as row_id,
    * exclude (person_key, nik, registry_nik, registry_key)
from chosen
