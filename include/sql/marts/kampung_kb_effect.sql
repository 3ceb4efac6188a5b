-- Kampung KB beside similar other villages over the published loads. Each Kampung KB is held against the mean of the
-- nearest villages of its regency that were never Kampung KB in a load, near in families (logarithm) and index at the
-- first load. difference is the mean over these pairs, change the difference less that of the first load; the
-- intervals are Student's t over the pairs (quantile by the Cornish-Fisher expansion from the normal one).
-- Grain: one row per load of compared_load, basis and measure. Key: as_of, basis, measure.
with first_load as (
    select min(as_of) as as_of
    from mart.village_index
),

value as (
    select
        measured.as_of,
        measured.basis,
        measured.village_code,
        measured.kampung_kb,
        value.measure,
        cast(value.value as numeric) as value
    from mart.village_index as measured
    cross join
        lateral (
            values
            ('ketentraman', measured.ketentraman),
            ('kemandirian', measured.kemandirian),
            ('kebahagiaan', measured.kebahagiaan),
            ('ibangga', measured.ibangga)
        ) as value (measure, value)
    where
        measured.ibangga is not null
        and measured.as_of in (
            select compared_load.as_of from compared_load
            union all
            select first_load.as_of from first_load
        )
),

ever as (
    select distinct
        village_code,
        basis
    from mart.village_index
    where kampung_kb
),

baseline as (
    select
        measured.*,
        ever.village_code is not null as ever_kampung_kb
    from mart.village_index as measured
    inner join first_load on measured.as_of = first_load.as_of
    left join ever on measured.village_code = ever.village_code and measured.basis = ever.basis
    where measured.ibangga is not null
),

neighbour as (
    select
        member.basis,
        member.village_code,
        other.village_code as other_code,
        row_number() over (
            partition by member.basis, member.village_code
            order by
                rule.size_weight * power(ln(cast(member.families as numeric) / other.families), 2)
                + rule.index_weight * power(cast(member.ibangga - other.ibangga as numeric) / rule.index_scale, 2),
                other.village_code
        ) as nearness
    from baseline as member
    cross join effect_rule as rule
    inner join baseline as other
        on
            member.basis = other.basis
            and left(member.village_code, 4) = left(other.village_code, 4)
    where member.ever_kampung_kb and not other.ever_kampung_kb
),

matched as (
    select
        neighbour.basis,
        neighbour.village_code,
        neighbour.other_code
    from neighbour
    cross join effect_rule as rule
    where neighbour.nearness <= rule.neighbours
),

pair as (
    select
        member.as_of,
        member.basis,
        member.measure,
        member.village_code,
        member.value,
        avg(other.value) as other_value
    from value as member
    inner join matched on member.basis = matched.basis and member.village_code = matched.village_code
    inner join value as other
        on
            matched.other_code = other.village_code
            and member.as_of = other.as_of
            and member.basis = other.basis
            and member.measure = other.measure
    where member.kampung_kb
    group by member.as_of, member.basis, member.measure, member.village_code, member.value
),

-- The same village and its neighbours at the first load, Kampung KB then or not.
first_pair as (
    select
        member.as_of,
        member.basis,
        member.measure,
        member.village_code,
        member.value - avg(other.value) as difference
    from value as member
    inner join matched on member.basis = matched.basis and member.village_code = matched.village_code
    inner join value as other
        on
            matched.other_code = other.village_code
            and member.as_of = other.as_of
            and member.basis = other.basis
            and member.measure = other.measure
    where member.as_of = (select first_load.as_of from first_load)
    group by member.as_of, member.basis, member.measure, member.village_code, member.value
),

compared as (
    select
        pair.*,
        first_pair.as_of as baseline_as_of,
        pair.value - pair.other_value as difference,
        case
            when pair.as_of > first_pair.as_of then pair.value - pair.other_value - first_pair.difference
        end as change
    from pair
    inner join first_pair
        on
            pair.basis = first_pair.basis
            and pair.measure = first_pair.measure
            and pair.village_code = first_pair.village_code
    where pair.as_of in (select compared_load.as_of from compared_load)
),

summary as (
    select
        as_of,
        basis,
        measure,
        baseline_as_of,
        count(*) as villages,
        avg(value) as kampung_kb_mean,
        avg(other_value) as comparison_mean,
        avg(difference) as difference,
        stddev_samp(difference) / sqrt(count(*)) as difference_error,
        avg(change) as change,
        stddev_samp(change) / sqrt(count(*)) as change_error,
        case when count(*) > 2 then cast(count(*) - 1 as double precision) end as freedom
    from compared
    group by as_of, basis, measure, baseline_as_of
),

quantiled as (
    select
        summary.*,
        rule.confidence,
        rule.caution,
        cast(
            rule.z + (power(rule.z, 3) + rule.z) / (4 * summary.freedom)
            + (5 * power(rule.z, 5) + 16 * power(rule.z, 3) + 3 * rule.z) / (96 * power(summary.freedom, 2))
            + (3 * power(rule.z, 7) + 19 * power(rule.z, 5) + 17 * power(rule.z, 3) - 15 * rule.z)
            / (384 * power(summary.freedom, 3))
            + (
                79 * power(rule.z, 9) + 776 * power(rule.z, 7) + 1482 * power(rule.z, 5) - 1920 * power(rule.z, 3)
                - 945 * rule.z
            ) / (92160 * power(summary.freedom, 4)) as numeric
        ) as t
    from summary
    cross join effect_rule as rule
)

select
    as_of,
    basis,
    measure,
    baseline_as_of,
    villages,
    round(kampung_kb_mean, 9) as kampung_kb_mean,
    round(comparison_mean, 9) as comparison_mean,
    round(difference, 9) as difference,
    round(cast(difference - t * difference_error as numeric), 9) as difference_low,
    round(cast(difference + t * difference_error as numeric), 9) as difference_high,
    round(change, 9) as change,
    round(cast(change - t * change_error as numeric), 9) as change_low,
    round(cast(change + t * change_error as numeric), 9) as change_high,
    confidence,
    caution
from quantiled
