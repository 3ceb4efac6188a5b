-- Purpose: the counts of `open_cell` in whole steps of five families (0 is not shown), for villages and the areas above
-- them. An area has the steps of its own count, but never so many that its parts must lie above the bottom of their
-- steps: with n parts of at most 4 families beyond their steps, all but one can make up 4 * (n - 1) families.
-- Grain: one row per subject, item, cell and region. Keys: subject, item, cell, region_code.
with village as (
    select
        subject,
        item,
        cell,
        village_code,
        district_code,
        regency_code,
        families,
        families / 5 as steps
    from open_cell
),

district as (
    select
        subject,
        item,
        cell,
        district_code,
        regency_code,
        sum(families) as families,
        least(sum(families) / 5, sum(steps) + 4 * (count(*) - 1) / 5) as steps
    from village
    group by subject, item, cell, district_code, regency_code
),

regency as (
    select
        subject,
        item,
        cell,
        regency_code,
        least(sum(families) / 5, sum(steps) + 4 * (count(*) - 1) / 5) as steps
    from district
    group by subject, item, cell, regency_code
),

stepped as (
    select
        subject,
        item,
        cell,
        village_code as region_code,
        steps
    from village
    union all
    select
        subject,
        item,
        cell,
        district_code as region_code,
        steps
    from district
    union all
    select
        subject,
        item,
        cell,
        regency_code as region_code,
        steps
    from regency
)

select
    subject,
    item,
    cell,
    region_code,
    cast(nullif(5 * floor(steps), 0) as integer) as families
from stepped
