-- Kampung KB register as the warehouse keeps it: codes without dots, an open begin as 0001-01-01.
-- Grain: one row per village and membership. Key: village_code, valid_from.
select
    replace(village_code, '.', '') as village_code,
    coalesce(cast(nullif(trim(valid_from), '') as date), date '0001-01-01') as valid_from,
    cast(nullif(trim(valid_to), '') as date) as valid_to,
    nullif(replace(successor_code, '.', ''), '') as successor_code
from raw_kampung_kb
