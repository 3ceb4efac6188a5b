-- Villages that are not Kampung KB on as_of, ranked by need (basis integrated). need_score is 100 x the weighted mean
-- of the measures that a village has, each 0-1 and higher where the need is greater; measures and weights stand in
-- include/methodology/kampung_kb.yaml. Villages without a measure have no rank.
-- Grain: one row per village that is not Kampung KB. Key: village_code.
with candidate as (
    select *
    from village
    where not kampung_kb
),

unmet as (
    select
        coverage.village_code,
        grouped.measure,
        1 - sum(coverage.achieved) / cast(nullif(sum(coverage.applicable), 0) as numeric) as figure
    from indicator_coverage as coverage
    inner join candidate_indicator as grouped on coverage.indicator = grouped.indicator
    where coverage.basis = 'integrated'
    group by coverage.village_code, grouped.measure
),

target as (
    select
        village_code,
        max(figure) filter (where measure = 'documents_unmet') as documents_unmet,
        max(figure) filter (where measure = 'behaviour_unmet') as behaviour_unmet,
        max(figure) filter (where measure = 'services_unmet') as services_unmet,
        max(figure) filter (where measure = 'environment_unmet') as environment_unmet
    from unmet
    group by village_code
),

programme as (
    select
        village_code,
        1 - sum(participating) / cast(nullif(sum(eligible), 0) as numeric) as programme_gap
    from programme_coverage
    group by village_code
),

figure as (
    select
        measured.code as village_code,
        1 - cast(measured.ibangga as numeric) / 100 as index_gap,
        cast(measured.rentan as numeric)
        / nullif(measured.rentan + measured.berkembang + measured.tangguh, 0) as rentan_share,
        target.documents_unmet,
        target.behaviour_unmet,
        target.services_unmet,
        target.environment_unmet,
        programme.programme_gap
    from region_measure as measured
    left join target on measured.code = target.village_code
    left join programme on measured.code = programme.village_code
    where measured.basis = 'integrated'
),

need as (
    select
        figure.village_code,
        round(
            100 * sum(cast(weight.weight as numeric) * weighed.figure)
            / nullif(sum(cast(weight.weight as numeric)) filter (where weighed.figure is not null), 0),
            6
        ) as need_score
    from figure
    cross join
        lateral (
            values
            ('index_gap', figure.index_gap),
            ('rentan_share', figure.rentan_share),
            ('documents_unmet', figure.documents_unmet),
            ('behaviour_unmet', figure.behaviour_unmet),
            ('services_unmet', figure.services_unmet),
            ('environment_unmet', figure.environment_unmet),
            ('programme_gap', figure.programme_gap)
        ) as weighed (measure, figure)
    inner join candidate_weight as weight on weighed.measure = weight.measure
    group by figure.village_code
)

select
    candidate.village_code,
    case
        when need.need_score is not null
            then row_number() over (
                order by need.need_score desc nulls last, measured.rentan desc, candidate.village_code asc
            )
    end as rank,
    need.need_score,
    candidate.village,
    district.name as district,
    measured.families,
    measured.ibangga,
    measured.rentan,
    round(figure.index_gap, 12) as index_gap,
    round(figure.rentan_share, 12) as rentan_share,
    round(figure.documents_unmet, 12) as documents_unmet,
    round(figure.behaviour_unmet, 12) as behaviour_unmet,
    round(figure.services_unmet, 12) as services_unmet,
    round(figure.environment_unmet, 12) as environment_unmet,
    round(figure.programme_gap, 12) as programme_gap
from candidate
inner join region_measure as measured on candidate.village_code = measured.code and measured.basis = 'integrated'
inner join figure on candidate.village_code = figure.village_code
left join need on candidate.village_code = need.village_code
left join dim_region as district on candidate.district_code = district.code
