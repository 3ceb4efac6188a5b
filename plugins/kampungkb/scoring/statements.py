"""SQL made from a methodology, in DuckDB's dialect and only with what means the same in Spark.

Columns are named `<indicator>__<what>`, so that a query plan can be read: `__survey` and `__integrated` hold the
answer on a basis, `__evidence` what linked records say, `__alone` what they say without the survey, `__provenance`
where an answer comes from.
"""

from collections.abc import Iterator
from datetime import date

from kampungkb.connections import CIVIL_REGISTRY, HEALTH_INSURANCE
from kampungkb.scoring import expressions as sql
from kampungkb.scoring.groups import group_columns
from kampungkb.scoring.methodology import (
    AnswerIndicator,
    CountIndicator,
    Evidence,
    HeadAnswerIndicator,
    Indicator,
    MembersIndicator,
    Methodology,
    NoneOfIndicator,
    RecordEvidence,
    evidence_of,
)

BASES = ("survey", "integrated")
PROVENANCE = {"survey": "s", CIVIL_REGISTRY: "r", HEALTH_INSURANCE: "i", "mixed": "x"}
"""Where an answer comes from, in one character; not applicable and missing answers stand for themselves."""

_FAMILY = sql.name("KODE_KELUARGA")


def evidence_statements(methodology: Methodology, as_of: date) -> Iterator[tuple[str, str]]:
    """(table, statement) for each indicator with evidence."""
    for indicator in methodology.indicators:
        if evidence := evidence_of(indicator):
            yield f"evidence_{indicator.id}", _evidence_statement(indicator, evidence, as_of)


def _evidence_statement(indicator: Indicator, evidence: Evidence, as_of: date) -> str:
    if isinstance(evidence, RecordEvidence):
        answer = sql.record_answer(evidence)
    else:
        answer = sql.in_force_answer(evidence, as_of)
    return f"""-- Purpose: what linked records of {evidence.source} say about {indicator.id}.
-- Grain: one row per person of whom a record says something.
-- Keys: person_key.
with spoken as (
    select
        person_link.person_key,
        {answer} as answer
    from {evidence.table}
    inner join person_link
        on person_link.source = {sql.text(evidence.source)} and {evidence.table}.source_key = person_link.source_key
)

select
    person_key,
    {sql.strongest("answer")} as answer
from spoken
where answer is not null
group by person_key
"""


def member_answer_statement(methodology: Methodology, as_of: date) -> str:
    """The answers of members (`__survey`) and the evidence about them (`__evidence`); null where nobody asks."""
    columns = [_FAMILY, "village_code"]
    joins = []
    for indicator in methodology.indicators:
        asked, stands = _asked(indicator)
        if isinstance(indicator, MembersIndicator | HeadAnswerIndicator):
            answer = sql.coded(indicator.question, indicator.answers)
            columns.append(f"case when {asked} then {answer} end as {indicator.id}__survey")
        if evidence_of(indicator):
            table = f"evidence_{indicator.id}"
            columns.append(f"case {stands}when {asked} then {table}.answer end as {indicator.id}__evidence")
            joins.append(f"left join {table} on member.person_key = {table}.person_key")
    columns += group_columns(methodology, sql.full_years(sql.name("K.04"), as_of))
    return f"""-- Purpose: each member's answers, what linked records say instead, and the groups the member belongs to.
-- Grain: one row per accepted member.
select
    {sql.listed(columns)}
from member
{chr(10).join(joins)}
"""


def _asked(indicator: Indicator) -> tuple[str, str]:
    """Which members an indicator asks, and the case in which the member's survey answer stands against evidence."""
    if not isinstance(indicator, MembersIndicator | HeadAnswerIndicator):
        return "is_head", ""
    asked = sql.selected(indicator.members) if isinstance(indicator, MembersIndicator) else "is_head"
    stands = indicator.evidence.survey_stands if indicator.evidence else ()
    return asked, f"when {sql.name(indicator.question)} in ({sql.values(stands)}) then null " if stands else ""


