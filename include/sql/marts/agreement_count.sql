-- The survey's answer against that of linked evidence alone, for the indicators that have evidence. A family whose
-- evidence leaves one of the asked members open is missing, unless one certain "no" decides. Adds up over families.
-- Grain: one row per village and indicator with evidence. Key: village_code, indicator.
with pattern as (
    select
        village_code,
        states,
        provenances,
        evidence,
        count(*) as families
    from family_score
    where basis = 'survey'
    group by village_code, states, provenances, evidence
),

answer as (
    select
        pattern.village_code,
        indicator.indicator,
        pattern.families,
        substr(pattern.states, indicator.position, 1) as survey,
        substr(pattern.evidence, indicator.position, 1) as evidence,
        'n' in (
            substr(pattern.provenances, indicator.position, 1), substr(pattern.evidence, indicator.position, 1)
        ) as not_applicable
    from pattern
    cross join dim_indicator as indicator
    where indicator.evidence_source is not null
),

counted as (
    select
        village_code,
        indicator,
        sum(families) filter (where survey = '1' and evidence = '1') as both_yes,
        sum(families) filter (where survey = '0' and evidence = '0') as both_no,
        sum(families) filter (where survey = '1' and evidence = '0') as survey_only_yes,
        sum(families) filter (where survey = '0' and evidence = '1') as registry_only_yes,
        sum(families) filter (where not not_applicable and (survey = '-' or evidence = 'm')) as missing,
        sum(families) filter (where not_applicable) as not_applicable
    from answer
    group by village_code, indicator
)

select
    village.village_code,
    indicator.indicator,
    coalesce(counted.both_yes, 0) as both_yes,
    coalesce(counted.both_no, 0) as both_no,
    coalesce(counted.survey_only_yes, 0) as survey_only_yes,
    coalesce(counted.registry_only_yes, 0) as registry_only_yes,
    coalesce(counted.missing, 0) as missing,
    coalesce(counted.not_applicable, 0) as not_applicable
from village
cross join dim_indicator as indicator
left join counted
    on village.village_code = counted.village_code and indicator.indicator = counted.indicator
where indicator.evidence_source is not null
