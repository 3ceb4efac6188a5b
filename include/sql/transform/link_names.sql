-- Purpose: every name of the records, of persons and mothers, normalised once.
-- Grain: one row per name as it stands in the sources.
-- Keys: full_name.
-- A newborn without a name of its own ("BAYI NY. SITI") is BAYI and the mother's name: newborn_of is SITI.
with raw_name as (
    select full_name from person_record
    union distinct
    select mother_full_name as full_name from person_record
),

clean_name as (
    select
        full_name,
        name_clean(full_name) as name
    from raw_name
    where full_name is not null
),

normalised as (
    select
        full_name,
        name,
        name_key(name) as name_key
    from clean_name
)

select
    full_name,
    case when not starts_with(name, 'BAYI ') then name end as name,
    case when not starts_with(name, 'BAYI ') then name_key end as name_key,
    case when not starts_with(name, 'BAYI ') then split_part(name, ' ', 1) end as name_first,
    case when starts_with(name, 'BAYI ') then substr(name, 6) end as newborn_of
from normalised
