-- Purpose: person_record, the numbered person records with the facts that linkage compares.
-- Grain: one row per record of person_number. Keys: record_id; (source, source_key).
-- A NIK from a number cell is doubtful: it is no nik, only nik_digits, of which the first 15 are true (nik_15).
-- full_name is upper case with white space collapsed.
with numbered as (
    select
        person_number.record_id,
        person_source.*
    from person_source
    inner join person_number
        on person_source.source = person_number.source and person_source.source_key = person_number.source_key
)

select
    record_id,
    source,
    source_key,
    case when not doubtful and regexp_matches(identity_number, '^[0-9]{16}$') then identity_number end as nik,
    case when regexp_matches(identity_number, '^[0-9]{16}$') then left(identity_number, 15) end as nik_15,
    case when regexp_matches(identity_number, '^[0-9]{16}$') then identity_number end as nik_digits,
    doubtful as nik_doubtful,
    birth_date,
    one_spaced(raw_name) as full_name,
    sex,
    village_code,
    household,
    case when not card_doubtful and regexp_matches(family_card, '^[0-9]{16}$') then family_card end as family_card,
    case
        when not own_mother and not mother_doubtful and regexp_matches(mother_number, '^[0-9]{16}$')
            then mother_number
    end as mother_nik,
    case when not own_mother then one_spaced(mother_raw_name) end as mother_full_name
from numbered
