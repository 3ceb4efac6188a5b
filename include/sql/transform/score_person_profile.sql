-- Purpose: what a person is like, without anything that names the person: the survey speaks first, then the civil
-- registry, then the health insurance. Years of birth stand in fives, those before 1940 together.
-- Grain: one row per person.
-- Keys: person_key.
-- Of several records in a source the one counts that was visited or changed last; in the registry one in force first.
with survey as (
    select
        member.person_key,
        family_link.family_key,
        member.village_code,
        member."K.03" as sex,
        year(member."K.04") as birth_year,
        member."K.10" as relation,
        member."K.07" as marital_status,
        row_number() over (
            partition by member.person_key
            order by keluarga."TGL_PENDATAAN" desc, member.source_key asc
        ) as place
    from member
    inner join keluarga on member."KODE_KELUARGA" = keluarga.source_key
    inner join family_link on member."KODE_KELUARGA" = family_link.source_key
),

registry as (
    select
        person_link.person_key,
        record.village_code,
        record.jenis_klmin as sex,
        year(record.tgl_lhr) as birth_year,
        case
            when record.stat_hbkel = 1 then 1
            when record.stat_hbkel in (2, 3) then 2
            when record.stat_hbkel = 4 then 3
            when record.stat_hbkel is not null then 4
        end as relation,
        record.stat_kwn as marital_status,
        case
            when record.stat_hidup = 2 then 'dead'
            when record.flag_status = 1 then 'moved'
            when record.stat_hidup = 1 and record.flag_status = 0 then 'active'
        end as status,
        row_number() over (
            partition by person_link.person_key
            order by
                case when record.stat_hidup = 1 and record.flag_status = 0 then 0 else 1 end asc,
                record.tgl_ubah desc nulls last,
                record.source_key asc
        ) as place
    from biodata_wni as record
    inner join person_link
        on person_link.source = 'civil_registry' and record.source_key = person_link.source_key
),

insurance as (
    select
        person_link.person_key,
        card.village_code,
        case card.sex when 'L' then 1 when 'P' then 2 end as sex,
        year(card."tglLahir") as birth_year,
        row_number() over (
            partition by person_link.person_key
            order by card."updatedAt" desc nulls last, card.source_key asc
        ) as place
    from peserta as card
    inner join person_link
        on person_link.source = 'health_insurance' and card.source_key = person_link.source_key
),

person as (
    select distinct person_key
    from person_link
),

known as (
    select
        person.person_key,
        survey.family_key,
        coalesce(survey.village_code, registry.village_code, insurance.village_code) as village_code,
        coalesce(survey.sex, registry.sex, insurance.sex) as sex,
        coalesce(survey.birth_year, registry.birth_year, insurance.birth_year) as birth_year,
        coalesce(survey.relation, registry.relation) as relation,
        coalesce(survey.marital_status, registry.marital_status) as marital_status,
        survey.person_key is not null as in_survey,
        registry.person_key is not null as in_registry,
        insurance.person_key is not null as in_insurance,
        registry.status as registry_status
    from person
    left join survey on person.person_key = survey.person_key and survey.place = 1
    left join registry on person.person_key = registry.person_key and registry.place = 1
    left join insurance on person.person_key = insurance.person_key and insurance.place = 1
)

select
    person_key,
    family_key,
    village_code,
    case sex when 1 then 'male' when 2 then 'female' end as sex,
    case
        when birth_year < 1940 then '<1940'
        when birth_year is not null
            then
                cast(birth_year - birth_year % 5 as varchar) || '-' || cast(birth_year - birth_year % 5 + 4 as varchar)
    end as birth_period,
    case relation when 1 then 'head' when 2 then 'spouse' when 3 then 'child' when 4 then 'other' end as relation,
    case marital_status
        when 1 then 'never_married' when 2 then 'married' when 3 then 'divorced' when 4 then 'widowed'
    end as marital_status,
    in_survey,
    in_registry,
    in_insurance,
    registry_status
from known
order by person_key
