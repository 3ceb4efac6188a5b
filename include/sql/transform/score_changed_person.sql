-- Purpose: the persons of whom a link, or a record beside the survey, is not what it was on the earlier night.
-- Grain: one row per person of either night.
-- Keys: person_key.
with record as (
    select
        'civil_registry' as source,
        source_key
    from differing_biodata_wni
    union all
    select
        'health_insurance' as source,
        source_key
    from differing_peserta
    union all
    select
        source,
        source_key
    from differing_person_link
)

select distinct link.person_key
from either_person_link as link
inner join record on link.source = record.source and link.source_key = record.source_key
