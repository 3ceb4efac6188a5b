-- Purpose: the latest day on which a person or card was changed, of all landed rows; days after the load are no news.
-- Grain: one row per snapshot. Keys: none.
with change as (
    select local_date(tgl_ubah) as changed_on from biodata_wni
    union all
    select local_date(tgl_ubah) as changed_on from data_keluarga
)

select max(changed_on) as last_change
from change
where changed_on <= as_of()
