-- Purpose: the families that are scored again: those with a row that differs, those of whom the date says something
-- else, and those in which a person stands whose profile is made again. family_key is the one of either night.
-- Grain: one row per family of either night.
-- Keys: source_key (KODE_KELUARGA); family_key.
with member as (
    select link.source_key
    from either_person_link as link
    where
        link.source = 'family_survey'
        and link.person_key in (select person.person_key from concerned_person as person)
),

family as (
    select source_key
    from changed_family
    union all
    select source_key
    from turned_family
    union all
    select anggota."KODE_KELUARGA" as source_key
    from either_anggota as anggota
    where anggota.source_key in (select member.source_key from member)
)

select distinct
    link.source_key,
    link.family_key
from either_family_link as link
where link.source_key in (select family.source_key from family)
