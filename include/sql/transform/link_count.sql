-- Purpose: how many person records each source has, and how many belong to a person known to another source too.
-- Grain: one row per source.
-- Keys: source.
with person as (
    select
        person_key,
        count(distinct source) as sources
    from person_link
    group by person_key
)

select
    person_link.source,
    count(*) as records,
    sum(case when person.sources > 1 then 1 else 0 end) as linked
from person_link
inner join person on person_link.person_key = person.person_key
group by person_link.source
order by person_link.source
