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

programme as (
    select
        village_code,
        1 - sum(participating) / cast(nullif(sum(eligible), 0) as numeric) as figure
    from programme_coverage
    group by village_code
),

figure as (
    select
        candidate.village_code,
        weight.measure,
        weight.weight,
        case weight.measure
            when 'index_gap' then 1 - cast(measured.ibangga as numeric) / 100
            when 'rentan_share'
                then cast(measured.rentan as numeric)
                    / nullif(measured.rentan + measured.berkembang + measured.tangguh, 0)
            when 'programme_gap' then programme.figure
            else unmet.figure
        end as figure
    from candidate
    cross join candidate_weight as weight
    inner join region_measure as measured
        on candidate.village_code = measured.code and measured.basis = 'integrated'
    left join programme on candidate.village_code = programme.village_code
    left join unmet on candidate.village_code = unmet.village_code and weight.measure = unmet.measure
),

scored as (
    select
        village_code,
        round(
            100 * sum(cast(weight as numeric) * figure)
            / nullif(sum(cast(weight as numeric)) filter (where figure is not null), 0),
            6
        ) as need_score,
        round(max(figure) filter (where measure = 'index_gap'), 12) as index_gap,
        round(max(figure) filter (where measure = 'rentan_share'), 12) as rentan_share,
        round(max(figure) filter (where measure = 'documents_unmet'), 12) as documents_unmet,
        round(max(figure) filter (where measure = 'behaviour_unmet'), 12) as behaviour_unmet,
        round(max(figure) filter (where measure = 'services_unmet'), 12) as services_unmet,
        round(max(figure) filter (where measure = 'environment_unmet'), 12) as environment_unmet,
        round(max(figure) filter (where measure = 'programme_gap'), 12) as programme_gap
    from figure
    group by village_code
)

select
    candidate.village_code,
    case
        when scored.need_score is not null
            then row_number() over (
                order by scored.need_score desc nulls last, measured.rentan desc, candidate.village_code asc
            )
    end as rank,
    scored.need_score,
    candidate.village,
    district.name as district,
    measured.families,
    measured.ibangga,
    measured.rentan,
    scored.index_gap,
    scored.rentan_share,
    scored.documents_unmet,
    scored.behaviour_unmet,
    scored.services_unmet,
    scored.environment_unmet,
    scored.programme_gap
from candidate
inner join scored on candidate.village_code = scored.village_code
inner join region_measure as measured on candidate.village_code = measured.code and measured.basis = 'integrated'
left join dim_region as district on candidate.district_code = district.code
