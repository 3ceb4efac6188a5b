-- What the gates found in the deliveries of the latest load, those that are not open first.
-- Grain: one row per source, gate and subject. Key: source, gate, subject.
select
    result.source,
    result.gate,
    result.subject,
    result.level,
    result.report_only,
    result.reason,
    result.decision,
    result.decided_by,
    result.by_default,
    result.decided_at
from ops.gate_result as result
where
    result.run_id = (
        select load.run_id
        from ops.load_run as load
        order by load.as_of desc, load.finished_at desc
        limit 1
    )
order by result.level = 'open', result.source, result.gate, result.subject