def family_answer_statement(methodology: Methodology) -> str:
    """The answers of families: `__survey`, and where there is evidence `__integrated` and `__provenance`."""
    summaries = ["count(*) as members"]
    answers: list[str] = []
    for indicator in methodology.indicators:
        summaries += _member_summary(indicator)
        answers += _family_answer(indicator)
    return f"""-- Purpose: each family's answer to every indicator, on both bases.
-- Grain: one row per accepted family.
-- Keys: source_key (KODE_KELUARGA).
with family_members as (
    select
        {_FAMILY},
        {sql.listed(summaries, 8)}
    from member_answer
    group by {_FAMILY}
)

select
    keluarga.source_key,
    keluarga.village_code,
    coalesce(family_members.members, 0) as members,
    {sql.listed(answers)}
from keluarga
left join family_members on keluarga.{_FAMILY} = family_members.{_FAMILY}
"""


def _member_summary(indicator: Indicator) -> Iterator[str]:
    """Columns of `family_members`: what the members of a family say together."""
    survey, evidence = f"{indicator.id}__survey", f"{indicator.id}__evidence"
    if isinstance(indicator, HeadAnswerIndicator):
        yield f"max({survey}) as {survey}"
    if isinstance(indicator, MembersIndicator):
        yield f"{sql.of_all(survey)} as {survey}"
    if not evidence_of(indicator):
        return
    if isinstance(indicator, MembersIndicator):
        yield f"{sql.of_all(f'coalesce({evidence}, {survey})')} as {indicator.id}__integrated"
        alone = f"case when {survey} is not null then coalesce({evidence}, 'm') end"
        yield f"{sql.of_all(alone)} as {indicator.id}__alone"
        by_evidence, by_survey = f"{evidence} in ('1', '0')", f"{evidence} is null and {survey} in ('1', '0')"
        yield f"{sql.found(by_evidence)} as {indicator.id}__by_evidence"
        yield f"{sql.found(by_survey)} as {indicator.id}__by_survey"
    else:
        yield f"max({evidence}) as {evidence}"


def _family_answer(indicator: Indicator) -> Iterator[str]:
    """Columns of `family_answer`."""
    survey = _survey_answer(indicator)
    yield f"{survey} as {indicator.id}__survey"
    evidence = evidence_of(indicator)
    if not evidence:
        return
    source = sql.text(PROVENANCE[evidence.source])
    if isinstance(indicator, MembersIndicator):
        integrated = _or_if_none(f"family_members.{indicator.id}__integrated", indicator)
        alone = _or_if_none(f"family_members.{indicator.id}__alone", indicator)
        by_evidence, by_survey = f"{indicator.id}__by_evidence = 1", f"{indicator.id}__by_survey = 1"
        origin = f"when {by_evidence} and {by_survey} then 'x' when {by_evidence} then {source}"
    else:
        record = f"family_members.{indicator.id}__evidence"
        if isinstance(indicator, AnswerIndicator) and evidence.survey_stands:
            stands = f"{sql.name(indicator.question)} in ({sql.values(evidence.survey_stands)})"
            record = f"case when {stands} then null else {record} end"
        integrated = f"coalesce({record}, {survey})"
        alone = f"coalesce({record}, 'm')"
        origin = f"when {record} is not null then {source}"
    yield f"{integrated} as {indicator.id}__integrated"
    yield f"{alone} as {indicator.id}__alone"
    yield f"case when {integrated} in ('n', 'm') then {integrated} {origin} else 's' end as {indicator.id}__provenance"


def _survey_answer(indicator: Indicator) -> str:
    if isinstance(indicator, NoneOfIndicator):
        return sql.none_of(indicator)
    if isinstance(indicator, CountIndicator):
        return sql.count(indicator)
    if isinstance(indicator, AnswerIndicator):
        return sql.coded(indicator.question, indicator.answers)
    return _or_if_none(f"family_members.{indicator.id}__survey", indicator)


