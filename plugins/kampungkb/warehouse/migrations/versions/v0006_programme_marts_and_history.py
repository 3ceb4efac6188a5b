"""Marts that answer the programme's questions, and the history of the families' scores.

Revision 0006. The history begins with the latest load: which families earlier loads held is not known. Their
evidence alone is not known either until the next load: it stands empty.
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0003"
branch_labels = None
depends_on = None

CARRY_OVER = """
insert into core.fact_family_score (
    family_key, basis, valid_from, methodology, village_code, members, ketentraman, kemandirian, kebahagiaan, ibangga,
    category, states, provenances, evidence
)
select
    score.family_key, score.basis, load.as_of, method.methodology, score.village_code, score.members,
    score.ketentraman, score.kemandirian, score.kebahagiaan, score.ibangga, score.category, score.states,
    score.provenances, score.evidence
from core.family_score as score
cross join (select max(as_of) as as_of from ops.load_run) as load
cross join (select min(methodology) as methodology from core.dim_indicator) as method
where load.as_of is not null
"""

VIEWS = {
    "core.fact_family_indicator": """
create view core.fact_family_indicator as
select
    family.family_key,
    family.basis,
    family.valid_from,
    family.valid_to,
    family.village_code,
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
from core.fact_family_score as family
inner join core.dim_indicator as indicator on family.methodology = indicator.methodology
cross join lateral (select substr(family.states, indicator.position, 1) as state) as state
""",
    "mart.family_change": """
create view mart.family_change as
select
    now.valid_from as as_of,
    (select max(load.as_of) from ops.load_run as load where load.as_of < now.valid_from) as compared_with,
    now.family_key,
    now.village_code,
    now.basis,
    case when now.category = 'rentan' then 'fell_into_rentan' else 'rose_out_of_rentan' end as change,
    earlier.category as category_before,
    now.category,
    earlier.ibangga as ibangga_before,
    now.ibangga,
    moved.lost,
    moved.gained,
    moved.reclassified
from core.fact_family_score as now
inner join core.fact_family_score as earlier
    on now.family_key = earlier.family_key and now.basis = earlier.basis and now.valid_from = earlier.valid_to
cross join lateral (
    select
        coalesce(array_agg(answer.indicator) filter (where answer.moved = '10'), '{}') as lost,
        coalesce(array_agg(answer.indicator) filter (where answer.moved = '01'), '{}') as gained,
        coalesce(array_agg(answer.indicator) filter (where answer.moved like '%-%'), '{}') as reclassified
    from (
        select
            indicator.indicator,
            substr(earlier.states, indicator.position, 1) || substr(now.states, indicator.position, 1) as moved
        from core.dim_indicator as indicator
        where
            indicator.in_index
            and indicator.methodology = now.methodology
            and indicator.methodology = earlier.methodology
        order by indicator.position
    ) as answer
    where answer.moved <> '--'
) as moved
where (now.category = 'rentan') <> (earlier.category = 'rentan')
""",
}

FAMILY_ON = """
create function core.family_on(day date) returns setof core.fact_family_score
language sql stable
begin atomic
    select * from core.fact_family_score where valid_from <= day and (valid_to is null or valid_to > day);
