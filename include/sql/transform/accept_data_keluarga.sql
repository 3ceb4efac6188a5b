-- Purpose: family cards.
-- Grain: one row per landed card.
select *
from kept
order by no_kk
