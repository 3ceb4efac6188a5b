-- How many families achieve an indicator, of those to which it applies and whose answer is known. Adds up over
-- families, as village_measure does.
-- Grain: one row per village, indicator and basis. Key: village_code, indicator, basis.
with basis (basis) as (
    values ('survey'), ('integrated')
),

-- Families with the same answers are counted once: far fewer rows to unpack.
pattern as (
    select
        village_code,
        basis,
        states,
        count(*) as families
    from family_score
    group by village_code, basis, states
),

counted as (
    select
        pattern.village_code,
        pattern.basis,
        indicator.indicator,
        coalesce(
            sum(pattern.families) filter (where substr(pattern.states, indicator.position, 1) in ('0', '1')), 0
        ) as applicable,
        coalesce(
            sum(pattern.families) filter (where substr(pattern.states, indicator.position, 1) = '1'), 0
        ) as achieved
    from pattern
    cross join dim_indicator as indicator
    group by pattern.village_code, pattern.basis, indicator.indicator
)

select
    village.village_code,
    indicator.indicator,
    basis.basis,
    coalesce(counted.applicable, 0) as applicable,
    coalesce(counted.achieved, 0) as achieved
from village
cross join dim_indicator as indicator
cross join basis
left join counted
    on
        village.village_code = counted.village_code
        and indicator.indicator = counted.indicator
        and basis.basis = counted.basis