def _or_if_none(answer: str, indicator: MembersIndicator | HeadAnswerIndicator) -> str:
    return f"coalesce({answer}, {sql.text(sql.ANSWER[indicator.if_none])})"


def family_score_statement(methodology: Methodology) -> str:
    """The scores: one row a family and basis, the columns of `family_score.parquet`."""
    ids = [indicator.id for indicator in methodology.indicators]
    dimensions = [dimension.id for dimension in methodology.dimensions]
    alone = [f"{i.id}__alone" if evidence_of(i) else "'-'" for i in methodology.indicators]
    states = [f"case when {id_} in ({sql.APPLICABLE}) then {id_} else '-' end" for id_ in ids]
    scores = [
        f"cast(100 * ({_counted(methodology, dimension, sql.ACHIEVED)}) as double) "
        f"/ nullif({_counted(methodology, dimension, sql.APPLICABLE)}, 0) as {dimension}"
        for dimension in dimensions
    ]
    return f"""-- Purpose: dimensions (0–100), index (their mean) and category of every family on both bases.
-- Grain: one row per accepted family and basis.
-- Keys: (family_key, basis).
with family_basis as (
{"    union all".join(_basis(methodology, basis, " || ".join(alone)) for basis in BASES)}),

dimension_score as (
    select
        source_key,
        village_code,
        basis,
        members,
        {sql.listed(scores, 8)},
        {" || ".join(states)} as states,
        {" || ".join(f"{id_}__provenance" for id_ in ids)} as provenances,
        evidence
    from family_basis
),

index_score as (
    select
        *,
        ({" + ".join(dimensions)}) / {len(dimensions)} as ibangga
    from dimension_score
)

select
    family_link.family_key,
    index_score.village_code,
    index_score.basis,
    index_score.members,
    {sql.listed(f"index_score.{dimension}" for dimension in dimensions)},
    index_score.ibangga,
    {_category(methodology)} as category,
    index_score.states,
    index_score.provenances,
    index_score.evidence
from index_score
inner join family_link on index_score.source_key = family_link.source_key
order by index_score.village_code, family_link.family_key, index_score.basis
"""


def _basis(methodology: Methodology, basis: str, evidence: str) -> str:
    columns = [f"{evidence} as evidence"]
    for indicator in methodology.indicators:
        integrated = basis == "integrated" and evidence_of(indicator) is not None
        answer = f"{indicator.id}__{'integrated' if integrated else 'survey'}"
        origin = f"case when {answer} in ('n', 'm') then {answer} else 's' end"
        columns.append(f"{answer} as {indicator.id}")
        columns.append(f"{indicator.id}__provenance" if integrated else f"{origin} as {indicator.id}__provenance")
    return f"""
    select
        source_key,
        village_code,
        members,
        {sql.text(basis)} as basis,
        {sql.listed(columns, 8)}
    from family_answer
"""


def _counted(methodology: Methodology, dimension: str, answers: str) -> str:
    """How many indicators of a dimension that the index counts hold one of the answers."""
    counted = [i.id for i in methodology.indicators if i.dimension == dimension and i.in_index]
    return " + ".join(f"case when {id_} in ({answers}) then 1 else 0 end" for id_ in counted) or "0"


def _category(methodology: Methodology) -> str:
    rounded = f"round(index_score.ibangga, {methodology.categories.digits})"
    cases = [f"when {rounded} is null then null"]
    for level in methodology.categories.levels:
        bound = f"< {level.below}" if level.below is not None else f"<= {level.up_to}"
        lowest = level.below is None and level.up_to is None
        cases.append(f"else {sql.text(level.id)}" if lowest else f"when {rounded} {bound} then {sql.text(level.id)}")
    return f"case {' '.join(cases)} end"
