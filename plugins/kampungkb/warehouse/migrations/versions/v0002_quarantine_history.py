"""The history of quarantine, and what changed from load to load.

Revision 0002. What stands in quarantine at the upgrade counts as first seen in the latest load: when it first came
is not known.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

CARRY_OVER = """
insert into core.quarantine_history (
    source, source_table, row_key, rule, column_name, first_seen, last_seen, village_code, action
)
select
    quarantine.source, quarantine.source_table, quarantine.row_key, quarantine.rule,
    coalesce(quarantine.column_name, ''), load.as_of, load.as_of, min(quarantine.village_code), min(quarantine.action)
from ops.quarantine as quarantine
inner join ops.load_run as load on quarantine.run_id = load.run_id
group by 1, 2, 3, 4, 5, 6
"""

DATA_QUALITY_CHANGE = """
create view mart.data_quality_change as
with load as (
    select distinct on (as_of)
        as_of, counts
    from ops.load_run
    order by as_of asc, finished_at desc
),

source_load as (
    select
        load.as_of,
        judged.source,
        lag(load.as_of) over (partition by judged.source order by load.as_of) as compared_with
    from load
    cross join lateral jsonb_object_keys(load.counts) as judged (source)
),

standing as (
    select
        source_load.as_of,
        source_load.compared_with,
        source_load.source,
        history.village_code,
        history.rule,
        history.first_seen,
        history.first_seen = source_load.as_of as is_new,
        history.resolved_on is not distinct from source_load.as_of as is_resolved
    from source_load
    inner join core.quarantine_history as history
        on source_load.source = history.source
        and history.first_seen <= source_load.as_of
        and coalesce(history.resolved_on, date 'infinity') >= source_load.as_of
)

select
    as_of,
    source,
    village_code,
    rule,
    compared_with,
    count(*) filter (where is_new) as new_problems,
    count(*) filter (where not is_new and not is_resolved) as still_open,
    count(*) filter (where is_resolved) as resolved,
    min(first_seen) filter (where not is_resolved) as open_since,
    as_of - min(first_seen) filter (where not is_resolved) as open_days,
    round(avg(as_of - first_seen) filter (where is_resolved), 1) as resolved_after_days
from standing
group by as_of, source, village_code, rule, compared_with
"""

COMMENTS = {
    "": "Problems in quarantine from load to load, one row an as_of, source, village and rule with any",
    "as_of": "Date of the load",
    "source": "family_survey, civil_registry or health_insurance",
    "village_code": "Village code, or `unknown`; of a problem that moved, the village where it was last seen",
    "rule": "Id of the rule, such as F01",
    "compared_with": "Date of the load before that had the source; null for its first, in which all problems are new",
    "new_problems": "Problems that the load before did not have",
    "still_open": "Problems that the load before had too",
    "resolved": "Problems of the load before that are gone",
    "open_since": "First load that saw the oldest of the new and open problems, without a gap",
    "open_days": "as_of - open_since",
    "resolved_after_days": "Mean days from first seen to resolved, of the problems resolved in this load",
}


def upgrade() -> None:
    op.create_table(
        "quarantine_history",
        sa.Column("source", sa.Text(), nullable=False, comment="family_survey, civil_registry or health_insurance"),
        sa.Column("source_table", sa.Text(), nullable=False, comment="Table of the contract"),
        sa.Column("row_key", sa.Text(), nullable=False, comment="Keyed pseudonym of the source row"),
        sa.Column("rule", sa.Text(), nullable=False, comment="Id of the rule, such as F01"),
        sa.Column(
            "column_name", sa.Text(), nullable=False, comment="Column that breaks the rule; empty where it is the row"
        ),
        sa.Column("first_seen", sa.Date(), nullable=False, comment="as_of of the first load that saw the problem"),
        sa.Column("last_seen", sa.Date(), nullable=False, comment="as_of of the last load that saw it, without a gap"),
        sa.Column(
            "resolved_on",
            sa.Date(),
            nullable=True,
            comment="as_of of the first load after that in which it was gone; null while it is open",
        ),
        sa.Column("village_code", sa.Text(), nullable=True, comment="Village code when last seen, or `unknown`"),
        sa.Column("action", sa.Text(), nullable=False, comment="row: rejected; value: nulled; file: a whole workbook"),
        sa.CheckConstraint("first_seen <= last_seen", name="quarantine_history_seen_check"),
        sa.CheckConstraint("last_seen < resolved_on", name="quarantine_history_resolved_check"),
        sa.PrimaryKeyConstraint(
            *("source", "source_table", "row_key", "rule", "column_name", "first_seen"), name="quarantine_history_pkey"
        ),
        schema="core",
        comment="What stood in quarantine and when, one row a problem and spell; "
        "a problem that returns begins a new one",
    )
    op.create_index(
        "quarantine_history_resolved_on_idx", "quarantine_history", ["resolved_on"], unique=False, schema="core"
    )
    op.execute(CARRY_OVER)
    op.execute(DATA_QUALITY_CHANGE)
    for column, comment in COMMENTS.items():
        target = f"column mart.data_quality_change.{column}" if column else "view mart.data_quality_change"
        op.execute(f"comment on {target} is '{comment}'")
