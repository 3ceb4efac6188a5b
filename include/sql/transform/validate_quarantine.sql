-- Purpose: what a judged table puts into quarantine.
-- Grain: one row per rejected row and rule, or per nulled value of an accepted row and rule. Keys: row_key, rule,
-- column_name. The key of a row is a pseudonym over its source's key; where that is blank, broken or repeated, over
-- its place or content as well, and over its number among rows with the same content.
with finding as (
    select
        failure.row_id,
        ruling.rule,
        ruling.action,
        ruling.column_name,
        min(ruling.reason) as reason,
        bool_or(ruling.breaks_key) as breaks_key
    from failure
    inner join ruling on failure.expectation = ruling.expectation
    left join rejected on failure.row_id = rejected.row_id
    where ruling.action <> 'value' or rejected.row_id is null
    group by failure.row_id, ruling.rule, ruling.action, ruling.column_name
),

quarantined as (
    select
        finding.row_id,
        bool_or(finding.breaks_key) as breaks_key
    from finding
    group by finding.row_id
),

doubted as (
    select distinct subject.source_key
    from subject
    inner join quarantined on subject.row_id = quarantined.row_id
),

repeated as (
    select subject.source_key
    from subject
    inner join doubted on subject.source_key = doubted.source_key
    group by subject.source_key
    having count(*) > 1
),

identified as (
    select
        subject.*,
        case
            when subject.source_key is null or quarantined.breaks_key or repeated.source_key is not null
                then concat_ws(
                    chr(31),
                    fingerprint.content,
                    row_number() over (partition by fingerprint.content order by subject.row_id)
                )
        end as told_apart_by
    from quarantined
    inner join subject on quarantined.row_id = subject.row_id
    inner join fingerprint on quarantined.row_id = fingerprint.row_id
    left join repeated on subject.source_key = repeated.source_key
)

select
    judged.source,
    judged.source_table,
    pseudonym(
        'row', concat_ws(chr(31), judged.source, judged.source_table, identified.source_key, identified.told_apart_by)
    ) as row_key,
    identified.village as village_code,
    finding.rule,
    finding.action,
    finding.column_name,
    concat_ws(': ', finding.reason, identified.detail) as reason,
    identified.file,
    identified.sheet,
    identified.row_number
from finding
inner join identified on finding.row_id = identified.row_id
cross join judged
