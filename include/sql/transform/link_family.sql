-- Purpose: family_link, the pseudonym of every accepted family.
-- Grain: one row per accepted family.
-- Keys: source_key (KODE_KELUARGA); family_key.
select
    source_key,
    pseudonym('family', source_key) as family_key
from keluarga
order by source_key