end
"""

COMMENTS = {
    "core.fact_family_indicator": {
        "": "History of the families' indicators, one row a family, basis, spell of its scores and indicator",
        "family_key": "Pseudonym of the family",
        "basis": "survey or integrated",
        "valid_from": "as_of of the first load of the spell",
        "valid_to": "as_of of the first load after it that says otherwise; null where it is the latest",
        "village_code": "Village code, 10 digits",
        "indicator": "Id of the indicator; spells scored by an earlier methodology have no rows",
        "dimension": "ketentraman, kemandirian or kebahagiaan",
        "in_index": "Counts in the iBangga index",
        "applicable": "False where it does not apply or the answer is missing; provenance tells which",
        "achieved": "Null where not applicable",
        "provenance": "survey, civil_registry, health_insurance, mixed, not_applicable or missing",
    },
    "mart.family_change": {
        "": "Families that fell into or rose out of rentan from one load to the next, one row a load, family and basis",
        "as_of": "Date of the load that shows the change",
        "compared_with": "Date of the load before",
        "family_key": "Pseudonym of the family",
        "village_code": "Village code, 10 digits, as of the load",
        "basis": "survey or integrated",
        "change": "fell_into_rentan or rose_out_of_rentan",
        "category_before": "Category in the load before",
        "category": "rentan (< 40), berkembang (40-70), tangguh (> 70)",
        "ibangga_before": "Index in the load before, 0-100",
        "ibangga": "Index, 0-100",
        "lost": "Indicators of the index that were achieved and are not any more",
        "gained": "Indicators of the index that were not achieved and are now",
        "reclassified": "Indicators of the index that began or ceased to apply or to be known",
    },
}


def upgrade() -> None:
    _extend_tables()
    _create_tables()
    op.execute(CARRY_OVER)
    op.execute(FAMILY_ON)
    op.execute("comment on function core.family_on(date) is 'Scores of all families as they stood on a day'")
    for view, statement in VIEWS.items():
        op.execute(statement)
        for column, comment in COMMENTS[view].items():
            target = f"column {view}.{column}" if column else f"view {view}"
            quoted = comment.replace("'", "''")
            op.execute(f"comment on {target} is '{quoted}'")


def _extend_tables() -> None:
    op.add_column(
        "dim_indicator",
        sa.Column(
            "evidence_source",
            sa.Text(),
            nullable=True,
            comment="Source whose linked records answer it; null where only the survey does",
        ),
        schema="core",
    )
    op.add_column(
        "family_score",
        sa.Column(
            "evidence",
            sa.Text(),
            nullable=False,
            server_default="",
            comment="What linked records say alone, one character an indicator: 1 achieved, 0 not, n not applicable,"
            " m nothing or not enough, - no source beside the survey; the same on both bases",
        ),
        schema="core",
    )
    op.alter_column("family_score", "evidence", server_default=None, schema="core")


def _create_tables() -> None:
    op.create_table(
        "fact_family_score",
        sa.Column("family_key", sa.Text(), nullable=False, comment="Pseudonym of the family"),
        sa.Column(
            "basis",
            sa.Text(),
            nullable=False,
            comment="survey: the form's answers; integrated: linked evidence decides where it speaks",
        ),
        sa.Column("valid_from", sa.Date(), nullable=False, comment="as_of of the first load of the spell"),
        sa.Column(
            "valid_to",
            sa.Date(),
            nullable=True,
            comment="as_of of the first load after it that says otherwise or lacks the family; null where it is the "
            "latest",
        ),
        sa.Column(
            "methodology",
            sa.Text(),
            nullable=False,
            comment="Version of the methodology, which gives states their order",
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
            comment="One character an indicator: s survey, r civil_registry, i health_insurance, x mixed, n "
            "not_applicable, m missing",
        ),
        sa.Column(
            "evidence",
            sa.Text(),
            nullable=False,
            comment="What linked records say alone, one character an indicator: 1 achieved, 0 not, n not applicable,"
            " m nothing or not enough, - no source beside the survey; the same on both bases",
        ),
        sa.CheckConstraint("valid_from < valid_to", name="fact_family_score_validity_check"),
        sa.PrimaryKeyConstraint("family_key", "basis", "valid_from", name="fact_family_score_pkey"),
        schema="core",
        comment="History of scores and packed indicators, one row a family, basis and spell; a new row only on change",
    )
    op.create_index(
        "fact_family_score_valid_from_idx", "fact_family_score", ["valid_from"], unique=False, schema="core"
    )
    op.create_index("fact_family_score_valid_to_idx", "fact_family_score", ["valid_to"], unique=False, schema="core")
    op.create_table(
        "family_function",
        sa.Column("village_code", sa.Text(), nullable=False, comment="Village code, 10 digits"),
        sa.Column("function", sa.Text(), nullable=False, comment="Id of the family function"),
        sa.Column("basis", sa.Text(), nullable=False, comment="survey or integrated"),
        sa.Column(
            "applicable",
            sa.Integer(),
            nullable=False,
            comment="Answers to indicators of the function that apply and are known, over all families",
        ),
        sa.Column("achieved", sa.Integer(), nullable=False, comment="Answers among them that are achieved"),
        sa.Column("share", sa.Double(), nullable=True, comment="achieved / applicable, 0-1; null where none applies"),
        sa.PrimaryKeyConstraint("village_code", "function", "basis", name="family_function_pkey"),
        schema="mart",
        comment="The family functions, one row a village, function and basis; as of the latest load",
    )
    op.create_table(
        "kampung_kb_candidate",
        sa.Column("village_code", sa.Text(), nullable=False, comment="Village code, 10 digits"),
        sa.Column(
            "rank", sa.Integer(), nullable=True, comment="1 for the greatest need; null where the village has no figure"
        ),
        sa.Column(
            "need_score",
            sa.Double(),
            nullable=True,
            comment="100 x weighted mean of the figures present, 0-100; higher is needier",
        ),
        sa.Column("village", sa.Text(), nullable=False, comment="Name of the village"),
        sa.Column("district", sa.Text(), nullable=True, comment="Name of the district"),
        sa.Column("families", sa.Integer(), nullable=False, comment="Accepted families"),
        sa.Column("ibangga", sa.Double(), nullable=True, comment="Mean of the families' index, 0-100"),
        sa.Column("rentan", sa.Integer(), nullable=False, comment="Families below 40"),
        sa.Column("index_gap", sa.Double(), nullable=True, comment="1 - ibangga / 100"),
        sa.Column("rentan_share", sa.Double(), nullable=True, comment="rentan / families with an index, 0-1"),
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
            "programme_gap", sa.Double(), nullable=True, comment="1 - participating / eligible over all programmes, 0-1"
        ),
        sa.PrimaryKeyConstraint("village_code", name="kampung_kb_candidate_pkey"),
        schema="mart",
        comment="Villages that are not Kampung KB, ranked by need (basis integrated; weights in "
        "include/methodology/kampung_kb.yaml), one row a village; as of the latest load",
    )
    op.create_table(
        "kampung_kb_effect",
        sa.Column("as_of", sa.Date(), nullable=False, comment="Date of the load"),
        sa.Column("basis", sa.Text(), nullable=False, comment="survey or integrated"),
        sa.Column("measure", sa.Text(), nullable=False, comment="ketentraman, kemandirian, kebahagiaan or ibangga"),
        sa.Column(
            "baseline_as_of",
            sa.Date(),
            nullable=False,
            comment="First published load, at which the villages were matched",
        ),
        sa.Column(
            "villages", sa.Integer(), nullable=False, comment="Kampung KB on as_of that have comparison villages"
        ),
        sa.Column("kampung_kb_mean", sa.Double(), nullable=False, comment="Mean over these villages, 0-100"),
        sa.Column(
            "comparison_mean",
            sa.Double(),
            nullable=False,
            comment="Mean of the means of each one's nearest other villages, 0-100",
        ),
        sa.Column("difference", sa.Double(), nullable=False, comment="kampung_kb_mean - comparison_mean, in points"),
        sa.Column(
            "difference_low",
            sa.Double(),
            nullable=True,
            comment="Lower end of its confidence interval; null below three villages",
        ),
        sa.Column("difference_high", sa.Double(), nullable=True, comment="Upper end of its confidence interval"),
        sa.Column(
            "change",
            sa.Double(),
            nullable=True,
            comment="difference less that of the first load, in points; null at the first load",
        ),
        sa.Column(
            "change_low",
            sa.Double(),
            nullable=True,
            comment="Lower end of its confidence interval; null below three villages",
        ),
        sa.Column("change_high", sa.Double(), nullable=True, comment="Upper end of its confidence interval"),
        sa.Column("confidence", sa.Double(), nullable=False, comment="Confidence of the intervals, 0-1"),
        sa.Column(
            "caution",
            sa.Text(),
            nullable=False,
            comment="What the comparison does not prove, in Indonesian and English",
        ),
        sa.CheckConstraint("change_low <= change_high", name="kampung_kb_effect_change_check"),
        sa.CheckConstraint("difference_low <= difference_high", name="kampung_kb_effect_difference_check"),
        sa.PrimaryKeyConstraint("as_of", "basis", "measure", name="kampung_kb_effect_pkey"),
        schema="mart",
        comment="Kampung KB beside similar other villages over the published loads, one row a load, basis and "
        "measure. A comparison, no proof of cause: villages did not become Kampung KB at random",
    )
    op.create_table(
        "life_cycle",
        sa.Column("village_code", sa.Text(), nullable=False, comment="Village code, 10 digits"),
        sa.Column(
            "life_cycle",
            sa.Text(),
            nullable=False,
            comment="under_five, child, adolescent, reproductive_woman, reproductive_couple, productive or elderly",
        ),
        sa.Column("persons", sa.Integer(), nullable=False, comment="Members of the group"),
        sa.Column("families", sa.Integer(), nullable=False, comment="Families with such a member"),
        sa.Column(
            "insured",
            sa.Integer(),
            nullable=False,
            comment="Members of the group with health insurance (basis integrated)",
        ),
        sa.Column(
            "insurance_known", sa.Integer(), nullable=False, comment="Members of the group whose insurance is known"
        ),
        sa.Column(
            "insured_share",
            sa.Double(),
            nullable=True,
            comment="insured / insurance_known, 0-1; null where none is known",
        ),
        sa.Column(
            "rentan_families",
            sa.Integer(),
            nullable=False,
            comment="Families with such a member that are rentan (basis integrated)",
        ),
        sa.Column(
            "rentan_share", sa.Double(), nullable=True, comment="rentan_families / families, 0-1; null without families"
        ),
        sa.PrimaryKeyConstraint("village_code", "life_cycle", name="life_cycle_pkey"),
        schema="mart",
        comment="Surveyed members by life-cycle group (ages on as_of; groups overlap), one row a village and "
        "group; as of the latest load",
    )
    op.create_table(
        "programme_coverage",
        sa.Column("village_code", sa.Text(), nullable=False, comment="Village code, 10 digits"),
        sa.Column("programme", sa.Text(), nullable=False, comment="BKB, BKR, PIK-R, BKL or UPPKA"),
        sa.Column(
            "eligible",
            sa.Integer(),
            nullable=False,
            comment="Families eligible by a member's age or an unmet need; see the methodology",
        ),
        sa.Column("participating", sa.Integer(), nullable=False, comment="Eligible families that take part"),
        sa.Column(
            "share", sa.Double(), nullable=True, comment="participating / eligible, 0-1; null where none is eligible"
        ),
        sa.Column(
            "unanswered",
            sa.Integer(),
            nullable=False,
            comment="Eligible families without an answer; they count as not taking part",
        ),
        sa.PrimaryKeyConstraint("village_code", "programme", name="programme_coverage_pkey"),
        schema="mart",
        comment="Families that take part in a family-based programme, of those eligible, one row a village and "
        "programme; as of the latest load",
    )
    op.create_table(
        "sector_action",
        sa.Column("village_code", sa.Text(), nullable=False, comment="Village code, 10 digits"),
        sa.Column("sector", sa.Text(), nullable=False, comment="Id of the sector; each need belongs to one"),
        sa.Column("need", sa.Text(), nullable=False, comment="Id of the indicator that is not achieved"),
        sa.Column("families", sa.Integer(), nullable=False, comment="Families that do not achieve it"),
        sa.Column(
            "persons",
            sa.Integer(),
            nullable=False,
            comment="Members who fail it where it asks each member, else all members of the families",
        ),
        sa.PrimaryKeyConstraint("village_code", "sector", "need", name="sector_action_pkey"),
        schema="mart",
        comment="Needs (indicators not achieved, basis integrated) by the sector that acts on them, one row a "
        "village and need; as of the latest load",
    )
    op.create_table(
        "source_agreement",
        sa.Column("village_code", sa.Text(), nullable=False, comment="Village code, 10 digits"),
        sa.Column("indicator", sa.Text(), nullable=False, comment="Id of the indicator"),
        sa.Column("evidence_source", sa.Text(), nullable=False, comment="civil_registry or health_insurance"),
        sa.Column("both_yes", sa.Integer(), nullable=False, comment="Families in which both say achieved"),
        sa.Column("both_no", sa.Integer(), nullable=False, comment="Families in which both say not achieved"),
        sa.Column(
            "survey_only_yes",
            sa.Integer(),
            nullable=False,
            comment="Families in which the survey says achieved and the evidence not achieved",
        ),
        sa.Column(
            "registry_only_yes",
            sa.Integer(),
            nullable=False,
            comment="Families in which the evidence says achieved and the survey not achieved",
        ),
        sa.Column(
            "missing",
            sa.Integer(),
            nullable=False,
            comment="Families to which it applies where the survey or the evidence has no (full) answer",
        ),
        sa.Column(
            "not_applicable",
            sa.Integer(),
            nullable=False,
            comment="Families to which it does not apply, by the survey or by the evidence",
        ),
        sa.Column(
            "agreement_share",
            sa.Double(),
            nullable=True,
            comment="(both_yes + both_no) / those and survey_only_yes and registry_only_yes, 0-1; null where there "
            "are none",
        ),
        sa.PrimaryKeyConstraint("village_code", "indicator", name="source_agreement_pkey"),
        schema="mart",
        comment="The survey's answer against that of linked evidence alone, in families, one row a village and "
        "indicator with evidence; as of the latest load",
    )
    op.create_table(
        "survey_coverage",
        sa.Column("village_code", sa.Text(), nullable=False, comment="Village code, 10 digits"),
        sa.Column("families_surveyed", sa.Integer(), nullable=False, comment="Accepted families of the survey"),
        sa.Column(
            "family_cards",
            sa.Integer(),
            nullable=True,
            comment="Family cards of the village; null where the load had no registry",
        ),
        sa.Column(
            "share",
            sa.Double(),
            nullable=True,
            comment="families_surveyed / family_cards; above 1 where more families are surveyed than cards issued; "
            "null without",
        ),
        sa.Column(
            "cards_surveyed",
            sa.Integer(),
            nullable=True,
            comment="Cards of the village whose number a surveyed family gives",
        ),
        sa.Column(
            "card_share", sa.Double(), nullable=True, comment="cards_surveyed / family_cards, 0-1; null without cards"
        ),
        sa.Column(
            "median_survey_age_days",
            sa.Double(),
            nullable=True,
            comment="Median days from survey to as_of; null without families",
        ),
        sa.PrimaryKeyConstraint("village_code", name="survey_coverage_pkey"),
        schema="mart",
        comment="Surveyed families against the registry's family cards, one row a village; as of the latest load",
    )
