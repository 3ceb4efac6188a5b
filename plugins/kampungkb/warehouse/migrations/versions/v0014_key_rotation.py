"""Rotations of the pseudonym key.

Revision 0014.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "key_rotation",
        sa.Column("rotation_id", sa.Text(), nullable=False, comment="Number of the rotation, random"),
        sa.Column(
            "rotated_at",
            postgresql.TIMESTAMP(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
            comment="When",
        ),
        sa.Column("requested_by", sa.Text(), nullable=False, comment="Who ordered it"),
        sa.Column("reason", sa.Text(), nullable=False, comment="Why, in their words"),
        sa.Column("key_check", sa.Text(), nullable=False, comment="Check of the key in force since"),
        sa.Column(
            "earlier_keys",
            sa.Text(),
            nullable=False,
            comment="The keys before it, encrypted under the key in force since",
        ),
        sa.Column(
            "counts",
            postgresql.JSONB(),
            nullable=False,
            comment="Rows whose pseudonyms were renamed, by kind of file and table",
        ),
        sa.PrimaryKeyConstraint("rotation_id", name="key_rotation_pkey"),
        schema="vault",
        comment="Rotations of the pseudonym key, one row a rotation; the latest says which key is in force",
    )
