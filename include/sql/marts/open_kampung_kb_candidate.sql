-- Purpose: villages that are not Kampung KB, ranked by need, to be published. Made of nothing but figures that `open`
-- shows; a count that is not shown is taken as 0. Measures and weights stand in include/methodology/kampung_kb.yaml.
-- Grain: one row per village that is not Kampung KB. Key: village_code.
with unmet as (
    select
        coverage.region_code as village_code,
        grouped.measure,
        sum(coverage.not_achieved) as unmet,
        sum(coalesce(coverage.achieved, 0) + coalesce(coverage.not_achieved, 0)) as answered
    from open_indicator_coverage as coverage
    inner join candidate_indicator as grouped on coverage.indicator = grouped.indicator
    group by coverage.region_code, grouped.measure
    union all
    select
        region_code as village_code,
        'programme_gap' as measure,
        sum(not_participating) as unmet,
        sum(coalesce(participating, 0) + coalesce(not_participating, 0)) as answered
    from open_programme_coverage
    group by region_code
    union all
    select
        village_code,
        'rentan_share' as measure,
        rentan as unmet,
        families as answered
    from open_village_index
),

figure as (
    select
        village_code,
        measure,
        round(coalesce(unmet, 0) / nullif(cast(answered as numeric), 0), 2) as figure
    from unmet
    union all
    select
        village_code,
        'index_gap' as measure,
        1 - cast(ibangga as numeric) / 100 as figure
    from open_village_index
),

need as (
    select
        figure.village_code,
        round(
            100 * sum(cast(weight.weight as numeric) * figure.figure)
            / nullif(sum(cast(weight.weight as numeric)) filter (where figure.figure is not null), 0),
            1
        ) as need_score,
        max(figure.figure) filter (where figure.measure = 'index_gap') as index_gap,
        max(figure.figure) filter (where figure.measure = 'rentan_share') as rentan_share,
        max(figure.figure) filter (where figure.measure = 'documents_unmet') as documents_unmet,
        max(figure.figure) filter (where figure.measure = 'behaviour_unmet') as behaviour_unmet,
        max(figure.figure) filter (where figure.measure = 'services_unmet') as services_unmet,
        max(figure.figure) filter (where figure.measure = 'environment_unmet') as environment_unmet,
        max(figure.figure) filter (where figure.measure = 'programme_gap') as programme_gap
    from figure
    inner join candidate_weight as weight on figure.measure = weight.measure
    group by figure.village_code
)

select
    :as_of as as_of,
    shown.village_code,
    case
        when need.need_score is not null
            then row_number() over (
                order by need.need_score desc nulls last, shown.rentan desc nulls last, shown.village_code asc
            )
    end as rank,
    need.need_score,
    shown.village,
    shown.district,
    shown.families,
    shown.ibangga,
    shown.rentan,
    need.index_gap,
    need.rentan_share,
    need.documents_unmet,
    need.behaviour_unmet,
    need.services_unmet,
    need.environment_unmet,
    need.programme_gap
from open_village_index as shown
left join need on shown.village_code = need.village_code
where not shown.kampung_kb
