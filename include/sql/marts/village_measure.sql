-- What of a village can be added up: families, members, and sums of scores with the families behind them. Sums are
-- taken in numeric, so that the order of rows cannot change the last digit. Adds up over families, too: the measures
-- of some and those of all others make those of all.
-- Grain: one row per village and basis. Key: village_code, basis.
with basis (basis) as (
    values ('survey'), ('integrated')
)

select
    village.village_code,
    basis.basis,
    count(family.family_key) as families,
    coalesce(sum(family.members), 0) as members,
    count(family.ketentraman) as ketentraman_families,
    coalesce(sum(cast(family.ketentraman as numeric)), 0) as ketentraman_sum,
    count(family.kemandirian) as kemandirian_families,
    coalesce(sum(cast(family.kemandirian as numeric)), 0) as kemandirian_sum,
    count(family.kebahagiaan) as kebahagiaan_families,
    coalesce(sum(cast(family.kebahagiaan as numeric)), 0) as kebahagiaan_sum,
    count(family.ibangga) as ibangga_families,
    coalesce(sum(cast(family.ibangga as numeric)), 0) as ibangga_sum,
    count(*) filter (where family.category = 'rentan') as rentan,
    count(*) filter (where family.category = 'berkembang') as berkembang,
    count(*) filter (where family.category = 'tangguh') as tangguh
from village
cross join basis
left join family_score as family
    on village.village_code = family.village_code and basis.basis = family.basis
group by village.village_code, basis.basis
