-- Purpose: who takes part in the programmes, to be published, in villages and the areas above them.
-- Grain: one row per region and programme. Key: region_code, programme.
with answer as (
    select
        region_code,
        item as programme,
        sum(families) filter (where cell = 'participating') as participating,
        sum(families) filter (where cell = 'not_participating') as not_participating
    from open_count
    where subject = 'programme'
    group by region_code, item
)

select
    :as_of as as_of,
    region_code,
    programme,
    participating,
    not_participating,
    participating + not_participating as answered,
    round(cast(participating as numeric) / (participating + not_participating), 2) as share
from answer
