-- Purpose: the quality of each source's data, by dimension: plain means of the villages' scores.
-- Grain: one row per regency and source.
-- Reads: open.
select
    regency.regency,
    quality.source,
    max(quality.score) filter (where quality.dimension = 'completeness') as completeness,
    max(quality.score) filter (where quality.dimension = 'validity') as validity,
    max(quality.score) filter (where quality.dimension = 'uniqueness') as uniqueness,
    max(quality.score) filter (where quality.dimension = 'consistency') as consistency,
    max(quality.score) filter (where quality.dimension = 'currentness') as currentness,
    max(quality.score) filter (where quality.dimension = 'accuracy') as accuracy,
    max(quality.score) filter (where quality.dimension = 'overall') as overall
from open.data_quality as quality
inner join open.regency_index as regency on quality.region_code = regency.regency_code
group by regency.regency_code, regency.regency, quality.source
order by regency.regency, quality.source
