"""Erasures of a person: their record, what an unfinished one looks for, the block list.

Revision 0011.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "erasure",
        sa.Column(
            "erasure_id",
            sa.Integer(),
            sa.Identity(always=True),
            nullable=False,
            comment="Number of the erasure, in the order of time",
        ),
        sa.Column("requested_by", sa.Text(), nullable=False, comment="Who ordered it"),
        sa.Column("reason", sa.Text(), nullable=False, comment="Why, in their words, without the person"),
        sa.Column(
            "requested_at",
            postgresql.TIMESTAMP(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
            comment="When it began",
        ),
        sa.Column(
            "finished_at",
            postgresql.TIMESTAMP(timezone=True),
            nullable=True,
            comment="When it was done; null while it must be resumed",
        ),
        sa.Column(
            "counts",
            postgresql.JSONB(),
            nullable=True,
            comment="Rows deleted or cleared by kind of file and table; null until done",
        ),
        sa.PrimaryKeyConstraint("erasure_id", name="erasure_pkey"),
        schema="ops",
        comment="Erasures of a person, one row a request; nothing in it says who the person was",
    )
    op.create_table(
        "erasure_subject",
        sa.Column("erasure_id", sa.Integer(), nullable=False, comment="Number of the erasure"),
        sa.Column(
            "kind",
            sa.Text(),
            nullable=False,
            comment="Kind of the value, as include/reference/person_traces.yaml names it",
        ),
        sa.Column("value", sa.Text(), nullable=False, comment="Value"),
        sa.PrimaryKeyConstraint("erasure_id", "kind", "value", name="erasure_subject_pkey"),
        schema="vault",
        comment="Values that name the person of an unfinished erasure; none once it is done",
    )
    op.create_table(
        "blocked",
        sa.Column("digest", sa.Text(), nullable=False, comment="Keyed pseudonym of a kind and a value"),
        sa.Column("key_check", sa.Text(), nullable=False, comment="Check of the key it was made with"),
        sa.Column("blocked_on", sa.Date(), nullable=False, comment="Day of the erasure"),
        sa.PrimaryKeyConstraint("digest", name="blocked_pkey"),
        schema="vault",
        comment="Keyed digests of what named erased persons in the sources; such rows are not landed",
    )
