-- Families that take part in a family-based programme, of those eligible for it. A missing answer does not take part.
-- Grain: one row per village and programme. Key: village_code, programme.
select
    village.village_code,
    programme.name as programme,
    coalesce(counted.eligible, 0) as eligible,
    coalesce(counted.participating, 0) as participating,
    cast(counted.participating as double precision) / nullif(counted.eligible, 0) as share,
    coalesce(counted.unanswered, 0) as unanswered
from village
cross join method_group as programme
left join programme_count as counted
    on village.village_code = counted.village_code and programme.name = counted.programme
where programme.kind = 'programme'
