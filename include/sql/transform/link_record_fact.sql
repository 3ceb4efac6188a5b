-- Purpose: record_fact, what a person looks at to tell whether two records are the same person, as the sources have it.
-- Grain: one row per accepted person record.
-- Keys: (source, source_key).
-- sex is 1 (male) or 2 (female); family_code is the survey's own code of a family, family_card the number of the card.
select
    source,
    source_key,
    identity_number as nik,
    raw_name as name,
    birth_date,
    cast(sex as integer) as sex,
    village_code,
    case source when 'family_survey' then household end as family_code,
    family_card,
    mother_raw_name as mother_name
from person_source
