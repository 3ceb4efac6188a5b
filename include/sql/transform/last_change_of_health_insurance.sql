-- Purpose: the latest day on which an entry was changed, of all landed rows; days after the load are no news.
-- Grain: one row per snapshot. Keys: none.
select max(local_date("updatedAt")) as last_change
from peserta
where local_date("updatedAt") <= as_of()
