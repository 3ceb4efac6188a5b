-- Purpose: the families of whom a row is not what it was: their own, a member's, or one of a person who is a member.
-- Grain: one row per family of either night.
-- Keys: source_key (KODE_KELUARGA).
with member as (
    select source_key
    from differing_anggota
    union all
    select link.source_key
    from either_person_link as link
    where
        link.source = 'family_survey'
        and link.person_key in (select person.person_key from changed_person as person)
)

select source_key
from differing_keluarga
union
select source_key
from differing_family_link
union
select family.source_key
from either_keluarga as family
where family."NO_KK" in (select card.no_kk from differing_data_keluarga as card)
union
select anggota."KODE_KELUARGA" as source_key
from either_anggota as anggota
where anggota.source_key in (select member.source_key from member)
