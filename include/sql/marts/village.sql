-- Villages that have a row in the marts: those of the reference valid on as_of, and any other that has families.
-- Grain: one row per village (a region with a code of 10 digits, PPKKCCVVVV). Key: village_code.
with member as (
    select distinct village_code
    from kampung_kb
    where
        valid_from <= :as_of
        and coalesce(valid_to, date 'infinity') >= :as_of
)

select
    region.code as village_code,
    region.name as village,
    left(region.code, 6) as district_code,
    district.name as district,
    left(region.code, 4) as regency_code,
    regency.name as regency,
    member.village_code is not null as kampung_kb
from dim_region as region
left join dim_region as district on left(region.code, 6) = district.code
left join dim_region as regency on left(region.code, 4) = regency.code
left join member on region.code = member.village_code
where
    length(region.code) = 10
    and (
        (
            coalesce(region.valid_from, date '-infinity') <= :as_of
            and coalesce(region.valid_to, date 'infinity') >= :as_of
        )
        or region.code in (select family_score.village_code from family_score)
    )
