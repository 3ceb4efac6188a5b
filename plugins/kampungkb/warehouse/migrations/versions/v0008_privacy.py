"""Who may see which region, the record of who has read personal data, and what may be published.

Revision 0008. Roles, grants and row security are no part of a revision: `kampungkb.warehouse.privileges` brings them
to the declared matrix after every migration.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0008"
down_revision = "0007"
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

ACTION_LIST = """
create view service.action_list as
select
    contact.village_code,
    contact.family_code,
    contact.head_name,
    contact.rt,
    contact.rw,
    contact.address,
    score.members,
    indicator.sector,
    indicator.indicator as need,
    score.family_key
from service.family_contact as contact
inner join core.family_score as score on contact.family_key = score.family_key and score.basis = 'integrated'
inner join core.dim_indicator as indicator on substr(score.states, indicator.position, 1) = '0'
"""

COMMENTS = {
    "": "Families by name with the services they need, one row a family and need; as of the latest load",
    "village_code": "Village code, 10 digits",
    "family_code": "KODE_KELUARGA",
    "head_name": "Name of the head, else of the first member",
    "rt": "RT",
    "rw": "RW",
    "address": "Address",
    "members": "Accepted members",
    "sector": "Sector that can meet the need",
    "need": "Indicator that the family does not achieve, integrated basis",
    "family_key": "Pseudonym of the family",
}


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
    op.create_table(
        "open_release",
        sa.Column("village_code", sa.Text(), nullable=False, comment="Village code, 10 digits"),
        sa.Column("means_of", sa.Date(), nullable=False, comment="as_of of the load that they were published with"),
        sa.Column(
            "ketentraman", sa.Double(), nullable=True, comment="Mean, one decimal; null over fewer than 5 families"
        ),
        sa.Column(
            "kemandirian", sa.Double(), nullable=True, comment="Mean, one decimal; null over fewer than 5 families"
        ),
        sa.Column(
            "kebahagiaan", sa.Double(), nullable=True, comment="Mean, one decimal; null over fewer than 5 families"
        ),
        sa.Column("ibangga", sa.Double(), nullable=True, comment="Mean, one decimal; null over fewer than 5 families"),
        sa.Column(
            "fingerprints",
            sa.ARRAY(sa.Text()),
            nullable=False,
            comment="Digests of the families' keys with their scores, ordered",
        ),
        sa.PrimaryKeyConstraint("village_code", name="open_release_pkey"),
        schema="core",
        comment="Published means and the families behind them, one row a village; held until 5 families change",
    )
    op.create_table(
        "district_index",
        sa.Column("district_code", sa.Text(), nullable=False, comment="District code, 6 digits"),
        sa.Column("district", sa.Text(), nullable=False, comment="Name of the district"),
        sa.Column("as_of", sa.Date(), nullable=False, comment="Date of the load"),
        sa.Column(
            "families",
            sa.Integer(),
            nullable=True,
            comment="Families with an index in the categories shown: their sum; null where none is",
        ),
        sa.Column(
            "ketentraman",
            sa.Double(),
            nullable=True,
            comment="Mean, one decimal, 0-100; of an area above: of its villages' means",
        ),
        sa.Column(
            "kemandirian",
            sa.Double(),
            nullable=True,
            comment="Mean, one decimal, 0-100; of an area above: of its villages' means",
        ),
        sa.Column(
            "kebahagiaan",
            sa.Double(),
            nullable=True,
            comment="Mean, one decimal, 0-100; of an area above: of its villages' means",
        ),
        sa.Column(
            "ibangga",
            sa.Double(),
            nullable=True,
            comment="Mean index, one decimal, 0-100; of an area above: of its villages' means",
        ),
        sa.Column(
            "category",
            sa.Text(),
            nullable=True,
            comment="rentan (< 40), berkembang (40-70), tangguh (> 70) by the index shown",
        ),
        sa.Column(
            "rentan",
            sa.Integer(),
            nullable=True,
            comment="Families below 40, in steps of 5, rounded down; null under 5",
        ),
        sa.Column(
            "berkembang",
            sa.Integer(),
            nullable=True,
            comment="Families from 40 to 70, in steps of 5, rounded down; null under 5",
        ),
        sa.Column(
            "tangguh",
            sa.Integer(),
            nullable=True,
            comment="Families above 70, in steps of 5, rounded down; null under 5",
        ),
        sa.PrimaryKeyConstraint("district_code", name="district_index_pkey"),
        schema="open",
        comment="iBangga index, integrated, one row a district; as of the latest load",
    )
    op.create_table(
        "indicator_coverage",
        sa.Column("region_code", sa.Text(), nullable=False, comment="Village (10 digits), district (6) or regency (4)"),
        sa.Column("indicator", sa.Text(), nullable=False, comment="Id of the indicator"),
        sa.Column("as_of", sa.Date(), nullable=False, comment="Date of the load"),
        sa.Column(
            "achieved",
            sa.Integer(),
            nullable=True,
            comment="Families that achieve it, in steps of 5, rounded down; null under 5",
        ),
        sa.Column(
            "not_achieved",
            sa.Integer(),
            nullable=True,
            comment="Families that do not, in steps of 5, rounded down; null under 5",
        ),
        sa.Column("applicable", sa.Integer(), nullable=True, comment="achieved + not_achieved; null where one is"),
        sa.Column(
            "share", sa.Double(), nullable=True, comment="achieved / applicable, 0-1, two decimals; null where one is"
        ),
        sa.PrimaryKeyConstraint("region_code", "indicator", name="indicator_coverage_pkey"),
        schema="open",
        comment="Coverage, integrated, one row an area (village, district, regency) and indicator; latest load",
    )
    op.create_table(
        "regency_index",
        sa.Column("regency_code", sa.Text(), nullable=False, comment="Regency code, 4 digits"),
        sa.Column("regency", sa.Text(), nullable=False, comment="Name of the regency"),
        sa.Column("as_of", sa.Date(), nullable=False, comment="Date of the load"),
        sa.Column(
            "families",
            sa.Integer(),
            nullable=True,
            comment="Families with an index in the categories shown: their sum; null where none is",
        ),
        sa.Column(
            "ketentraman",
            sa.Double(),
            nullable=True,
            comment="Mean, one decimal, 0-100; of an area above: of its villages' means",
        ),
        sa.Column(
            "kemandirian",
            sa.Double(),
            nullable=True,
            comment="Mean, one decimal, 0-100; of an area above: of its villages' means",
        ),
        sa.Column(
            "kebahagiaan",
            sa.Double(),
            nullable=True,
            comment="Mean, one decimal, 0-100; of an area above: of its villages' means",
        ),
        sa.Column(
            "ibangga",
            sa.Double(),
            nullable=True,
            comment="Mean index, one decimal, 0-100; of an area above: of its villages' means",
        ),
        sa.Column(
            "category",
            sa.Text(),
            nullable=True,
            comment="rentan (< 40), berkembang (40-70), tangguh (> 70) by the index shown",
        ),
        sa.Column(
            "rentan",
            sa.Integer(),
            nullable=True,
            comment="Families below 40, in steps of 5, rounded down; null under 5",
        ),
        sa.Column(
            "berkembang",
            sa.Integer(),
            nullable=True,
            comment="Families from 40 to 70, in steps of 5, rounded down; null under 5",
        ),
        sa.Column(
            "tangguh",
            sa.Integer(),
            nullable=True,
            comment="Families above 70, in steps of 5, rounded down; null under 5",
        ),
        sa.PrimaryKeyConstraint("regency_code", name="regency_index_pkey"),
        schema="open",
        comment="iBangga index, integrated, one row a regency; as of the latest load",
    )
    op.create_table(
        "village_index",
        sa.Column("village_code", sa.Text(), nullable=False, comment="Village code, 10 digits"),
        sa.Column("village", sa.Text(), nullable=False, comment="Name of the village"),
        sa.Column("district", sa.Text(), nullable=True, comment="Name of the district"),
        sa.Column("kampung_kb", sa.Boolean(), nullable=False, comment="Is a Kampung KB on as_of"),
        sa.Column(
            "means_of",
            sa.Date(),
            nullable=True,
            comment="Date of the means: they move once 5 families or more have changed",
        ),
        sa.Column("as_of", sa.Date(), nullable=False, comment="Date of the load"),
        sa.Column(
            "families",
            sa.Integer(),
            nullable=True,
            comment="Families with an index in the categories shown: their sum; null where none is",
        ),
        sa.Column(
            "ketentraman",
            sa.Double(),
            nullable=True,
            comment="Mean, one decimal, 0-100; of an area above: of its villages' means",
        ),
        sa.Column(
            "kemandirian",
            sa.Double(),
            nullable=True,
            comment="Mean, one decimal, 0-100; of an area above: of its villages' means",
        ),
        sa.Column(
            "kebahagiaan",
            sa.Double(),
            nullable=True,
            comment="Mean, one decimal, 0-100; of an area above: of its villages' means",
        ),
        sa.Column(
            "ibangga",
            sa.Double(),
            nullable=True,
            comment="Mean index, one decimal, 0-100; of an area above: of its villages' means",
        ),
        sa.Column(
            "category",
            sa.Text(),
            nullable=True,
            comment="rentan (< 40), berkembang (40-70), tangguh (> 70) by the index shown",
        ),
        sa.Column(
            "rentan",
            sa.Integer(),
            nullable=True,
            comment="Families below 40, in steps of 5, rounded down; null under 5",
        ),
        sa.Column(
            "berkembang",
            sa.Integer(),
            nullable=True,
            comment="Families from 40 to 70, in steps of 5, rounded down; null under 5",
        ),
        sa.Column(
            "tangguh",
            sa.Integer(),
            nullable=True,
            comment="Families above 70, in steps of 5, rounded down; null under 5",
        ),
        sa.PrimaryKeyConstraint("village_code", name="village_index_pkey"),
        schema="open",
        comment="iBangga index, integrated, one row a village; as of the latest load",
    )
    op.create_table(
        "family_contact",
        sa.Column("family_key", sa.Text(), nullable=False, comment="Pseudonym of the family"),
        sa.Column("village_code", sa.Text(), nullable=False, comment="Village code, 10 digits"),
        sa.Column("family_code", sa.Text(), nullable=False, comment="KODE_KELUARGA"),
        sa.Column(
            "head_name",
            sa.Text(),
            nullable=True,
            comment="Name of the head, else of the first member; null where none is accepted",
        ),
        sa.Column("rt", sa.Text(), nullable=True, comment="RT"),
        sa.Column("rw", sa.Text(), nullable=True, comment="RW"),
        sa.Column("address", sa.Text(), nullable=True, comment="Address"),
        sa.PrimaryKeyConstraint("family_key", name="family_contact_pkey"),
        schema="service",
        comment="Names and addresses of accepted families, one row a family; as of the latest load",
    )
    op.create_index(
        "family_contact_village_code_idx", "family_contact", ["village_code"], unique=False, schema="service"
    )
    op.execute(ACTION_LIST)
    for column, comment in COMMENTS.items():
        target = f"column service.action_list.{column}" if column else "view service.action_list"
        op.execute(f"comment on {target} is '{comment}'")
    op.create_table(
        "retention_run",
        sa.Column(
            "started_at", postgresql.TIMESTAMP(timezone=True), nullable=False, comment="Start of the retention run"
        ),
        sa.Column(
            "subject",
            sa.Text(),
            nullable=False,
            comment="Kind of folder (landing/<source>, accepted, persons, scores, runs) or table",
        ),
        sa.Column("as_of", sa.Date(), nullable=False, comment="Day from which the limits were counted"),
        sa.Column("before", sa.Date(), nullable=False, comment="First day that was kept"),
        sa.Column("deleted", sa.Integer(), nullable=False, comment="Folders, files or rows deleted"),
        sa.PrimaryKeyConstraint("started_at", "subject", name="retention_run_pkey"),
        schema="ops",
        comment="What was deleted because its time was over, one row a retention run and subject",
    )
