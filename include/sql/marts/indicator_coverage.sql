-- How many families achieve an indicator, of those to which it applies and whose answer is known, with their share.
-- Grain: one row per village, indicator and basis. Key: village_code, indicator, basis.
select
    village_code,
    indicator,
    basis,
    applicable,
    achieved,
    cast(achieved as numeric) / nullif(applicable, 0) as share
from indicator_count
