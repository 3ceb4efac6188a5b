-- How many persons a source holds more than once, by the village of the record.
-- Grain: one row per village, source and kind with any. Key: village_code, source, kind.
select
    coalesce(village_code, 'unknown') as village_code,
    source,
    kind,
    count(distinct person_key) as persons,
    count(*) as records
from duplicate_record
group by 1, 2, 3
