-- Data-quality scores of the villages as of the latest load, the dimensions side by side.
-- Grain: one row per village (`unknown` among them), for :source. Key: village_code.
select
    quality.village_code,
    region.name as village,
    district.name as district,
    max(quality.score) filter (where quality.dimension = 'overall') as overall,
    max(quality.score) filter (where quality.dimension = 'completeness') as completeness,
    max(quality.score) filter (where quality.dimension = 'validity') as validity,
    max(quality.score) filter (where quality.dimension = 'uniqueness') as uniqueness,
    max(quality.score) filter (where quality.dimension = 'consistency') as consistency,
    max(quality.score) filter (where quality.dimension = 'currentness') as currentness,
    max(quality.score) filter (where quality.dimension = 'accuracy') as accuracy,
    max(quality.checked) filter (where quality.dimension = 'overall') as checked,
    max(quality.failed) filter (where quality.dimension = 'overall') as failed
from mart.data_quality as quality
left join core.dim_region as region on quality.village_code = region.code
left join core.dim_region as district on left(quality.village_code, 6) = district.code
where
    quality.as_of = (select max(newest.as_of) from mart.data_quality as newest)
    and quality.source = :source
    and starts_with(quality.village_code, :region)
    and (
        :search = ''
        or position(lower(:search) in lower(coalesce(region.name, quality.village_code))) > 0
        or position(lower(:search) in lower(coalesce(district.name, ''))) > 0
        or starts_with(quality.village_code, :search)
    )
group by quality.village_code, region.name, district.name
