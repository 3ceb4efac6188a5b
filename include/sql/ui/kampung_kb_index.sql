-- The Kampung KB villages together and the other villages together, as of the latest load. A mean over families is the
-- villages' mean weighted by their scored families.
-- Grain: one row per group of villages and basis. Key: kampung_kb, basis.
select
    kampung_kb,
    basis,
    count(*) as villages,
    sum(families) as families,
    sum(ibangga * (rentan + berkembang + tangguh)) / nullif(sum(rentan + berkembang + tangguh), 0) as ibangga,
    sum(rentan) as rentan,
    sum(berkembang) as berkembang,
    sum(tangguh) as tangguh
from mart.village_index
where as_of = (select max(newest.as_of) from mart.village_index as newest) and starts_with(village_code, :region)
group by kampung_kb, basis
order by kampung_kb desc, basis asc
