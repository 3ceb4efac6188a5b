-- Coverage of the family functions in one village.
-- Grain: one row per family function and basis. Key: function, basis.
select
    function,
    basis,
    applicable,
    achieved,
    share
from mart.family_function
where village_code = :village_code and starts_with(village_code, :region)
order by function, basis
