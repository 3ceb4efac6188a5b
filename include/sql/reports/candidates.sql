-- Purpose: villages that could become Kampung KB, the greatest need first.
-- Grain: one row per village that is not Kampung KB and has figures.
-- Reads: open.
select
    rank,
    district,
    village,
    need_score,
    families,
    ibangga,
    rentan,
    rentan_share,
    documents_unmet,
    behaviour_unmet,
    services_unmet,
    environment_unmet,
    programme_gap
from open.kampung_kb_candidate
where rank is not null
order by rank
