-- Purpose: the indicators behind the figures, where each belongs and which registry answers it.
-- Grain: one row per indicator, in the order of the methodology.
-- Reads: core.dim_indicator.
select
    indicator,
    dimension,
    in_index,
    function,
    sector,
    evidence_source
from core.dim_indicator
order by position
