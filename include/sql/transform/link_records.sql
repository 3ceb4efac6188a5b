-- Purpose: the accepted person records of all sources with the facts that exact linkage compares.
-- Grain: one row per accepted person record.
-- Keys: record_id (from 1 in the order of source, source_key); (source, source_key).
-- A NIK from a number cell is doubtful and does not take part; a name is upper case with white space collapsed.
with person_record as (
    select
        'family_survey' as source,
        source_key,
        case when coalesce("K.01__doubtful", false) then null else "K.01" end as nik,
        "K.04" as birth_date,
        "K.02" as full_name
    from anggota
    union all
    select
        'civil_registry' as source,
        source_key,
        nik,
        tgl_lhr as birth_date,
        nama_lgkp as full_name
    from biodata_wni
    union all
    select
        'health_insurance' as source,
        source_key,
        nik,
        "tglLahir" as birth_date,
        nama as full_name
    from peserta
)

select
    cast(row_number() over (order by source, source_key) as bigint) as record_id,
    source,
    source_key,
    case when regexp_matches(nik, '^[0-9]{16}$') then nik end as nik,
    birth_date,
    nullif(trim(regexp_replace(upper(full_name), '[\s\p{Z}]+', ' ', 'g')), '') as full_name
from person_record
