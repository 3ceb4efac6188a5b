"""Marts that answer the programme's questions, and the history of the families' scores.

Revision 0006. The history begins with the latest load: which families earlier loads held is not known. Their
evidence alone is not known either until the next load: it stands empty.
"""

from datetime import date

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
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


def _text(name: str, comment: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=False, comment=comment)


def _nullable_text(name: str, comment: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=True, comment=comment)


def _count(name: str, comment: str) -> sa.Column[int]:
    return sa.Column(name, sa.Integer(), nullable=False, comment=comment)


def _nullable_count(name: str, comment: str) -> sa.Column[int]:
    return sa.Column(name, sa.Integer(), nullable=True, comment=comment)


def _double(name: str, comment: str) -> sa.Column[float]:
    return sa.Column(name, sa.Double(), nullable=True, comment=comment)


def _required_double(name: str, comment: str) -> sa.Column[float]:
    return sa.Column(name, sa.Double(), nullable=False, comment=comment)


def _date(name: str, comment: str) -> sa.Column[date]:
    return sa.Column(name, sa.Date(), nullable=False, comment=comment)


def _nullable_date(name: str, comment: str) -> sa.Column[date]:
    return sa.Column(name, sa.Date(), nullable=True, comment=comment)


def _create_tables() -> None:
    op.create_table(
        "fact_family_score",
        _text("family_key", "Pseudonym of the family"),
        _text("basis", "survey: the form's answers; integrated: linked evidence decides where it speaks"),
        _date("valid_from", "as_of of the first load of the spell"),
        _nullable_date(
            "valid_to",
            "as_of of the first load after it that says otherwise or lacks the family; null where it is the latest",
        ),
        _text("methodology", "Version of the methodology, which gives states their order"),
        _text("village_code", "Village code, 10 digits"),
        _count("members", "Accepted members"),
        _double("ketentraman", "100 x achieved / applicable; null where none applies"),
        _double("kemandirian", "100 x achieved / applicable; null where none applies"),
        _double("kebahagiaan", "100 x achieved / applicable; null where none applies"),
        _double("ibangga", "Mean of the three dimensions; null where one is null"),
        _nullable_text("category", "rentan (< 40), berkembang (40-70), tangguh (> 70)"),
        _text("states", "One character an indicator by position: 1 achieved, 0 not, - not applicable or missing"),
        _text(
            "provenances",
            "One character an indicator: s survey, r civil_registry, i health_insurance, x mixed, n "
            "not_applicable, m missing",
        ),
        _text(
            "evidence",
            "What linked records say alone, one character an indicator: 1 achieved, 0 not, n not "
            "applicable, m nothing or not enough, - no source beside the survey; the same on both "
            "bases",
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
        _text("village_code", "Village code, 10 digits"),
        _text("function", "Id of the family function"),
        _text("basis", "survey or integrated"),
        _count("applicable", "Answers to indicators of the function that apply and are known, over all families"),
        _count("achieved", "Answers among them that are achieved"),
        _double("share", "achieved / applicable, 0-1; null where none applies"),
        sa.PrimaryKeyConstraint("village_code", "function", "basis", name="family_function_pkey"),
        schema="mart",
        comment="The family functions, one row a village, function and basis; as of the latest load",
    )
    op.create_table(
        "kampung_kb_candidate",
        _text("village_code", "Village code, 10 digits"),
        _nullable_count("rank", "1 for the greatest need; null where the village has no figure"),
        _double("need_score", "100 x weighted mean of the figures present, 0-100; higher is needier"),
        _text("village", "Name of the village"),
        _nullable_text("district", "Name of the district"),
        _count("families", "Accepted families"),
        _double("ibangga", "Mean of the families' index, 0-100"),
        _count("rentan", "Families below 40"),
        _double("index_gap", "1 - ibangga / 100"),
        _double("rentan_share", "rentan / families with an index, 0-1"),
        _double("documents_unmet", "Unmet share of the indicators of data and documents, 0-1"),
        _double("behaviour_unmet", "Unmet share of the indicators of behaviour, 0-1"),
        _double("services_unmet", "Unmet share of the indicators of services, 0-1"),
        _double("environment_unmet", "Unmet share of the indicators of the living environment, 0-1"),
        _double("programme_gap", "1 - participating / eligible over all programmes, 0-1"),
        sa.PrimaryKeyConstraint("village_code", name="kampung_kb_candidate_pkey"),
        schema="mart",
        comment="Villages that are not Kampung KB, ranked by need (basis integrated; weights in "
        "include/methodology/kampung_kb.yaml), one row a village; as of the latest load",
    )
    op.create_table(
        "kampung_kb_effect",
        _date("as_of", "Date of the load"),
        _text("basis", "survey or integrated"),
        _text("measure", "ketentraman, kemandirian, kebahagiaan or ibangga"),
        _date("baseline_as_of", "First published load, at which the villages were matched"),
        _count("villages", "Kampung KB on as_of that have comparison villages"),
        _required_double("kampung_kb_mean", "Mean over these villages, 0-100"),
        _required_double("comparison_mean", "Mean of the means of each one's nearest other villages, 0-100"),
        _required_double("difference", "kampung_kb_mean - comparison_mean, in points"),
        _double("difference_low", "Lower end of its confidence interval; null below three villages"),
        _double("difference_high", "Upper end of its confidence interval"),
        _double("change", "difference less that of the first load, in points; null at the first load"),
        _double("change_low", "Lower end of its confidence interval; null below three villages"),
        _double("change_high", "Upper end of its confidence interval"),
        _required_double("confidence", "Confidence of the intervals, 0-1"),
        _text("caution", "What the comparison does not prove, in Indonesian and English"),
        sa.CheckConstraint("change_low <= change_high", name="kampung_kb_effect_change_check"),
        sa.CheckConstraint("difference_low <= difference_high", name="kampung_kb_effect_difference_check"),
        sa.PrimaryKeyConstraint("as_of", "basis", "measure", name="kampung_kb_effect_pkey"),
        schema="mart",
        comment="Kampung KB beside similar other villages over the published loads, one row a load, basis and "
        "measure. A comparison, no proof of cause: villages did not become Kampung KB at random",
    )
    op.create_table(
        "life_cycle",
        _text("village_code", "Village code, 10 digits"),
        _text(
            "life_cycle",
            "under_five, child, adolescent, reproductive_woman, reproductive_couple, productive or elderly",
        ),
        _count("persons", "Members of the group"),
        _count("families", "Families with such a member"),
        _count("insured", "Members of the group with health insurance (basis integrated)"),
        _count("insurance_known", "Members of the group whose insurance is known"),
        _double("insured_share", "insured / insurance_known, 0-1; null where none is known"),
        _count("rentan_families", "Families with such a member that are rentan (basis integrated)"),
        _double("rentan_share", "rentan_families / families, 0-1; null without families"),
        sa.PrimaryKeyConstraint("village_code", "life_cycle", name="life_cycle_pkey"),
        schema="mart",
        comment="Surveyed members by life-cycle group (ages on as_of; groups overlap), one row a village and "
        "group; as of the latest load",
    )
    op.create_table(
        "programme_coverage",
        _text("village_code", "Village code, 10 digits"),
        _text("programme", "BKB, BKR, PIK-R, BKL or UPPKA"),
        _count("eligible", "Families eligible by a member's age or an unmet need; see the methodology"),
        _count("participating", "Eligible families that take part"),
        _double("share", "participating / eligible, 0-1; null where none is eligible"),
        _count("unanswered", "Eligible families without an answer; they count as not taking part"),
        sa.PrimaryKeyConstraint("village_code", "programme", name="programme_coverage_pkey"),
        schema="mart",
        comment="Families that take part in a family-based programme, of those eligible, one row a village and "
        "programme; as of the latest load",
    )
    op.create_table(
        "sector_action",
        _text("village_code", "Village code, 10 digits"),
        _text("sector", "Id of the sector; each need belongs to one"),
        _text("need", "Id of the indicator that is not achieved"),
        _count("families", "Families that do not achieve it"),
        _count("persons", "Members who fail it where it asks each member, else all members of the families"),
        sa.PrimaryKeyConstraint("village_code", "sector", "need", name="sector_action_pkey"),
        schema="mart",
        comment="Needs (indicators not achieved, basis integrated) by the sector that acts on them, one row a "
        "village and need; as of the latest load",
    )
    op.create_table(
        "source_agreement",
        _text("village_code", "Village code, 10 digits"),
        _text("indicator", "Id of the indicator"),
        _text("evidence_source", "civil_registry or health_insurance"),
        _count("both_yes", "Families in which both say achieved"),
        _count("both_no", "Families in which both say not achieved"),
        _count("survey_only_yes", "Families in which the survey says achieved and the evidence not achieved"),
        _count("registry_only_yes", "Families in which the evidence says achieved and the survey not achieved"),
        _count("missing", "Families to which it applies where the survey or the evidence has no (full) answer"),
        _count("not_applicable", "Families to which it does not apply, by the survey or by the evidence"),
        _double(
            "agreement_share",
            "(both_yes + both_no) / those and survey_only_yes and registry_only_yes, 0-1; null where there are none",
        ),
        sa.PrimaryKeyConstraint("village_code", "indicator", name="source_agreement_pkey"),
        schema="mart",
        comment="The survey's answer against that of linked evidence alone, in families, one row a village and "
        "indicator with evidence; as of the latest load",
    )
    op.create_table(
        "survey_coverage",
        _text("village_code", "Village code, 10 digits"),
        _count("families_surveyed", "Accepted families of the survey"),
        _nullable_count("family_cards", "Family cards of the village; null where the load had no registry"),
        _double(
            "share",
            "families_surveyed / family_cards; above 1 where more families are surveyed than cards "
            "issued; null without",
        ),
        _nullable_count("cards_surveyed", "Cards of the village whose number a surveyed family gives"),
        _double("card_share", "cards_surveyed / family_cards, 0-1; null without cards"),
        _double("median_survey_age_days", "Median days from survey to as_of; null without families"),
        sa.PrimaryKeyConstraint("village_code", name="survey_coverage_pkey"),
        schema="mart",
        comment="Surveyed families against the registry's family cards, one row a village; as of the latest load",
    )
