"""SQL expressions for one indicator: what an answer, a selection of members or a piece of evidence means.

An answer is one character wherever it stands: `1` achieved, `0` not achieved, `n` not applicable, `m` missing; null
where the question does not concern the row.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date

from kampungkb.scoring.methodology import (
    Ages,
    Answers,
    Code,
    Conditions,
    CountIndicator,
    InForceEvidence,
    Members,
    NoneOfIndicator,
    RecordEvidence,
)

ANSWER = {"achieved": "1", "not_achieved": "0", "not_applicable": "n", "missing": "m"}
ACHIEVED = "'1'"
APPLICABLE = "'1', '0'"


def text(value: str) -> str:
    """`value` as a text literal."""
    return "'" + value.replace("'", "''") + "'"


def name(column: str) -> str:
    """`column` as a quoted name."""
    return '"' + column.replace('"', '""') + '"'


def values(codes: Sequence[Code]) -> str:
    """Codes as the inside of an `in (…)`."""
    return ", ".join(text(code) if isinstance(code, str) else str(code) for code in codes)


def listed(columns: Iterable[str], indent: int = 4) -> str:
    """Columns one a line."""
    return (",\n" + " " * indent).join(columns)


def all_hold(conditions: Conditions) -> str:
    """Every column holds one of its codes."""
    return " and ".join(f"{name(column)} in ({values(codes)})" for column, codes in conditions.items()) or "true"


def selected(members: Members, age: str = "age") -> str:
    """Is this member meant? Without a birth date the age is null and no age range holds."""
    where = [all_hold(members.where)] if members.where else []
    return " and ".join([*where, *_age(members.age, age)]) or "true"


def _age(ages: Ages | None, age: str) -> Iterator[str]:
    if ages and ages.lowest is not None:
        yield f"{age} >= {ages.lowest}"
    if ages and ages.highest is not None:
        yield f"{age} <= {ages.highest}"


def coded(question: str, answers: Answers) -> str:
    """The answer to one question."""
    meanings = (("1", answers.achieved), ("0", answers.not_achieved), ("n", answers.not_applicable))
    cases = (f"when {name(question)} in ({values(codes)}) then '{meaning}'" for meaning, codes in meanings if codes)
    return f"case {' '.join(cases)} else 'm' end"


def none_of(indicator: NoneOfIndicator) -> str:
    """The answer to several questions of which one bad answer decides."""
    answers, questions = indicator.answers, [name(question) for question in indicator.questions]
    bad = " or ".join(f"{question} in ({values(answers.not_achieved)})" for question in questions)
    blank = " or ".join(f"{question} is null" for question in questions)
    cases = [f"when {bad} then '0'", f"when {blank} then 'm'"]
    if answers.not_applicable:
        none_applies = " and ".join(f"{question} in ({values(answers.not_applicable)})" for question in questions)
        cases.append(f"when {none_applies} then 'n'")
    return f"case {' '.join(cases)} else '1' end"


def count(indicator: CountIndicator) -> str:
    """The answer to a list of items of which a minimum is needed."""
    decent = " + ".join(
        f"case when {name(item)} in ({values(codes)}) then 1 else 0 end" for item, codes in indicator.items.items()
    )
    blank = " + ".join(f"case when {name(item)} is null then 1 else 0 end" for item in indicator.items)
    return (
        f"case when {decent} >= {indicator.minimum} then '1' "
        f"when {decent} + {blank} < {indicator.minimum} then '0' else 'm' end"
    )


def of_all(answer: str) -> str:
    """The answer of a group of members: 0 wins over missing, missing over 1; null where nobody is asked."""
    return _first_found(answer, "0m1n")


def strongest(answer: str) -> str:
    """The answer of several records of one person: achieved before not achieved before not applicable."""
    return _first_found(answer, "10n")


def _first_found(answer: str, order: str) -> str:
    cases = (f"when {found(f'{answer} = {text(code)}')} = 1 then '{code}'" for code in order)
    return f"case {' '.join(cases)} end"


def found(condition: str) -> str:
    """1 where the condition holds for a row of the group, else 0."""
    return f"max(case when {condition} then 1 else 0 end)"


def record_answer(evidence: RecordEvidence) -> str:
    """What a record says; null where it is no evidence."""
    cases = " ".join(f"when {all_hold(case.when)} then '{ANSWER[case.then]}'" for case in evidence.cases)
    return f"case when not coalesce({all_hold(evidence.only_if)}, false) then null {cases} end"


def full_years(born: str, as_of: date) -> str:
    """Full years from a date column to `as_of`, by whole numbers: date functions differ between engines."""
    number = as_of.year * 10_000 + as_of.month * 100 + as_of.day
    return f"({number} - (year({born}) * 10000 + month({born}) * 100 + day({born}))) // 10000"


def in_force_answer(evidence: InForceEvidence, as_of: date) -> str:
    """Is a record in force on `as_of`? An open beginning or end counts as covered; null without a status."""
    day = f"cast({text(as_of.isoformat())} as date)"
    begun = f"coalesce({name(evidence.begins)}, {day}) <= {day}"
    not_ended = f"coalesce({name(evidence.ends)}, {day}) >= {day}"
    active = f"{name(evidence.status)} in ({values(evidence.active)})"
    return (
        f"case when {name(evidence.status)} is null then null "
        f"when {active} and {begun} and {not_ended} then '1' else '0' end"
    )
