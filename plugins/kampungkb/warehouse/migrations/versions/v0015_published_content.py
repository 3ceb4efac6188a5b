"""What the latest load was published from, so that an unchanged night need not publish it again.

Revision 0015.
"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "published_content",
        sa.Column("content", sa.Text(), nullable=False, comment="Staged table, or `program`: what published it"),
        sa.Column("digest", sa.Text(), nullable=False, comment="Digest of its rows, whatever their order"),
        sa.PrimaryKeyConstraint("content", name="published_content_pkey"),
        schema="ops",
        comment="What the latest load was published from, one row a staged table; the next load skips its like",
    )
