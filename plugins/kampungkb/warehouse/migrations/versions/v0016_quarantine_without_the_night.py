"""What stands in quarantine carries no night's mark any more, so that a row which stays is not written every night.

`ops.quarantine` and `core.quarantine_history` say what they said and become views. The rows stand in
`ops.quarantine_row`, without the id of the run that was the same in all of them, and in `core.quarantine_spell`, with
the last day only of what is resolved; that of an open problem is the latest load of its source (`core.source_load`).
Revision 0016.
"""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

RENAMED = (
    "alter table ops.quarantine rename to quarantine_row",
    "alter index ops.quarantine_source_idx rename to quarantine_row_source_idx",
    "alter table core.quarantine_history rename to quarantine_spell",
    *(
        f"alter table core.quarantine_spell rename constraint quarantine_history_{name} to quarantine_spell_{name}"
        for name in ("pkey", "seen_check", "resolved_check")
    ),
    "alter index core.quarantine_history_resolved_on_idx rename to quarantine_spell_resolved_on_idx",
)

LOADS = """
insert into core.source_load (source, as_of)
select
    judged.source,
    max(load.as_of)
from (select distinct on (as_of) as_of, counts from ops.load_run order by as_of asc, finished_at desc) as load
cross join lateral jsonb_object_keys(load.counts) as judged (source)
group by judged.source
"""

HISTORY = """
create view core.quarantine_history as
select
    spell.source,
    spell.source_table,
    spell.row_key,
    spell.rule,
    spell.column_name,
    spell.first_seen,
    coalesce(spell.last_seen, source_load.as_of) as last_seen,
    spell.resolved_on,
    spell.village_code,
    spell.action
from core.quarantine_spell as spell
left join core.source_load as source_load on spell.source = source_load.source
"""

QUARANTINE = """
create view ops.quarantine as
select
    (select run_id from ops.load_run order by as_of desc, finished_at desc limit 1) as run_id,
    found.source,
    found.source_table,
    found.row_key,
    found.village_code,
    found.rule,
    found.action,
    found.column_name,
    found.reason,
    found.file,
    found.sheet,
    found.row_number
from ops.quarantine_row as found
"""

LAST_SEEN = "as_of of the last load that saw it, without a gap; null while it is open: the latest load of its source"

PROBLEM = {
    "source": "family_survey, civil_registry or health_insurance",
    "source_table": "Table of the contract",
    "row_key": "Keyed pseudonym of the source row",
    "rule": "Id of the rule, such as F01",
    "action": "row: rejected; value: nulled; file: a whole workbook",
}

COMMENTS = {
    "core.quarantine_history": {
        "": "What stood in quarantine and when, one row a problem and spell; a problem that returns begins a new one",
        **PROBLEM,
        "column_name": "Column that breaks the rule; empty where it is the row",
        "first_seen": "as_of of the first load that saw the problem",
        "last_seen": "as_of of the last load that saw it, without a gap",
        "resolved_on": "as_of of the first load after that in which it was gone; null while it is open",
        "village_code": "Village code when last seen, or `unknown`",
    },
    "ops.quarantine": {
        "": "Rejected rows and nulled values, one row a row (or value) and rule; as of the latest load",
        "run_id": "Id of the latest load",
        **PROBLEM,
        "village_code": "Village code, or `unknown`",
        "column_name": "Column that breaks the rule; null where it is the row",
        "reason": "What is wrong, without the value",
        "file": "Workbook, relative to the folder",
        "sheet": "Sheet",
        "row_number": "Row as the spreadsheet shows it",
    },
}


def upgrade() -> None:
    for statement in RENAMED:
        op.execute(statement)
    op.drop_column("quarantine_row", "run_id", schema="ops")
    op.create_table(
        "source_load",
        sa.Column("source", sa.Text(), nullable=False, comment="family_survey, civil_registry or health_insurance"),
        sa.Column("as_of", sa.Date(), nullable=False, comment="as_of of the latest load that had it"),
        sa.PrimaryKeyConstraint("source", name="source_load_pkey"),
        schema="core",
        comment="The latest load that had a source, one row a source",
    )
    op.execute(LOADS)
    op.alter_column(
        "quarantine_spell", "last_seen", schema="core", existing_type=sa.Date(), nullable=True, comment=LAST_SEEN
    )
    op.execute("update core.quarantine_spell set last_seen = null where resolved_on is null")
    op.create_check_constraint(
        "quarantine_spell_open_check", "quarantine_spell", "(last_seen is null) = (resolved_on is null)", schema="core"
    )
    op.execute(
        "comment on table core.quarantine_spell is"
        " 'What core.quarantine_history is made of: the last day stands here only once a problem is resolved'"
    )
    op.execute("comment on table ops.quarantine_row is 'What ops.quarantine is made of: all but the id of the load'")
    op.execute(HISTORY)
    op.execute(QUARANTINE)
    for view, comments in COMMENTS.items():
        for column, comment in comments.items():
            target = f"column {view}.{column}" if column else f"view {view}"
            op.execute(f"comment on {target} is '{comment}'")
