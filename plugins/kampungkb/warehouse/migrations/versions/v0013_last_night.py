"""What happened last night, in one view.

Revision 0013.
"""

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

VIEW = """
create view ops.last_night as
with run as (
    select * from ops.load_run order by finished_at desc, run_id limit 1
),

score as (
    select
        as_of,
        source,
        score,
        score - lag(score) over (partition by source order by as_of) as score_change
    from mart.data_quality_source
    where dimension = 'overall'
),

problem as (
    select source, sum(new_problems) as new_problems, sum(resolved) as resolved
    from mart.data_quality_change
    where as_of = (select as_of from run)
    group by source
),

gate as (
    select distinct on (source)
        source, gate, level, decision, decided_by
    from ops.gate_result
    where run_id = (select run_id from run) and level <> 'open' and not report_only
    order by source, level, gate, subject
)

select
    run.run_id,
    run.as_of,
    run.started_at,
    run.finished_at,
    cast(round(extract(epoch from run.finished_at - run.started_at)) as integer) as seconds,
    run.as_of < cast(now() at time zone 'Asia/Jakarta' as date) as is_late,
    loaded.source,
    cast(loaded.figures ->> 'stale' as boolean) as stale,
    loaded.figures ->> 'reason' as stale_reason,
    cast(loaded.figures ->> 'snapshot' as date) as snapshot_date,
    cast(loaded.figures #>> '{total,read}' as bigint) as rows_read,
    cast(loaded.figures #>> '{total,accepted}' as bigint) as rows_accepted,
    cast(loaded.figures #>> '{total,rejected}' as bigint) as rows_rejected,
    cast(loaded.figures #>> '{total,nulled}' as bigint) as values_nulled,
    cast(loaded.figures ->> 'files_rejected' as bigint) as files_rejected,
    coalesce(problem.new_problems, 0) as new_problems,
    coalesce(problem.resolved, 0) as resolved_problems,
    score.score,
    score.score_change,
    gate.gate,
    gate.level as gate_level,
    gate.decision as gate_decision,
    gate.decided_by
from run
cross join lateral jsonb_each(run.counts) as loaded (source, figures)
left join score on run.as_of = score.as_of and loaded.source = score.source
left join problem on loaded.source = problem.source
left join gate on loaded.source = gate.source
"""

COMMENTS = {
    "": "What happened last night: the run that was published last, one row a source",
    "run_id": "Id of the run",
    "as_of": "Date for which it loaded",
    "started_at": "Start of the run",
    "finished_at": "Time of publication",
    "seconds": "From start to publication",
    "is_late": "as_of is before today in Asia/Jakarta: no load of today has been published yet",
    "source": "family_survey, civil_registry or health_insurance; one that is absent has no row",
    "stale": "True where an earlier snapshot stood in",
    "stale_reason": "Why it stood in",
    "snapshot_date": "Date of the snapshot in force",
    "rows_read": "Rows read",
    "rows_accepted": "Rows accepted",
    "rows_rejected": "Rows rejected",
    "values_nulled": "Values nulled in accepted rows",
    "files_rejected": "Workbooks rejected as a whole",
    "new_problems": "Problems in quarantine that the load before did not have",
    "resolved_problems": "Problems of the load before that are gone",
    "score": "Overall data-quality score of the source, 0-100",
    "score_change": "Against the load before in the order of as_of",
    "gate": "Gate that was not open, the worst of them; null where all were",
    "gate_level": "closed or suspicious",
    "gate_decision": "accepted or held_back",
    "decided_by": "User, `gate` (a closed gate), or `default` (nobody answered or was asked)",
}


def upgrade() -> None:
    op.execute(VIEW)
    for column, comment in COMMENTS.items():
        target = f"column ops.last_night.{column}" if column else "view ops.last_night"
        op.execute(f"comment on {target} is '{comment}'")
