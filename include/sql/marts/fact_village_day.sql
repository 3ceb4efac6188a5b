-- What of a village can be added up, for as_of. Sums have the digits they need and no zeros behind them.
-- Grain: one row per village and basis, for as_of. Key: as_of, village_code, basis.
select
    :as_of as as_of,
    village_code,
    basis,
    families,
    members,
    ketentraman_families,
    trim_scale(ketentraman_sum) as ketentraman_sum,
    kemandirian_families,
    trim_scale(kemandirian_sum) as kemandirian_sum,
    kebahagiaan_families,
    trim_scale(kebahagiaan_sum) as kebahagiaan_sum,
    ibangga_families,
    trim_scale(ibangga_sum) as ibangga_sum,
    rentan,
    berkembang,
    tangguh
from village_measure
