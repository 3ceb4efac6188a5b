"""The first warehouse: schemas, the tables of the nightly load, and the two family views.

Revision 0001.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

SCHEMAS = {
    "core": "Dimensions and facts; pseudonymous",
    "mart": "What analysts read: pseudonymous families and aggregates",
    "open": "Aggregates with small counts suppressed, for viewers and for publishing",
    "ops": "Runs, checks and quarantine, without personal values",
    "vault": "Personal data and the map of keys; closed to analysts",
    "service": "Action lists by name, for those allowed",
}

FAMILY_INDEX = """
create view mart.family_index as
select
    family_key, village_code, members, ketentraman, kemandirian, kebahagiaan, ibangga, category, basis
from core.family_score
"""

FAMILY_INDICATOR = """
create view mart.family_indicator as
select
    family.family_key,
    family.village_code,
    family.basis,
    indicator.indicator,
    indicator.dimension,
    indicator.in_index,
    state.state <> '-' as applicable,
    case state.state when '1' then true when '0' then false end as achieved,
    case substr(family.provenances, indicator.position, 1)
        when 's' then 'survey'
        when 'r' then 'civil_registry'
        when 'i' then 'health_insurance'
        when 'x' then 'mixed'
        when 'n' then 'not_applicable'
        when 'm' then 'missing'
    end as provenance
