-- Purpose: records of earlier crosswalks that stand in no source tonight. One that returns takes its key back,
-- unless somebody still carries it or took it meanwhile: then only the fact that it was known is kept.
-- Grain: one row per vanished person record.
-- Keys: (source, source_key).
with used as (
    select distinct person_key from person_link
)

select
    previous.source,
    previous.source_key,
    case when used.person_key is null then previous.person_key end as person_key,
    previous.linked_since
from previous
left join person_number
    on previous.source = person_number.source and previous.source_key = person_number.source_key
left join used on previous.person_key = used.person_key
where person_number.record_id is null
