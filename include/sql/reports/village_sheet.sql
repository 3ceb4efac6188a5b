-- Purpose: what the sheet of a village says about its index: figures, those of its district and regency, and what was
-- shown of it before.
-- Grain: one row per village.
-- Reads: open.
with state as (
    select
        *,
        row_number() over (partition by village_code order by as_of desc) as age
    from open.village_index_history
)

select
    village.village_code,
    village.village,
    village.district,
    regency.regency,
    village.kampung_kb,
    village.families,
    village.ibangga,
    village.category,
    village.ketentraman,
    village.kemandirian,
    village.kebahagiaan,
    village.rentan,
    village.berkembang,
    village.tangguh,
    district.ibangga as district_ibangga,
    regency.ibangga as regency_ibangga,
    newest.as_of as changed_on,
    before.as_of as before_as_of,
    before.families as before_families,
    before.ibangga as before_ibangga,
    before.ketentraman as before_ketentraman,
    before.kemandirian as before_kemandirian,
    before.kebahagiaan as before_kebahagiaan,
    before.rentan as before_rentan,
    before.berkembang as before_berkembang,
    before.tangguh as before_tangguh
from open.village_index as village
left join open.district_index as district on left(village.village_code, 6) = district.district_code
left join open.regency_index as regency on left(village.village_code, 4) = regency.regency_code
left join state as newest on village.village_code = newest.village_code and newest.age = 1
left join state as before on village.village_code = before.village_code and before.age = 2
order by village.district, village.village, village.village_code
