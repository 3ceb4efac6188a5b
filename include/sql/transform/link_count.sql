-- Purpose: how many person records each source has, how many belong to a person known to another source too, and how
-- many persons there are of whom the first record stands in this source.
-- Grain: one row per source.
-- Keys: source.
select
    source,
    count(*) as records,
    count(*) filter (where linked) as linked,
    count(*) filter (where leads) as persons
from record_state
group by source
