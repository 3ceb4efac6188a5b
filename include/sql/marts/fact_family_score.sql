-- The history of the families' scores once this load has its place in it. Made of pieces (before this load, in it,
-- after it) that join where they say the same, so a re-run or a backfill gives the history that loading in the order
-- of dates would have given.
-- Grain: one row per family, basis and spell of the same scores and answers. Only the spells that this load can change:
-- those of moved_family not over before as_of. Key: family_key, basis, valid_from.
with method as (
    select min(methodology) as methodology
    from dim_indicator
),

neighbour as (
    select min(as_of) as load_after
    from ops.load_run
    where as_of > :as_of
),

touched as (
    select history.*
    from core.fact_family_score as history
    inner join moved_family as moved on history.family_key = moved.family_key and history.basis = moved.basis
    where coalesce(history.valid_to, date 'infinity') >= :as_of
),

piece as (
    select
        family_key,
        basis,
        valid_from,
        :as_of as valid_to,
        methodology,
        village_code,
        members,
        ketentraman,
        kemandirian,
        kebahagiaan,
        ibangga,
        category,
        states,
        provenances,
        evidence
    from touched
    where valid_from < :as_of
    union all
    select
        tonight.family_key,
        tonight.basis,
        :as_of as valid_from,
        neighbour.load_after as valid_to,
        method.methodology,
        tonight.village_code,
        tonight.members,
        tonight.ketentraman,
        tonight.kemandirian,
        tonight.kebahagiaan,
        tonight.ibangga,
        tonight.category,
        tonight.states,
        tonight.provenances,
        tonight.evidence
    from family_score as tonight
    inner join moved_family as moved on tonight.family_key = moved.family_key and tonight.basis = moved.basis
    cross join method
    cross join neighbour
    union all
    select
        touched.family_key,
        touched.basis,
        greatest(touched.valid_from, neighbour.load_after) as valid_from,
        touched.valid_to,
        touched.methodology,
        touched.village_code,
        touched.members,
        touched.ketentraman,
        touched.kemandirian,
        touched.kebahagiaan,
        touched.ibangga,
        touched.category,
        touched.states,
        touched.provenances,
        touched.evidence
    from touched
    cross join neighbour
    where coalesce(touched.valid_to, date 'infinity') > neighbour.load_after
),

described as (
    select
        *,
        cast(row(
            methodology, village_code, members, ketentraman, kemandirian, kebahagiaan, ibangga, category, states,
            provenances, evidence
        ) as text) as content
    from piece
),

joined as (
    select
        *,
        coalesce(lag(valid_to) over family = valid_from and lag(content) over family = content, false) as goes_on
    from described
    window family as (partition by family_key, basis order by valid_from)
),

numbered as (
    select
        *,
        count(*) filter (where not goes_on) over family as spell
    from joined
    window family as (partition by family_key, basis order by valid_from)
)

select
    family_key,
    basis,
    min(valid_from) as valid_from,
    (array_agg(valid_to order by valid_from desc))[1] as valid_to,
    min(methodology) as methodology,
    min(village_code) as village_code,
    min(members) as members,
    min(ketentraman) as ketentraman,
    min(kemandirian) as kemandirian,
    min(kebahagiaan) as kebahagiaan,
    min(ibangga) as ibangga,
    min(category) as category,
    min(states) as states,
    min(provenances) as provenances,
    min(evidence) as evidence
from numbered
group by family_key, basis, spell
