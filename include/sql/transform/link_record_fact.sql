-- Purpose: what a person looks at to tell whether two records are the same person, as the sources have it.
-- Grain: one row per accepted person record.
-- Keys: (source, source_key).
-- sex is 1 (male) or 2 (female); family_code is the survey's own code of a family, family_card the number of the card.
select
    'family_survey' as source,
    member.source_key,
    member."K.01" as nik,
    member."K.02" as name,
    member."K.04" as birth_date,
    cast(member."K.03" as integer) as sex,
    member.village_code,
    member."KODE_KELUARGA" as family_code,
    keluarga."NO_KK" as family_card,
    mother."K.02" as mother_name
from anggota as member
left join keluarga on member."KODE_KELUARGA" = keluarga."KODE_KELUARGA"
left join anggota as mother
    on member."KODE_KELUARGA" = mother."KODE_KELUARGA" and member."K.11" = mother."NO_URUT"
union all
select
    'civil_registry' as source,
    source_key,
    nik,
    nama_lgkp as name,
    tgl_lhr as birth_date,
    cast(jenis_klmin as integer) as sex,
    village_code,
    cast(null as varchar) as family_code,
    no_kk as family_card,
    nama_lgkp_ibu as mother_name
from biodata_wni
union all
select
    'health_insurance' as source,
    source_key,
    nik,
    nama as name,
    "tglLahir" as birth_date,
    case sex when 'L' then 1 when 'P' then 2 end as sex,
    village_code,
    cast(null as varchar) as family_code,
    cast(null as varchar) as family_card,
    cast(null as varchar) as mother_name
from peserta
