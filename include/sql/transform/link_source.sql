-- Purpose: person_source, the accepted person records of all sources as the sources have them.
-- Grain: one row per accepted person record.
-- Keys: (source, source_key).
-- household is the source's own key of the family (KODE_KELUARGA, no_kk), family_card the number of the family card on
-- either side; the mother of a survey member is the member that K.11 points to, own_mother where that is the member.
-- doubtful: the number comes from a number cell of a workbook.
select
    'family_survey' as source,
    member.source_key,
    member."K.01" as identity_number,
    coalesce(member."K.01__doubtful", false) as doubtful,
    member."K.02" as raw_name,
    member."K.04" as birth_date,
    member."K.03" as sex,
    member.village_code,
    member."KODE_KELUARGA" as household,
    keluarga."NO_KK" as family_card,
    coalesce(keluarga."NO_KK__doubtful", false) as card_doubtful,
    mother."K.01" as mother_number,
    coalesce(mother."K.01__doubtful", false) as mother_doubtful,
    mother."K.02" as mother_raw_name,
    coalesce(member."NO_URUT" = mother."NO_URUT", false) as own_mother
from anggota as member
left join keluarga on member."KODE_KELUARGA" = keluarga.source_key
left join anggota as mother
    on member."KODE_KELUARGA" = mother."KODE_KELUARGA" and member."K.11" = mother."NO_URUT"
union all
select
    'civil_registry' as source,
    source_key,
    nik as identity_number,
    false as doubtful,
    nama_lgkp as raw_name,
    tgl_lhr as birth_date,
    jenis_klmin as sex,
    village_code,
    no_kk as household,
    no_kk as family_card,
    false as card_doubtful,
    nik_ibu as mother_number,
    false as mother_doubtful,
    nama_lgkp_ibu as mother_raw_name,
    false as own_mother
from biodata_wni
union all
select
    'health_insurance' as source,
    source_key,
    nik as identity_number,
    false as doubtful,
    nama as raw_name,
    "tglLahir" as birth_date,
    case sex when 'L' then 1 when 'P' then 2 end as sex,
    village_code,
    null as household,
    null as family_card,
    false as card_doubtful,
    null as mother_number,
    false as mother_doubtful,
    null as mother_raw_name,
    false as own_mother
from peserta
