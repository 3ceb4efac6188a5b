-- Purpose: every count of families that `open` shows, before protection, on the integrated basis. A further aggregate
-- is a further part of the union; parts must leave out a rest of the families (no index, no answer), so that a part
-- and a total can never be subtracted (docs/decisions/0034-counts-in-steps-of-five.md).
-- Grain: one row per subject, item, cell and village that has families. Keys: subject, item, cell, village_code.
with inhabited as (
    select
        village_code,
        left(village_code, 6) as district_code,
        left(village_code, 4) as regency_code
    from village_index
    where basis = 'integrated' and families > 0
),

counted as (
    select
        'index' as subject,
        '' as item,
        category.cell,
        measure.village_code,
        category.families
    from village_index as measure
    cross join
        lateral (
            values
            ('rentan', measure.rentan), ('berkembang', measure.berkembang), ('tangguh', measure.tangguh)
        ) as category (cell, families)
    where measure.basis = 'integrated'
    union all
    select
        'coverage' as subject,
        coverage.indicator as item,
        answer.cell,
        coverage.village_code,
        answer.families
    from indicator_coverage as coverage
    cross join
        lateral (
            values
            ('achieved', coverage.achieved), ('not_achieved', coverage.applicable - coverage.achieved)
        ) as answer (cell, families)
    where coverage.basis = 'integrated'
    union all
    select
        'programme' as subject,
        programme.programme as item,
        answer.cell,
        programme.village_code,
        answer.families
    from programme_coverage as programme
    cross join
        lateral (
            values
            ('participating', programme.participating),
            ('not_participating', programme.eligible - programme.participating - programme.unanswered)
        ) as answer (cell, families)
)

select
    counted.subject,
    counted.item,
    counted.cell,
    inhabited.village_code,
    inhabited.district_code,
    inhabited.regency_code,
    counted.families
from counted
inner join inhabited on counted.village_code = inhabited.village_code
