-- Purpose: linked records of the family survey and the insurance beside the civil registry's record of that person,
-- of the persons decided tonight.
-- Grain: one row per linked record that has a registry record. Keys: row_id; (source, source_key).
-- Names are upper case with white space collapsed, sexes 1 (male) and 2 (female). Where a person has several registry
-- records, the one with the record's own NIK is compared, else the one with the smallest NIK.
with known as (
    select
        record_label.label,
        person_record.source,
        person_record.source_key,
        person_record.nik,
        person_record.full_name,
        person_record.birth_date,
        person_record.sex,
        person_record.village_code
    from person_record
    inner join record_label on person_record.record_id = record_label.record_id
),

registry as (
    select * from known
    where source = 'civil_registry'
),

pair as (
    select
        record.label,
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
    inner join registry on record.label = registry.label
    left join region on record.village_code = region.village_code
    where record.source <> 'civil_registry'
),

-- Few persons have several registry records, so only theirs are ranked.
choice as (
    select label from registry
    group by label
    having count(*) > 1
),

chosen as (
    select pair.* from pair
    anti join choice on pair.label = choice.label
    union all
    (
        select pair.* from pair
        semi join choice on pair.label = choice.label
        qualify row_number() over (
            partition by pair.source, pair.source_key
            order by
                coalesce(pair.nik = pair.registry_nik, false) desc,
                pair.registry_key asc
        ) = 1
    )
)

select
    row_number() over () as row_id,
    * exclude (label, nik, registry_nik, registry_key)
from chosen
