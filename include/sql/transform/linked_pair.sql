-- Purpose: linked records of the family survey and the insurance beside the civil registry's record of that person.
-- Grain: one row per linked record that has a registry record. Keys: row_id; (source, source_key).
-- Names are upper case with white space collapsed, sexes 1 (male) and 2 (female). Where a person has several registry
-- records, the one with the record's own NIK is compared, else the one with the smallest NIK.
with answer as (
    select
        'family_survey' as source,
        source_key,
        village_code,
        "K.03" as sex
    from anggota
    union all
    select
        'civil_registry' as source,
        source_key,
        village_code,
        jenis_klmin as sex
    from biodata_wni
    union all
    select
        'health_insurance' as source,
        source_key,
        village_code,
        case sex when 'L' then 1 when 'P' then 2 end as sex
    from peserta
),

known as (
    select
        person_link.person_key,
        person_record.source,
        person_record.source_key,
        person_record.nik,
        person_record.full_name,
        person_record.birth_date,
        answer.sex,
        answer.village_code
    from person_link
    inner join person_record
        on person_link.source = person_record.source and person_link.source_key = person_record.source_key
    inner join answer on person_record.source = answer.source and person_record.source_key = answer.source_key
),

pair as (
    select
        record.source,
        record.source_key,
        coalesce(region.village_code, 'unknown') as village,
        record.full_name as name,
        record.birth_date,
        record.sex,
        registry.full_name as registry_name,
        registry.birth_date as registry_birth_date,
        registry.sex as registry_sex
    from known as record
    inner join known as registry on record.person_key = registry.person_key
    left join region on record.village_code = region.village_code
    where record.source <> 'civil_registry' and registry.source = 'civil_registry'
    qualify row_number() over (
        partition by record.source, record.source_key
        order by coalesce(record.nik = registry.nik, false) desc, registry.source_key asc
    ) = 1
)

select
    row_number() over (order by source, source_key) as row_id,
    *
from pair
