-- Purpose: how often each rule about linked records was checked and failed, from the verdicts in record_state.
-- Grain: one row per source, rule and village. Keys: (source, rule, village_code).
-- A rule over several columns is one check a column; a check fails once a record, whichever of its expectations broke.
with alike as (
    select
        source,
        village,
        checked,
        failed,
        count(*) as records
    from record_state
    where village is not null
    group by source, village, checked, failed
),

check_of_rule as (
    select
        rule,
        dimension,
        severity,
        cast(1 << check_id as ubigint) as bit,
        bit_or(cast(1 << expectation as ubigint)) as expectations
    from checking
    group by check_id, rule, dimension, severity
)

select
    alike.source,
    check_of_rule.rule,
    alike.village as village_code,
    check_of_rule.dimension,
    check_of_rule.severity,
    cast(coalesce(sum(alike.records) filter (where alike.checked & check_of_rule.bit <> 0), 0) as bigint) as checked,
    cast(
        coalesce(sum(alike.records) filter (where alike.failed & check_of_rule.expectations <> 0), 0) as bigint
    ) as failed
from alike
cross join check_of_rule
group by alike.source, check_of_rule.rule, alike.village, check_of_rule.dimension, check_of_rule.severity
having checked > 0
order by all
