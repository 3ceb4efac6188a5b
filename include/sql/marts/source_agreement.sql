-- The survey's answer against that of linked evidence alone, for the indicators that have evidence, with the share of
-- those that agree where both are known.
-- Grain: one row per village and indicator with evidence. Key: village_code, indicator.
select
    counted.village_code,
    counted.indicator,
    indicator.evidence_source,
    counted.both_yes,
    counted.both_no,
    counted.survey_only_yes,
    counted.registry_only_yes,
    counted.missing,
    counted.not_applicable,
    cast(counted.both_yes + counted.both_no as numeric) / nullif(
        counted.both_yes + counted.both_no + counted.survey_only_yes + counted.registry_only_yes, 0
    ) as agreement_share
from agreement_count as counted
inner join dim_indicator as indicator on counted.indicator = indicator.indicator
