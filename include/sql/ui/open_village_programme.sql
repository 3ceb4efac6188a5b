-- Who takes part in the programme's activity groups in one village, of the families that answered, as far as published.
-- Grain: one row per activity group. Key: programme.
select
    programme,
    cast(null as integer) as eligible,
    participating,
    share
from open.programme_coverage
where region_code = :village_code and length(region_code) = 10 and starts_with(region_code, :region)
order by programme
