"""More of what may be published: programmes, data quality, candidates, freshness, and what changed in the villages.

Revision 0009.
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "data_quality",
        sa.Column("region_code", sa.Text(), nullable=False, comment="Village (10 digits), district (6) or regency (4)"),
        sa.Column("source", sa.Text(), nullable=False, comment="family_survey, civil_registry or health_insurance"),
        sa.Column(
            "dimension",
            sa.Text(),
            nullable=False,
            comment="ISO/IEC 25012 dimension, or `overall`: the mean of those shown",
        ),
        sa.Column("as_of", sa.Date(), nullable=False, comment="Date of the load"),
        sa.Column(
            "score",
            sa.Double(),
            nullable=False,
            comment="0-100, of a village in whole points, rounded down, where a point is five rows at least; of an "
            "area above: plain mean of its villages, one decimal",
        ),
        sa.PrimaryKeyConstraint("region_code", "source", "dimension", name="data_quality_pkey"),
        schema="open",
        comment="Data-quality score, one row an area (village, district, regency), source and dimension; latest load",
    )
    op.create_table(
        "kampung_kb_candidate",
        sa.Column("village_code", sa.Text(), nullable=False, comment="Village code, 10 digits"),
        sa.Column("as_of", sa.Date(), nullable=False, comment="Date of the load"),
        sa.Column(
            "rank", sa.Integer(), nullable=True, comment="1 for the greatest need; null where the village has no figure"
        ),
        sa.Column(
            "need_score",
            sa.Double(),
            nullable=True,
            comment="100 x weighted mean of the figures present, one decimal; higher is needier",
        ),
        sa.Column("village", sa.Text(), nullable=False, comment="Name of the village"),
        sa.Column("district", sa.Text(), nullable=True, comment="Name of the district"),
        sa.Column("families", sa.Integer(), nullable=True, comment="As open.village_index"),
        sa.Column("ibangga", sa.Double(), nullable=True, comment="As open.village_index"),
        sa.Column("rentan", sa.Integer(), nullable=True, comment="As open.village_index"),
        sa.Column("index_gap", sa.Double(), nullable=True, comment="1 - ibangga / 100"),
        sa.Column("rentan_share", sa.Double(), nullable=True, comment="rentan / families, 0-1, two decimals"),
        sa.Column(
            "documents_unmet",
            sa.Double(),
            nullable=True,
            comment="Unmet share of the indicators of data and documents, 0-1",
        ),
        sa.Column(
            "behaviour_unmet", sa.Double(), nullable=True, comment="Unmet share of the indicators of behaviour, 0-1"
        ),
        sa.Column(
            "services_unmet", sa.Double(), nullable=True, comment="Unmet share of the indicators of services, 0-1"
        ),
        sa.Column(
            "environment_unmet",
            sa.Double(),
            nullable=True,
            comment="Unmet share of the indicators of the living environment, 0-1",
        ),
        sa.Column(
            "programme_gap", sa.Double(), nullable=True, comment="not_participating / answered over all programmes, 0-1"
        ),
        sa.PrimaryKeyConstraint("village_code", name="kampung_kb_candidate_pkey"),
        schema="open",
        comment="Villages that are not Kampung KB, ranked by need as the figures of open show it (a count that is not "
        "shown is taken as 0; weights in include/methodology/kampung_kb.yaml), one row a village; latest load",
    )
    op.create_table(
        "programme_coverage",
        sa.Column("region_code", sa.Text(), nullable=False, comment="Village (10 digits), district (6) or regency (4)"),
        sa.Column("programme", sa.Text(), nullable=False, comment="BKB, BKR, PIK-R, BKL or UPPKA"),
        sa.Column("as_of", sa.Date(), nullable=False, comment="Date of the load"),
        sa.Column(
            "participating",
            sa.Integer(),
            nullable=True,
            comment="Eligible families that take part, in steps of 5, rounded down; null under 5",
        ),
        sa.Column(
            "not_participating",
            sa.Integer(),
            nullable=True,
            comment="Eligible families that say they do not, in steps of 5, rounded down; null under 5",
        ),
        sa.Column(
            "answered", sa.Integer(), nullable=True, comment="participating + not_participating; null where one is"
        ),
        sa.Column(
            "share",
            sa.Double(),
            nullable=True,
            comment="participating / answered, 0-1, two decimals; null where one is",
        ),
        sa.PrimaryKeyConstraint("region_code", "programme", name="programme_coverage_pkey"),
        schema="open",
        comment="Eligible families that take part in a programme, of those that answered, one row an area (village, "
        "district, regency) and programme; latest load",
    )
    op.create_table(
        "village_index_history",
        sa.Column("village_code", sa.Text(), nullable=False, comment="Village code, 10 digits"),
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
        sa.PrimaryKeyConstraint("village_code", "as_of", name="village_index_history_pkey"),
        schema="open",
        comment="What open.village_index has shown, one row a village and load that changed it",
    )
    op.create_table(
        "source_freshness",
        sa.Column("source", sa.Text(), nullable=False, comment="family_survey, civil_registry or health_insurance"),
        sa.Column("as_of", sa.Date(), nullable=False, comment="Date of the load"),
        sa.Column("stale", sa.Boolean(), nullable=False, comment="True where an earlier snapshot stood in"),
        sa.Column("snapshot_date", sa.Date(), nullable=True, comment="Date of the snapshot in force"),
        sa.Column(
            "last_change",
            sa.Date(),
            nullable=True,
            comment="Latest day, up to as_of, on which the source itself says that a row was surveyed or changed",
        ),
        sa.PrimaryKeyConstraint("source", name="source_freshness_pkey"),
        schema="open",
        comment="How fresh each source is, one row a source; latest load",
    )
