-- Families whose history this load changes: all that it or the history from its date on knows, but for those whose
-- current spell already says the same.
-- Grain: one row per family and basis. Key: family_key, basis.
with method as (
    select min(methodology) as methodology
    from dim_indicator
),

settled as (
    select
        tonight.family_key,
        tonight.basis
    from family_score as tonight
    cross join method
    inner join core.fact_family_score as history
        on tonight.family_key = history.family_key and tonight.basis = history.basis
    where
        history.valid_to is null
        and history.valid_from <= :as_of
        and row(
            method.methodology, tonight.village_code, tonight.members, tonight.ketentraman, tonight.kemandirian,
            tonight.kebahagiaan, tonight.ibangga, tonight.category, tonight.states, tonight.provenances,
            tonight.evidence
        ) is not distinct from row(
            history.methodology, history.village_code, history.members, history.ketentraman, history.kemandirian,
            history.kebahagiaan, history.ibangga, history.category, history.states, history.provenances,
            history.evidence
        )
)

select
    family_key,
    basis
from family_score
union
select
    family_key,
    basis
from core.fact_family_score
where coalesce(valid_to, date 'infinity') >= :as_of
except
select
    family_key,
    basis
from settled
