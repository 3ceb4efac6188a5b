-- Purpose: the key of each of tonight's persons: the awarded one, else a new one made from its smallest record.
-- A record seen for the first time gives a key of its own; one that was known before has perhaps given that key
-- away, so the date of the run is part of the new key: no key ever stands for another person.
-- Grain: one row per person (label).
-- Keys: label; person_key.
with person as (
    select distinct label from record_label
)

select
    person.label,
    coalesce(
        award.person_key,
        pseudonym(
            'person',
            first_record.source || '|' || first_record.source_key
            || case
                when previous.source_key is null then ''
                else '|' || cast(cast($as_of as date) as varchar) -- noqa: RF02
            end
        )
    ) as person_key
from person
inner join person_number as first_record on person.label = first_record.record_id
left join award on person.label = award.label
left join previous
    on first_record.source = previous.source and first_record.source_key = previous.source_key
