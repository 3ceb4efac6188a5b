"""Who may see which region, and the record of who has read personal data.

Revision 0007. Roles, grants and row security are no part of a revision: `kampungkb.warehouse.privileges` brings them
to the declared matrix after every migration.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0003"
branch_labels = None
depends_on = None

# Run as the owner, so that readers can add to the record and not read or change it. `current_setting('role')` is the
# reader's own role: `current_user` is the owner here. The warning reaches the server's log even where the reader
# rolls its transaction back.
NOTE_ACCESS = """
create function ops.note_access(subject text) returns boolean
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    reader text := coalesce(nullif(current_setting('role'), 'none'), session_user);
begin
    insert into ops.access_log (login, role, subject, purpose, application, client)
    values (
        session_user, reader, note_access.subject, nullif(current_setting('kampungkb.purpose', true), ''),
        nullif(current_setting('application_name'), ''), host(inet_client_addr())
    );
    raise warning 'kampungkb: % reads %, which is recorded', reader, note_access.subject;
    return true;
end
$$
"""


def upgrade() -> None:
    op.create_table(
        "role_region",
        sa.Column("role_name", sa.Text(), nullable=False, comment="Name of the login role"),
        sa.Column(
            "region_code", sa.Text(), nullable=False, comment="Region without dots; everything within it is visible"
        ),
        sa.CheckConstraint("region_code ~ '^([0-9]{2}){1,3}([0-9]{4})?$'", name="role_region_region_code_check"),
        sa.PrimaryKeyConstraint("role_name", "region_code", name="role_region_pkey"),
        schema="core",
        comment="Regions that a member of kkb_village may see, one row a role and region; kept by administrators",
    )
    op.create_table(
        "access_log",
        sa.Column(
            "access_id",
            sa.Integer(),
            sa.Identity(always=True),
            nullable=False,
            comment="Number of the read, in the order of time",
        ),
        sa.Column(
            "accessed_at",
            postgresql.TIMESTAMP(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
            comment="When",
        ),
        sa.Column("login", sa.Text(), nullable=False, comment="Role that logged in"),
        sa.Column("role", sa.Text(), nullable=False, comment="Role in whose name it read (set role), else the login"),
        sa.Column("subject", sa.Text(), nullable=False, comment="Table that was read"),
        sa.Column(
            "purpose",
            sa.Text(),
            nullable=True,
            comment="What the reader stated by: set kampungkb.purpose = '…'; null where nothing",
        ),
        sa.Column("application", sa.Text(), nullable=True, comment="Name that the program gave itself"),
        sa.Column("client", sa.Text(), nullable=True, comment="Network address of the reader; null on a local socket"),
        sa.PrimaryKeyConstraint("access_id", name="access_log_pkey"),
        schema="ops",
        comment="Reads of vault and service, one row a statement and table; for the controller only",
    )
    op.execute(NOTE_ACCESS)
    op.execute("revoke execute on function ops.note_access(text) from public")
    op.execute("comment on function ops.note_access(text) is 'Records that the caller reads a table; returns true'")