from core.family_score as family
cross join core.dim_indicator as indicator
cross join lateral (select substr(family.states, indicator.position, 1) as state) as state
"""

VIEW_COMMENTS = {
    "family_index": {
        "": "iBangga of the families, one row a family and basis; as of the latest load",
        "family_key": "Pseudonym of the family",
        "village_code": "Village code, 10 digits",
        "members": "Accepted members",
        "ketentraman": "100 x achieved / applicable; null where none applies",
        "kemandirian": "100 x achieved / applicable; null where none applies",
        "kebahagiaan": "100 x achieved / applicable; null where none applies",
        "ibangga": "Mean of the three dimensions; null where one is null",
        "category": "rentan (< 40), berkembang (40-70), tangguh (> 70)",
        "basis": "survey or integrated",
    },
    "family_indicator": {
        "": "Indicators of the families, one row a family, indicator and basis; as of the latest load",
        "family_key": "Pseudonym of the family",
        "village_code": "Village code, 10 digits",
        "basis": "survey or integrated",
        "indicator": "Id of the indicator",
        "dimension": "ketentraman, kemandirian or kebahagiaan",
        "in_index": "Counts in the iBangga index",
        "applicable": "False where it does not apply or the answer is missing; provenance tells which",
        "achieved": "Null where not applicable",
        "provenance": "survey, civil_registry, health_insurance, mixed, not_applicable or missing",
    },
}


def upgrade() -> None:
    for schema, comment in SCHEMAS.items():
        op.execute(f"create schema if not exists {schema}")
        op.execute(f"comment on schema {schema} is '{comment}'")
    _create_tables()
    op.execute(FAMILY_INDEX)
    op.execute(FAMILY_INDICATOR)
    for view, comments in VIEW_COMMENTS.items():
        for column, comment in comments.items():
            target = f"column mart.{view}.{column}" if column else f"view mart.{view}"
            op.execute(f"comment on {target} is '{comment}'")


def _create_tables() -> None:
    op.create_table(
        "dim_indicator",
        sa.Column("indicator", sa.Text(), nullable=False, comment="Id of the indicator"),
        sa.Column("methodology", sa.Text(), nullable=False, comment="Version of the methodology"),
        sa.Column("position", sa.Integer(), nullable=False, comment="Place in family_score.states, from 1"),
        sa.Column("dimension", sa.Text(), nullable=False, comment="ketentraman, kemandirian or kebahagiaan"),
        sa.Column("in_index", sa.Boolean(), nullable=False, comment="Counts in the iBangga index"),
        sa.Column("sector", sa.Text(), nullable=False, comment="Sector to which an unmet indicator is a need"),
        sa.Column("function", sa.Text(), nullable=False, comment="Family function it belongs to"),
        sa.PrimaryKeyConstraint("indicator", name="dim_indicator_pkey"),
        schema="core",
        comment="Indicators of the methodology, one row an indicator; as of the latest load",
    )
    op.create_table(
        "dim_region",
        sa.Column(
            "code",
            sa.Text(),
            nullable=False,
            comment="Code without dots: 2 digits province, 4 regency, 6 district, 10 village",
        ),
        sa.Column("name", sa.Text(), nullable=False, comment="Name"),
        sa.Column("level", sa.Text(), nullable=False, comment="Kind of region, as the reference writes it"),
        sa.Column("parent", sa.Text(), nullable=True, comment="Code of the region above"),
        sa.Column("valid_from", sa.Date(), nullable=True, comment="First day of validity; null where open"),
        sa.Column("valid_to", sa.Date(), nullable=True, comment="Last day of validity; null where open"),
        sa.Column("successor_code", sa.Text(), nullable=True, comment="Region that took its place"),
        sa.PrimaryKeyConstraint("code", name="dim_region_pkey"),
        schema="core",
        comment="Region reference, one row a region; as of the latest load",
    )
    op.create_table(
        "family_score",
        sa.Column("family_key", sa.Text(), nullable=False, comment="Pseudonym of the family"),
        sa.Column(
            "basis",
            sa.Text(),
            nullable=False,
            comment="survey: the form's answers; integrated: linked evidence decides where it speaks",
        ),
        sa.Column("village_code", sa.Text(), nullable=False, comment="Village code, 10 digits"),
        sa.Column("members", sa.Integer(), nullable=False, comment="Accepted members"),
        sa.Column(
            "ketentraman", sa.Double(), nullable=True, comment="100 x achieved / applicable; null where none applies"
        ),
        sa.Column(
            "kemandirian", sa.Double(), nullable=True, comment="100 x achieved / applicable; null where none applies"
        ),
        sa.Column(
            "kebahagiaan", sa.Double(), nullable=True, comment="100 x achieved / applicable; null where none applies"
        ),
        sa.Column(
            "ibangga", sa.Double(), nullable=True, comment="Mean of the three dimensions; null where one is null"
        ),
        sa.Column("category", sa.Text(), nullable=True, comment="rentan (< 40), berkembang (40-70), tangguh (> 70)"),
        sa.Column(
            "states",
            sa.Text(),
            nullable=False,
            comment="One character an indicator by position: 1 achieved, 0 not, - not applicable or missing",
        ),
        sa.Column(
            "provenances",
            sa.Text(),
            nullable=False,
            comment="One character an indicator: s survey, r civil_registry, i health_insurance, x mixed, "
            "n not_applicable, m missing",
        ),
        sa.PrimaryKeyConstraint("family_key", "basis", name="family_score_pkey"),
        schema="core",
        comment="Scores and packed indicators, one row a family and basis; as of the latest load",
    )
    op.create_index("family_score_village_code_idx", "family_score", ["village_code"], unique=False, schema="core")
    op.create_table(
        "kampung_kb",
        sa.Column("village_code", sa.Text(), nullable=False, comment="Village code, 10 digits"),
        sa.Column(
            "valid_from",
            sa.Date(),
            nullable=False,
            comment="First day as Kampung KB; 0001-01-01 where the register leaves it open",
        ),
        sa.Column("valid_to", sa.Date(), nullable=True, comment="Last day as Kampung KB; null where it still is"),
        sa.Column("successor_code", sa.Text(), nullable=True, comment="Village that took its place"),
        sa.PrimaryKeyConstraint("village_code", "valid_from", name="kampung_kb_pkey"),
        schema="core",
        comment="Kampung KB register, one row a village and membership; as of the latest load",
    )
    op.create_table(
        "data_quality",
        sa.Column("as_of", sa.Date(), nullable=False, comment="Date of the load"),
        sa.Column("source", sa.Text(), nullable=False, comment="family_survey, civil_registry or health_insurance"),
        sa.Column("village_code", sa.Text(), nullable=False, comment="Village code, or `unknown`"),
        sa.Column(
            "dimension",
            sa.Text(),
            nullable=False,
            comment="ISO/IEC 25012 dimension, or `overall`: the mean of the dimensions present",
        ),
        sa.Column(
            "score",
            sa.Double(),
            nullable=False,
            comment="100 x weighted passed / weighted checked; weights critical 4, warning 2, info 1",
        ),
        sa.Column("checked", sa.Integer(), nullable=False, comment="Row-checks, unweighted"),
        sa.Column("failed", sa.Integer(), nullable=False, comment="Failed row-checks, unweighted"),
        sa.PrimaryKeyConstraint("as_of", "source", "village_code", "dimension", name="data_quality_pkey"),
        schema="mart",
        comment="Data-quality score, one row an as_of, source, village and dimension",
    )
    op.create_table(
        "district_index",
        sa.Column("as_of", sa.Date(), nullable=False, comment="Date of the load"),
        sa.Column("district_code", sa.Text(), nullable=False, comment="District code, 6 digits"),
        sa.Column("district", sa.Text(), nullable=False, comment="Name of the district"),
        sa.Column("basis", sa.Text(), nullable=False, comment="survey or integrated"),
        sa.Column(
            "stale_sources",
            sa.ARRAY(sa.Text()),
            nullable=False,
            comment="Sources whose last good snapshot stood in, by id; empty where none",
        ),
        sa.Column("families", sa.Integer(), nullable=False, comment="Accepted families, scored or not"),
        sa.Column("ketentraman", sa.Double(), nullable=True, comment="Mean over families with a value, 0-100"),
        sa.Column("kemandirian", sa.Double(), nullable=True, comment="Mean over families with a value, 0-100"),
        sa.Column("kebahagiaan", sa.Double(), nullable=True, comment="Mean over families with a value, 0-100"),
        sa.Column(
            "ibangga",
            sa.Double(),
            nullable=True,
            comment="Mean of the families' index, 0-100; null where no family has one",
        ),
        sa.Column(
            "category",
            sa.Text(),
            nullable=True,
            comment="rentan (< 40), berkembang (40-70), tangguh (> 70) by the index",
        ),
        sa.Column("rentan", sa.Integer(), nullable=False, comment="Families below 40"),
        sa.Column("berkembang", sa.Integer(), nullable=False, comment="Families from 40 to 70"),
        sa.Column("tangguh", sa.Integer(), nullable=False, comment="Families above 70"),
        sa.PrimaryKeyConstraint("as_of", "district_code", "basis", name="district_index_pkey"),
        schema="mart",
        comment="iBangga index, one row a district, basis and as_of; means over families",
    )
    op.create_table(
        "indicator_coverage",
        sa.Column("village_code", sa.Text(), nullable=False, comment="Village code, 10 digits"),
        sa.Column("indicator", sa.Text(), nullable=False, comment="Id of the indicator"),
        sa.Column("basis", sa.Text(), nullable=False, comment="survey or integrated"),
        sa.Column(
            "applicable", sa.Integer(), nullable=False, comment="Families to which it applies and whose answer is known"
        ),
        sa.Column("achieved", sa.Integer(), nullable=False, comment="Families among them that achieve it"),
        sa.Column("share", sa.Double(), nullable=True, comment="achieved / applicable, 0-1; null where none applies"),
        sa.PrimaryKeyConstraint("village_code", "indicator", "basis", name="indicator_coverage_pkey"),
        schema="mart",
        comment="Coverage of an indicator, one row a village, indicator and basis; as of the latest load",
    )
    op.create_table(
        "regency_index",
        sa.Column("as_of", sa.Date(), nullable=False, comment="Date of the load"),
        sa.Column("regency_code", sa.Text(), nullable=False, comment="Regency code, 4 digits"),
        sa.Column("regency", sa.Text(), nullable=False, comment="Name of the regency"),
        sa.Column("basis", sa.Text(), nullable=False, comment="survey or integrated"),
        sa.Column(
            "stale_sources",
            sa.ARRAY(sa.Text()),
            nullable=False,
            comment="Sources whose last good snapshot stood in, by id; empty where none",
        ),
        sa.Column("families", sa.Integer(), nullable=False, comment="Accepted families, scored or not"),
        sa.Column("ketentraman", sa.Double(), nullable=True, comment="Mean over families with a value, 0-100"),
        sa.Column("kemandirian", sa.Double(), nullable=True, comment="Mean over families with a value, 0-100"),
        sa.Column("kebahagiaan", sa.Double(), nullable=True, comment="Mean over families with a value, 0-100"),
        sa.Column(
            "ibangga",
            sa.Double(),
            nullable=True,
            comment="Mean of the families' index, 0-100; null where no family has one",
        ),
        sa.Column(
            "category",
            sa.Text(),
            nullable=True,
            comment="rentan (< 40), berkembang (40-70), tangguh (> 70) by the index",
        ),
        sa.Column("rentan", sa.Integer(), nullable=False, comment="Families below 40"),
        sa.Column("berkembang", sa.Integer(), nullable=False, comment="Families from 40 to 70"),
        sa.Column("tangguh", sa.Integer(), nullable=False, comment="Families above 70"),
        sa.PrimaryKeyConstraint("as_of", "regency_code", "basis", name="regency_index_pkey"),
        schema="mart",
        comment="iBangga index, one row a regency, basis and as_of; means over families",
    )
    op.create_table(
        "village_index",
        sa.Column("as_of", sa.Date(), nullable=False, comment="Date of the load"),
        sa.Column("village_code", sa.Text(), nullable=False, comment="Village code, 10 digits"),
        sa.Column("village", sa.Text(), nullable=False, comment="Name of the village"),
        sa.Column("district", sa.Text(), nullable=True, comment="Name of the district"),
        sa.Column("kampung_kb", sa.Boolean(), nullable=False, comment="Is a Kampung KB on as_of"),
        sa.Column("basis", sa.Text(), nullable=False, comment="survey or integrated"),
        sa.Column(
            "stale_sources",
            sa.ARRAY(sa.Text()),
            nullable=False,
            comment="Sources whose last good snapshot stood in, by id; empty where none",
        ),
        sa.Column("families", sa.Integer(), nullable=False, comment="Accepted families, scored or not"),
        sa.Column("ketentraman", sa.Double(), nullable=True, comment="Mean over families with a value, 0-100"),
        sa.Column("kemandirian", sa.Double(), nullable=True, comment="Mean over families with a value, 0-100"),
        sa.Column("kebahagiaan", sa.Double(), nullable=True, comment="Mean over families with a value, 0-100"),
        sa.Column(
            "ibangga",
            sa.Double(),
            nullable=True,
            comment="Mean of the families' index, 0-100; null where no family has one",
        ),
        sa.Column(
            "category",
            sa.Text(),
            nullable=True,
            comment="rentan (< 40), berkembang (40-70), tangguh (> 70) by the index",
        ),
        sa.Column("rentan", sa.Integer(), nullable=False, comment="Families below 40"),
        sa.Column("berkembang", sa.Integer(), nullable=False, comment="Families from 40 to 70"),
        sa.Column("tangguh", sa.Integer(), nullable=False, comment="Families above 70"),
        sa.PrimaryKeyConstraint("as_of", "village_code", "basis", name="village_index_pkey"),
        schema="mart",
        comment="iBangga index, one row a village, basis and as_of",
    )
    op.create_table(
        "check_result",
        sa.Column("run_id", sa.Text(), nullable=False, comment="Id of the run"),
        sa.Column("source", sa.Text(), nullable=False, comment="family_survey, civil_registry or health_insurance"),
        sa.Column("rule", sa.Text(), nullable=False, comment="Id of the rule, such as F01"),
        sa.Column("village_code", sa.Text(), nullable=False, comment="Village code, or `unknown`"),
        sa.Column("dimension", sa.Text(), nullable=False, comment="ISO/IEC 25012 dimension"),
        sa.Column("severity", sa.Text(), nullable=False, comment="critical, warning or info"),
        sa.Column("checked", sa.Integer(), nullable=False, comment="Row-checks"),
        sa.Column("failed", sa.Integer(), nullable=False, comment="Failed row-checks"),
        sa.PrimaryKeyConstraint("run_id", "source", "rule", "village_code", name="check_result_pkey"),
        schema="ops",
        comment="Results of the rules, one row a run, source, rule and village",
    )
    op.create_table(
        "load_run",
        sa.Column("run_id", sa.Text(), nullable=False, comment="Id of the run"),
        sa.Column("as_of", sa.Date(), nullable=False, comment="Date for which it loaded"),
        sa.Column("status", sa.Text(), nullable=False, comment="success: published as a whole"),
        sa.Column(
            "stale_sources", sa.ARRAY(sa.Text()), nullable=False, comment="Sources whose last good snapshot stood in"
        ),
        sa.Column("started_at", postgresql.TIMESTAMP(timezone=True), nullable=False, comment="Start of the run"),
        sa.Column("finished_at", postgresql.TIMESTAMP(timezone=True), nullable=False, comment="Time of publication"),
        sa.Column(
            "counts",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="By source: tables and total (read, accepted, rejected, nulled), files_rejected, parsed, "
            "records, linked, stale, reason",
        ),
        sa.PrimaryKeyConstraint("run_id", name="load_run_pkey"),
        schema="ops",
        comment="Published loads, one row a run; a failed run publishes nothing",
    )
    op.create_table(
        "quarantine",
        sa.Column("run_id", sa.Text(), nullable=False, comment="Id of the latest load"),
        sa.Column("source", sa.Text(), nullable=False, comment="family_survey, civil_registry or health_insurance"),
        sa.Column("source_table", sa.Text(), nullable=False, comment="Table of the contract"),
        sa.Column("row_key", sa.Text(), nullable=False, comment="Keyed pseudonym of the source row"),
        sa.Column("village_code", sa.Text(), nullable=True, comment="Village code, or `unknown`"),
        sa.Column("rule", sa.Text(), nullable=False, comment="Id of the rule, such as F01"),
        sa.Column("action", sa.Text(), nullable=False, comment="row: rejected; value: nulled; file: a whole workbook"),
        sa.Column(
            "column_name", sa.Text(), nullable=True, comment="Column that breaks the rule; null where it is the row"
        ),
        sa.Column("reason", sa.Text(), nullable=True, comment="What is wrong, without the value"),
        sa.Column("file", sa.Text(), nullable=True, comment="Workbook, relative to the folder"),
        sa.Column("sheet", sa.Text(), nullable=True, comment="Sheet"),
        sa.Column("row_number", sa.Integer(), nullable=True, comment="Row as the spreadsheet shows it"),
        schema="ops",
        comment="Rejected rows and nulled values, one row a row (or value) and rule; as of the latest load",
    )
    op.create_index(
        "quarantine_source_idx", "quarantine", ["source", "source_table", "row_key"], unique=False, schema="ops"
    )
    op.create_table(
        "family_link",
        sa.Column("source_key", sa.Text(), nullable=False, comment="KODE_KELUARGA"),
        sa.Column("family_key", sa.Text(), nullable=False, comment="Pseudonym of the family"),
        sa.PrimaryKeyConstraint("source_key", name="family_link_pkey"),
        sa.UniqueConstraint("family_key", name="family_link_family_key_key"),
        schema="vault",
        comment="Crosswalk, one row an accepted family; as of the latest load",
    )
    op.create_table(
        "person_link",
        sa.Column("source", sa.Text(), nullable=False, comment="family_survey, civil_registry or health_insurance"),
        sa.Column("source_key", sa.Text(), nullable=False, comment="KODE_KELUARGA-NO_URUT, nik or noKartu"),
        sa.Column("person_key", sa.Text(), nullable=False, comment="Key of the person, the same from night to night"),
        sa.Column("match_rule", sa.Text(), nullable=False, comment="Rule that linked it; single where it is alone"),
        sa.Column("match_probability", sa.Double(), nullable=True, comment="0-1"),
        sa.Column("linked_since", sa.Date(), nullable=True, comment="as_of of the first load with this link"),
        sa.PrimaryKeyConstraint("source", "source_key", name="person_link_pkey"),
        schema="vault",
        comment="Crosswalk, one row an accepted person record of a source; as of the latest load",
    )
    op.create_index("person_link_person_key_idx", "person_link", ["person_key"], unique=False, schema="vault")
