-- How much stands in quarantine by source, by rule, by action and by village, for the choices of the filters.
-- Grain: one row per source, rule, action or village; the other three are null.
with found as (
    select
        source,
        rule,
        action,
        village_code,
        count(*) as findings
    from ops.quarantine
    where (:region = '' or starts_with(coalesce(village_code, ''), :region))
    group by source, rule, action, village_code
),

counted as (
    select
        source,
        rule,
        action,
        village_code,
        grouping(source, rule, action, village_code) as apart,
        cast(sum(findings) as bigint) as findings
    from found
    group by grouping sets ((source), (rule), (action), (village_code))
)

select
    case counted.apart when 7 then 'source' when 11 then 'rule' when 13 then 'action' else 'village' end as kind,
    coalesce(counted.source, counted.rule, counted.action, counted.village_code) as value,
    region.name as label,
    counted.findings
from counted
left join core.dim_region as region on counted.village_code = region.code
where coalesce(counted.source, counted.rule, counted.action, counted.village_code) is not null
order by region.name, value
