-- Purpose: the latest day on which a family was surveyed, of all landed rows; days after the load are no news.
-- Grain: one row per snapshot. Keys: none.
select max("TGL_PENDATAAN") as last_change
from keluarga
where "TGL_PENDATAAN" <= as_of()
