-- Purpose: record_fact, what a person looks at to tell whether two records are the same person, as the sources have it.
-- Grain: one row per record of looked_at.
-- Keys: (source, source_key).
-- sex is 1 (male) or 2 (female); family_code is the survey's own code of a family, family_card the number of the card.
select
    person_source.source,
    person_source.source_key,
    person_source.identity_number as nik,
    person_source.raw_name as name,
    person_source.birth_date,
    cast(person_source.sex as integer) as sex,
    person_source.village_code,
    case person_source.source when 'family_survey' then person_source.household end as family_code,
    person_source.family_card,
    person_source.mother_raw_name as mother_name
from person_source
semi join looked_at
    on person_source.source = looked_at.source and person_source.source_key = looked_at.source_key
