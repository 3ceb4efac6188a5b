-- Purpose: Kampung KB villages beside the others, plain means over villages, at the latest load.
-- Grain: one row per basis and group of villages.
-- Reads: open.
select
    case basis when 'survey' then 'survei' else 'terpadu' end as basis,
    case when kampung_kb then 'Kampung KB' else 'Desa lain' end as village_group,
    count(*) as villages,
    avg(ibangga) as ibangga,
    avg(ketentraman) as ketentraman,
    avg(kemandirian) as kemandirian,
    avg(kebahagiaan) as kebahagiaan
from open.village_index
where as_of = (select max(as_of) from open.village_index) and ibangga is not null
group by basis, kampung_kb
order by basis desc, kampung_kb desc
