{{ config(tags=['score']) }}
select
    village_code,
    basis,
    count(*) as families,
    avg(ketentraman) as ketentraman,
    avg(kemandirian) as kemandirian,
    avg(kebahagiaan) as kebahagiaan,
    avg(ibangga) as ibangga
from {{ ref('family_score') }}
group by village_code, basis
