-- Purpose: duplicate_record, the persons whom one source holds more than once, for whoever cleans the source.
-- Grain: one row per record of such a person in that source. A card counts while it is in force on the run's date:
-- an ended one beside its successor is nothing to clean.
-- Keys: (source, source_key).
with counted as (
    select
        every_link.source,
        every_link.source_key,
        every_link.person_key,
        fact.nik,
        fact.name,
        fact.birth_date,
        fact.sex,
        fact.village_code,
        fact.family_code,
        fact.family_card,
        count(*) over person as records,
        count(*) over (partition by every_link.source, every_link.person_key, fact.family_code) as in_family
    from every_link
    semi join repeated_record
        on every_link.source = repeated_record.source and every_link.source_key = repeated_record.source_key
    inner join record_fact as fact
        on every_link.source = fact.source and every_link.source_key = fact.source_key
    left join peserta
        on every_link.source = 'health_insurance' and every_link.source_key = peserta.source_key
    where
        every_link.source <> 'health_insurance'
        or (
            peserta."statusPeserta.kode" = '0'
            and coalesce(peserta."tglTMT" <= cast($as_of as date), true)
            and coalesce(peserta."tglTAT" >= cast($as_of as date), true)
        )
    window person as (partition by every_link.source, every_link.person_key)
)

select
    source,
    source_key,
    case
        when source = 'civil_registry' then 'several_registry_records'
        when source = 'health_insurance' then 'several_active_cards'
        when in_family = records then 'listed_twice_in_family'
        else 'surveyed_in_two_families'
    end as kind,
    person_key,
    cast(records as integer) as records,
    nik,
    name,
    birth_date,
    sex,
    village_code,
    family_code,
    family_card
from counted
where records > 1
