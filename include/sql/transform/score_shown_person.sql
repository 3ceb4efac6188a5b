-- Purpose: the persons concerned, and all persons of the families that are scored again.
-- Grain: one row per person of either night.
-- Keys: person_key.
with member as (
    select anggota.source_key
    from either_anggota as anggota
    where anggota."KODE_KELUARGA" in (select family.source_key from concerned_family as family)
)

select person_key
from concerned_person
union
select link.person_key
from either_person_link as link
where link.source = 'family_survey' and link.source_key in (select member.source_key from member)
