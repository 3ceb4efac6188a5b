-- How much stands in quarantine by village, source, rule and action, for the choices of the filters.
-- Grain: one row per source, rule, action and village. Key: source, rule, action, village_code.
select
    found.source,
    found.rule,
    found.action,
    found.village_code,
    region.name as village,
    count(*) as findings
from ops.quarantine as found
left join core.dim_region as region on found.village_code = region.code
where starts_with(coalesce(found.village_code, ''), :region)
group by found.source, found.rule, found.action, found.village_code, region.name
