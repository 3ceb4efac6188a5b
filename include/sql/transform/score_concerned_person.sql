-- Purpose: the persons whose profile may be another one: those of whom a row differs, and all of such a family.
-- Grain: one row per person of either night.
-- Keys: person_key.
with member as (
    select anggota.source_key
    from either_anggota as anggota
    where anggota."KODE_KELUARGA" in (select changed.source_key from changed_family as changed)
)

select person_key
from changed_person
union
select link.person_key
from either_person_link as link
where link.source = 'family_survey' and link.source_key in (select member.source_key from member)
