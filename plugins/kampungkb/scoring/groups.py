"""SQL for groups: who has which need, who belongs to a life-cycle group, who takes part in a programme.

Every statement counts by village, over the tables of `statements.py`: no member or family leaves the score step.
Villages and groups without anybody have no row. The answers are those of the basis `integrated`.
"""

from collections.abc import Iterator

from kampungkb.scoring import expressions as sql
from kampungkb.scoring.methodology import Eligible, Indicator, MembersIndicator, Methodology, evidence_of

_FAMILY = sql.name("KODE_KELUARGA")


def group_columns(methodology: Methodology, age: str) -> Iterator[str]:
    """Columns of `member_answer`: does the member belong to a life-cycle group, or make the family eligible?"""
    for group in methodology.life_cycle:
        yield f"coalesce({sql.selected(group.members, age)}, false) as {_in_group(group.id)}"
    for programme in methodology.programmes:
        if members := programme.eligible.members:
            yield f"coalesce({sql.selected(members, age)}, false) as {_eligible(programme.id)}"


def village_counts(methodology: Methodology) -> dict[str, str]:
    """The statements by the name of the file that they make; each row is there because its first count is not 0."""
    return {
        "village_need": need_statement(methodology),
        "village_life_cycle": life_cycle_statement(methodology),
        "village_programme": programme_statement(methodology),
    }


def need_statement(methodology: Methodology) -> str:
    """Families and persons with an unmet indicator: the members who fail it, or all where it is the family's."""
    counts = []
    for indicator in methodology.indicators:
        if isinstance(indicator, MembersIndicator):
            source, persons = "member_answer", "count(*)"
            families = f"count(distinct {_FAMILY})"
            answer = _member_answer(indicator)
        else:
            source, persons, families = "family_answer", "cast(sum(members) as bigint)", "count(*)"
            answer = family_answer(indicator)
        counts.append(f"""select
    village_code,
    {sql.text(indicator.id)} as indicator,
    {families} as families,
    {persons} as persons
from {source}
where {answer} = '0'
group by village_code
""")
    return f"""-- Purpose: needs: families and persons with an indicator that is not achieved.
-- Grain: one row per village and indicator with any.
-- Keys: (village_code, indicator).
{"union all ".join(counts)}"""


def life_cycle_statement(methodology: Methodology) -> str:
    """Members of the life-cycle groups, how many are insured, and how many of their families are vulnerable."""
    insured_by = {indicator.id: indicator for indicator in methodology.indicators}.get(methodology.insured_by or "")
    insured = _member_answer(insured_by) if isinstance(insured_by, MembersIndicator) else "null"
    lowest = sql.text(methodology.categories.levels[0].id)
    groups = [
        f"""select
        {_FAMILY},
        village_code,
        {sql.text(group.id)} as life_cycle,
        {insured} as insured
    from member_answer
    where {_in_group(group.id)}
    """
        for group in methodology.life_cycle
    ]
    return f"""-- Purpose: the life-cycle groups, their insurance and the category of their families.
-- Grain: one row per village and life-cycle group with any member.
-- Keys: (village_code, life_cycle).
with group_member as (
    {"union all ".join(groups)}
),

vulnerable as (
    select family_link.source_key
    from family_score
    inner join family_link on family_score.family_key = family_link.family_key
    where family_score.basis = 'integrated' and family_score.category = {lowest}
)

select
    group_member.village_code,
    group_member.life_cycle,
    count(*) as persons,
    count(distinct group_member.{_FAMILY}) as families,
    count(case when group_member.insured = '1' then 1 end) as insured,
    count(case when group_member.insured in ({sql.APPLICABLE}) then 1 end) as insurance_known,
    count(distinct vulnerable.source_key) as rentan_families
from group_member
left join vulnerable on group_member.{_FAMILY} = vulnerable.source_key
group by group_member.village_code, group_member.life_cycle
"""


def programme_statement(methodology: Methodology) -> str:
    """Families eligible for each programme, those of them that take part, and those that did not answer."""
    answers = {indicator.id: family_answer(indicator) for indicator in methodology.indicators}
    counts = [
        f"""select
    village_code,
    {sql.text(programme.id)} as programme,
    count(*) as eligible,
    count(case when {sql.name(programme.question)} in ({sql.values(programme.takes_part)}) then 1 end) as participating,
    count(case when {sql.name(programme.question)} is null then 1 end) as unanswered
from keluarga
where source_key in ({_eligible_families(programme.id, programme.eligible, answers)})
group by village_code
"""
        for programme in methodology.programmes
    ]
    return f"""-- Purpose: programmes: who is eligible and who takes part.
-- Grain: one row per village and programme with any eligible family.
-- Keys: (village_code, programme).
{"union all ".join(counts)}"""


def _eligible_families(programme: str, eligible: Eligible, answers: dict[str, str]) -> str:
    if eligible.members:
        return f"select {_FAMILY} from member_answer where {_eligible(programme)}"
    unmet = " or ".join(f"{answers[indicator]} = '0'" for indicator in eligible.not_achieved_any)
    return f"select source_key from family_answer where {unmet}"


def family_answer(indicator: Indicator) -> str:
    """The column of `family_answer` that holds the answer on the basis `integrated`."""
    return f"{indicator.id}__{'integrated' if evidence_of(indicator) else 'survey'}"


def _member_answer(indicator: MembersIndicator) -> str:
    survey = f"{indicator.id}__survey"
    return f"coalesce({indicator.id}__evidence, {survey})" if indicator.evidence else survey


def _in_group(group: str) -> str:
    return sql.name(f"{group}__in_group")


def _eligible(programme: str) -> str:
    return sql.name(f"{programme}__eligible")
