-- Region reference as the warehouse keeps it: codes without dots, dates as dates, empty text as null.
-- Grain: one row per region. Key: code.
select
    replace(code, '.', '') as code,
    name,
    level,
    nullif(replace(parent, '.', ''), '') as parent,
    cast(nullif(trim(valid_from), '') as date) as valid_from,
    cast(nullif(trim(valid_to), '') as date) as valid_to,
    nullif(replace(successor_code, '.', ''), '') as successor_code
from raw_region
