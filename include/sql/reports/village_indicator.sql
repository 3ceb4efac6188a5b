-- Purpose: the indicators that the sheet of a village names: the three strongest and weakest of the index, and the
-- six with most families that lack them. A count that is not shown is taken as 0 for the order.
-- Grain: one row per village and indicator with a place in one of the orders (1 comes first).
-- Reads: open; core.dim_indicator for dimension, sector and place in the index.
with known as (
    select
        coverage.region_code as village_code,
        coverage.indicator,
        indicator.dimension,
        indicator.sector,
        indicator.in_index,
        coverage.achieved,
        coverage.not_achieved,
        coverage.share,
        coalesce(coverage.achieved, 0)
        / cast(coalesce(coverage.achieved, 0) + coalesce(coverage.not_achieved, 0) as numeric) as level
    from open.indicator_coverage as coverage
    inner join core.dim_indicator as indicator on coverage.indicator = indicator.indicator
    where length(coverage.region_code) = 10 and coalesce(coverage.achieved, coverage.not_achieved) is not null
),

ranked as (
    select
        *,
        case
            when in_index
                then row_number() over (
                    partition by village_code, in_index order by level desc, achieved desc nulls last, indicator asc
                )
        end as strength,
        case when in_index then count(*) over (partition by village_code, in_index) end as in_order,
        case
            when not_achieved is not null
                then row_number() over (
                    partition by village_code order by not_achieved desc nulls last, indicator asc
                )
        end as need
    from known
),

placed as (
    select
        village_code,
        indicator,
        dimension,
        sector,
        achieved,
        not_achieved,
        share,
        case when strength <= 3 then strength end as strongest,
        case when strength > 3 and strength > in_order - 3 then in_order - strength + 1 end as weakest,
        case when need <= 6 then need end as need
    from ranked
)

select
    village_code,
    indicator,
    dimension,
    sector,
    achieved,
    not_achieved,
    share,
    strongest,
    weakest,
    need
from placed
where coalesce(strongest, weakest, need) is not null
order by village_code, indicator
