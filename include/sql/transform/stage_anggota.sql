-- Purpose: members as landed, with the family row of their own workbook: accepted or not, its date and village.
-- Grain: one row per landed row of the sheet ANGGOTA. Keys: row_id.
-- Of several family rows with one code in a workbook the accepted one counts, else the one that would have stayed.
with family as (
    select
        keluarga.file,
        keluarga."KODE_KELUARGA",
        keluarga."TGL_PENDATAAN" as survey_date,
        keluarga.village_code,
        keluarga.village,
        keluarga_rejected.row_id is null as accepted
    from keluarga
    left join keluarga_rejected on keluarga.row_id = keluarga_rejected.row_id
    qualify row_number() over (
        partition by keluarga.file, keluarga."KODE_KELUARGA"
        order by accepted desc, survey_date desc nulls last, keluarga.row_number desc
    ) = 1
)

select
    parsed.*,
    coalesce(family.accepted, false) as family_accepted,
    family.survey_date,
    family.village_code,
    coalesce(family.village, 'unknown') as village
from parsed
left join family
    on parsed.file = family.file and parsed."KODE_KELUARGA" = family."KODE_KELUARGA"
