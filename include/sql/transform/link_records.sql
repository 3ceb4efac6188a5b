-- Purpose: the accepted person records of all sources with the facts that linkage compares.
-- Grain: one row per accepted person record.
-- Keys: record_id (from 1 in the order of source, source_key); (source, source_key).
-- A NIK from a number cell is doubtful: it is no nik, only nik_digits, of which the first 15 are true (nik_15).
-- full_name is upper case with white space collapsed. household is the source's own key of the family (KODE_KELUARGA,
-- no_kk), family_card the number of the family card on either side; the mother of a survey member is the member that
-- K.11 points to.
with person_record as (
    select
        'family_survey' as source,
        anggota.source_key,
        anggota."K.01" as identity_number,
        coalesce(anggota."K.01__doubtful", false) as doubtful,
        anggota."K.02" as raw_name,
        anggota."K.04" as birth_date,
        anggota."K.03" as sex,
        anggota.village_code,
        anggota."KODE_KELUARGA" as household,
        case when not coalesce(keluarga."NO_KK__doubtful", false) then keluarga."NO_KK" end as family_card,
        case when not coalesce(mother."K.01__doubtful", false) then mother."K.01" end as mother_nik,
        mother."K.02" as mother_raw_name
    from anggota
    left join keluarga on anggota."KODE_KELUARGA" = keluarga.source_key
    left join anggota as mother
        on
            anggota."KODE_KELUARGA" = mother."KODE_KELUARGA"
            and anggota."K.11" = mother."NO_URUT"
            and anggota."NO_URUT" <> mother."NO_URUT"
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
        nik_ibu as mother_nik,
        nama_lgkp_ibu as mother_raw_name
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
        null as mother_nik,
        null as mother_raw_name
    from peserta
)

select
    cast(row_number() over (order by source, source_key) as bigint) as record_id,
    source,
    source_key,
    case when not doubtful and regexp_matches(identity_number, '^[0-9]{16}$') then identity_number end as nik,
    case when regexp_matches(identity_number, '^[0-9]{16}$') then left(identity_number, 15) end as nik_15,
    case when regexp_matches(identity_number, '^[0-9]{16}$') then identity_number end as nik_digits,
    doubtful as nik_doubtful,
    birth_date,
    nullif(trim(regexp_replace(upper(raw_name), '[\s\p{Z}]+', ' ', 'g')), '') as full_name,
    sex,
    village_code,
    household,
    case when regexp_matches(family_card, '^[0-9]{16}$') then family_card end as family_card,
    case when regexp_matches(mother_nik, '^[0-9]{16}$') then mother_nik end as mother_nik,
    nullif(trim(regexp_replace(upper(mother_raw_name), '[\s\p{Z}]+', ' ', 'g')), '') as mother_full_name
from person_record
