-- Purpose: Kampung KB villages beside the others, plain means over the villages that have an index.
-- Grain: one row per group of villages.
-- Reads: open.
select
    case when kampung_kb then 'Kampung KB' else 'Desa lain' end as village_group,
    count(*) as villages,
    avg(ibangga) as ibangga,
    avg(ketentraman) as ketentraman,
    avg(kemandirian) as kemandirian,
    avg(kebahagiaan) as kebahagiaan
from open.village_index
where ibangga is not null
group by kampung_kb
order by kampung_kb desc
