-- Purpose: coverage of the indicators, to be published, in villages and the areas above them.
-- Grain: one row per region and indicator. Key: region_code, indicator.
with answer as (
    select
        region_code,
        item as indicator,
        sum(families) filter (where cell = 'achieved') as achieved,
        sum(families) filter (where cell = 'not_achieved') as not_achieved
    from open_count
    where subject = 'coverage'
    group by region_code, item
)

select
    :as_of as as_of,
    region_code,
    indicator,
    achieved,
    not_achieved,
    achieved + not_achieved as applicable,
    round(cast(achieved as numeric) / (achieved + not_achieved), 2) as share
from answer
