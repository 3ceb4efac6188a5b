"""What the gates found in each delivery, and who decided.

Revision 0004.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

COLUMNS: tuple[tuple[str, Any, bool, str], ...] = (
    ("run_id", sa.Text, False, "Id of the run"),
    ("source", sa.Text, False, "family_survey, civil_registry or health_insurance"),
    ("gate", sa.Text, False, "drift, volume, rejected, distribution or villages"),
    ("subject", sa.Text, False, "Table or column that was measured; share or rise for rejected rows"),
    ("as_of", sa.Date, False, "Date of the load"),
    ("snapshot", sa.Text, False, "Id of the delivery, whether it was used or held back"),
    ("level", sa.Text, False, "open, suspicious or closed"),
    ("report_only", sa.Boolean, False, "The level had no effect, for want of history"),
    (
        "measured",
        sa.Double,
        True,
        "Rows (volume), share 0-1 (rejected, villages, drift: of the workbooks), PSI (distribution)",
    ),
    ("usual", sa.Double, True, "What it was compared with; null where the limits are absolute"),
    ("suspicious_limit", sa.Text, True, "Where it becomes suspicious; null where never"),
    ("closed_limit", sa.Text, True, "Where it closes; null where never"),
    ("loads", sa.Integer, False, "Earlier published loads it was compared with; 0 where it needs none"),
    ("reason", sa.Text, False, "The figures in words"),
    ("decision", sa.Text, True, "accepted or held_back; null where the gate is open or only reports"),
    ("decided_by", sa.Text, True, "User, `gate` (a closed gate), or `default` (nobody answered or was asked)"),
    ("by_default", sa.Boolean, True, "Nobody answered in time, or nobody could be asked"),
)

DECIDED_AT = "When it was decided; a run again keeps the decision"

GATE_DECISION = """
create view ops.gate_decision as
select
    run_id, as_of, source, snapshot, gate, subject, level, measured, usual, suspicious_limit, closed_limit, reason,
    decision, decided_by, by_default, decided_at
from ops.gate_result
where decision is not null
"""


def upgrade() -> None:
    op.create_table(
        "gate_result",
        *(sa.Column(name, kind(), nullable=empty, comment=text) for name, kind, empty, text in COLUMNS),
        sa.Column(
            "decided_at",
            sa.TIMESTAMP(timezone=True),
            nullable=True,
            comment=DECIDED_AT,
        ),
        sa.PrimaryKeyConstraint("run_id", "source", "gate", "subject", name="gate_result_pkey"),
        schema="ops",
        comment="What the gates found in a delivery and what was decided, one row a run, source, gate and subject",
    )
    op.execute(GATE_DECISION)
    op.execute(
        "comment on view ops.gate_decision is 'Gates that were not open, with the decision, one row a run, source, "
        "gate and subject'"
    )
    meanings = {name: text for name, _, _, text in COLUMNS} | {"decided_at": DECIDED_AT}
    shown = GATE_DECISION.split("select")[1].split("from")[0].replace(",", " ").split()
    for column in shown:
        op.execute(f"comment on column ops.gate_decision.{column} is '{meanings[column]}'")
