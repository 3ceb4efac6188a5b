-- Purpose: how often each rule of a judged table was checked and failed.
-- Grain: one row per rule and village. Keys: rule, village_code.
-- A rule over several columns is one check a column; a check fails once a row, whichever of its expectations broke.
with failed as (
    select
        placed.village,
        checking.check_id,
        count(distinct failure.row_id) as failed
    from failure
    inner join checking on failure.expectation = checking.expectation
    inner join placed on failure.row_id = placed.row_id
    group by placed.village, checking.check_id
),

check_of_rule as (
    select distinct
        checking.check_id,
        checking.rule,
        checking.dimension,
        checking.severity
    from checking
)

select
    judged.source,
    check_of_rule.rule,
    checked.village as village_code,
    check_of_rule.dimension,
    check_of_rule.severity,
    cast(sum(checked.checked) as bigint) as checked,
    cast(sum(coalesce(failed.failed, 0)) as bigint) as failed
from checked
inner join check_of_rule on checked.check_id = check_of_rule.check_id
left join failed
    on checked.check_id = failed.check_id and checked.village = failed.village
cross join judged
group by judged.source, check_of_rule.rule, checked.village, check_of_rule.dimension, check_of_rule.severity
having sum(checked.checked) > 0
