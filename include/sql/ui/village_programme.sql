-- Who takes part in the programme's activity groups in one village.
-- Grain: one row per activity group. Key: programme.
select
    programme,
    eligible,
    participating,
    share
from mart.programme_coverage
where village_code = :village_code and starts_with(village_code, :region)
order by programme
