-- Purpose: the accepted members with what the indicators need beside the answers.
-- Grain: one row per accepted member of a family.
-- Keys: source_key; ("KODE_KELUARGA", "NO_URUT").
-- age: full years on the day of the survey, from whole numbers (date functions differ between engines); null without
-- a birth date. is_head: K.10 = 1 and the lowest NO_URUT of its family.
with head as (
    select
        "KODE_KELUARGA",
        min("NO_URUT") as "NO_URUT"
    from anggota
    where "K.10" = 1
    group by "KODE_KELUARGA"
),

survey_day as (
    select
        "KODE_KELUARGA",
        year("TGL_PENDATAAN") * 10000 + month("TGL_PENDATAAN") * 100 + day("TGL_PENDATAAN") as number
    from keluarga
)

select
    anggota.*,
    person_link.person_key,
    head."NO_URUT" is not null as is_head,
    (
        survey_day.number
        - (year(anggota."K.04") * 10000 + month(anggota."K.04") * 100 + day(anggota."K.04"))
    ) // 10000 as age
from anggota
inner join survey_day on anggota."KODE_KELUARGA" = survey_day."KODE_KELUARGA"
left join head
    on anggota."KODE_KELUARGA" = head."KODE_KELUARGA" and anggota."NO_URUT" = head."NO_URUT"
left join person_link
    on person_link.source = 'family_survey' and anggota.source_key = person_link.source_key
