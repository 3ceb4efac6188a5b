"""The methodology in words: `docs/reference/methodology.md`, made from the YAML so that the two never differ.

`python -m kampungkb.scoring.reference` writes the page.
"""

from collections.abc import Iterator

from kampungkb.scoring.methodology import (
    Ages,
    AnswerIndicator,
    Conditions,
    CountIndicator,
    Evidence,
    HeadAnswerIndicator,
    Indicator,
    Level,
    Members,
    MembersIndicator,
    Methodology,
    NoneOfIndicator,
    RecordEvidence,
    evidence_of,
)
from kampungkb.scoring.reading import load_methodology
from kampungkb.settings import PROJECT_ROOT

PAGE = PROJECT_ROOT / "docs" / "reference" / "methodology.md"


def markdown(methodology: Methodology) -> str:
    """The page of a methodology."""
    return "\n".join([*_front(methodology), *_indicators(methodology), *_evidence(methodology), *_groups(methodology)])


def _front(methodology: Methodology) -> Iterator[str]:
    counted = sum(indicator.in_index for indicator in methodology.indicators)
    yield f"""# {methodology.title.id}

*{methodology.title.en}; methodology `{methodology.id}`. This page is made from
`include/methodology/{methodology.id}.yaml` by `python -m kampungkb.scoring.reference`; change the file, not the page.*

Source: {methodology.reference.strip()}

Each of {counted} variables of a family is 1 or 0, or leaves the denominator because it does not apply or its answer is
missing. A dimension is 100 × achieved ÷ applicable, the index the mean of the {len(methodology.dimensions)} dimensions
(none where one of them has no applicable variable). Ages are full years on the day of the survey.

## Categories

| category | index, rounded to {methodology.categories.digits} decimals |
|---|---|"""
    for level in methodology.categories.levels:
        yield f"| `{level.id}` {level.title.id} | {_bound(level)} |"


def _bound(level: Level) -> str:
    if level.below is not None:
        return f"below {level.below:g}"
    return f"up to {level.up_to:g}" if level.up_to is not None else "above"


def _indicators(methodology: Methodology) -> Iterator[str]:
    yield """
## Indicators

| no | indicator | dimension | in the index | achieved (1) | not achieved (0) | does not apply | sector | function |
|---|---|---|---|---|---|---|---|---|"""
    for position, indicator in enumerate(methodology.indicators, start=1):
        achieved, not_achieved, not_applicable = _meaning(indicator)
        yield (
            f"| {position} | `{indicator.id}`<br>{indicator.title.id}<br>*{indicator.title.en}* "
            f"| {indicator.dimension} | {'yes' if indicator.in_index else 'no'} "
            f"| {achieved} | {not_achieved} | {not_applicable} | {indicator.sector} | {indicator.function} |"
        )


def _meaning(indicator: Indicator) -> tuple[str, str, str]:
    if isinstance(indicator, CountIndicator):
        items = "; ".join(f"{item} in {_codes(codes)}" for item, codes in indicator.items.items())
        return f"at least {indicator.minimum} of: {items}", "fewer, whatever the missing answers are", "–"
    answers = indicator.answers
    yes, no, neither = (_codes(codes) for codes in (answers.achieved, answers.not_achieved, answers.not_applicable))
    if isinstance(indicator, NoneOfIndicator):
        questions = ", ".join(indicator.questions)
        return f"all of {questions} answered, none in {no}", f"one in {no}", f"all in {neither}"
    question = indicator.question
    if isinstance(indicator, AnswerIndicator):
        return f"{question} in {yes}", f"{question} in {no}", f"{question} in {neither}" if neither else "–"
    nobody = indicator.if_none == "not_applicable"
    if isinstance(indicator, HeadAnswerIndicator):
        without = " or no head" if nobody else ""
        return f"the head's {question} in {yes}", f"in {no}", f"in {neither}{without}"
    who = _members(indicator.members)
    return f"{question} in {yes} for every member{who}", f"in {no} for one", "no such member" if nobody else "–"


def _evidence(methodology: Methodology) -> Iterator[str]:
    yield """
## Evidence of other sources

On the basis `integrated` a linked record answers instead of the survey where it speaks.

| indicator | source | of whom | what it says |
|---|---|---|---|"""
    for indicator in methodology.indicators:
        if evidence := evidence_of(indicator):
            whom = "each member asked" if isinstance(indicator, MembersIndicator) else "the head"
            yield f"| `{indicator.id}` | {evidence.source} | {whom} | {_said(evidence)} |"


def _said(evidence: Evidence) -> str:
    if isinstance(evidence, RecordEvidence):
        cases = [f"{_conditions(case.when)} → {case.then.replace('_', ' ')}" for case in evidence.cases]
        said = "; ".join(cases)
        if evidence.only_if:
            said += f"; only if {_conditions(evidence.only_if)}"
    else:
        said = (
            f"achieved if {evidence.status} in {_codes(evidence.active)} and {evidence.begins} ≤ date of the run ≤ "
            f"{evidence.ends} (open where missing), else not achieved; nothing without {evidence.status}"
        )
    if evidence.survey_stands:
        said += f"; survey answers {_codes(evidence.survey_stands)} stand"
    return said


def _groups(methodology: Methodology) -> Iterator[str]:
    yield "\n## Programmes\n\n| programme | eligible (ages on the date of the run) | takes part |\n|---|---|---|"
    for programme in methodology.programmes:
        if programme.eligible.members:
            eligible = f"a member{_members(programme.eligible.members)}"
        else:
            eligible = " or ".join(programme.eligible.not_achieved_any) + " not achieved"
        taking = f"{programme.question} in {_codes(programme.takes_part)}"
        yield f"| `{programme.id}` {programme.title.id} (*{programme.title.en}*) | {eligible} | {taking} |"
    yield "\n## Life cycle\n\n| group | members (ages on the date of the run) |\n|---|---|"
    for group in methodology.life_cycle:
        yield f"| `{group.id}` {group.title.id} (*{group.title.en}*) |{_members(group.members)} |"
    if methodology.insured_by:
        yield f"\nA member counts as insured by the answer to `{methodology.insured_by}`, on the basis `integrated`."
    for heading, entries in (("Sectors", methodology.sectors), ("Family functions", methodology.functions)):
        yield f"\n## {heading}\n\n| id | Indonesian | English |\n|---|---|---|"
        for entry in entries:
            yield f"| `{entry.id}` | {entry.title.id} | {entry.title.en} |"
    yield ""


def _members(members: Members) -> str:
    return "".join([f" with {_conditions(members.where)}" if members.where else "", _ages(members.age)])


def _ages(ages: Ages | None) -> str:
    if ages is None:
        return ""
    if ages.lowest is None:
        return f" aged up to {ages.highest}"
    return f" aged {ages.lowest} or more" if ages.highest is None else f" aged {ages.lowest}–{ages.highest}"


def _conditions(conditions: Conditions) -> str:
    return " and ".join(f"{column} in {_codes(codes)}" for column, codes in conditions.items())


def _codes(codes: tuple[int | str, ...]) -> str:
    return ", ".join(str(code) for code in codes)


if __name__ == "__main__":
    PAGE.write_text(markdown(load_methodology()), encoding="utf-8")
