-- Purpose: the records of one FEBRL data set, blank values null.
-- Grain: one row per record.
-- Keys: record_id; (file, rec_id).
-- In data set 4 each person stands once in either file; the others are one file in which persons repeat. rec-1-org and
-- rec-1-dup-0 are the same person.
select
    cast(row_number() over (order by filename, trim(rec_id)) as bigint) as record_id,
    trim(rec_id) as rec_id,
    case when contains(filename, 'dataset4') then filename end as file,
    regexp_extract(rec_id, 'rec-(\d+)-', 1) as person,
    nullif(trim(given_name), '') as given_name,
    nullif(trim(surname), '') as surname,
    nullif(trim(street_number), '') as street_number,
    nullif(trim(address_1), '') as address_1,
    nullif(trim(suburb), '') as suburb,
    nullif(trim(postcode), '') as postcode,
    nullif(trim(date_of_birth), '') as date_of_birth,
    nullif(trim(soc_sec_id), '') as soc_sec_id
from read_csv($files, header = true, all_varchar = true, normalize_names = false, filename = true)
