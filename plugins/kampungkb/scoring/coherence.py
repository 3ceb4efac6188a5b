"""Is a methodology coherent: do its references exist, and do its questions and codes stand in the contracts?"""

from collections.abc import Iterable, Iterator

from kampungkb.contracts import Column, Table, contract
from kampungkb.run import FAMILY_SURVEY, SOURCES
from kampungkb.scoring.methodology import (
    CountIndicator,
    Indicator,
    InForceEvidence,
    Members,
    Methodology,
    NoneOfIndicator,
    RecordEvidence,
)


def faults(methodology: Methodology) -> Iterator[str]:
    """What is wrong, one sentence each, with the indicator and key; nothing where all is well."""
    survey = contract(FAMILY_SURVEY)
    family, member = survey.table("KELUARGA"), survey.table("ANGGOTA")
    yield from _doubles(methodology)
    for indicator in methodology.indicators:
        where = f"indicators → {indicator.id}"
        yield from _references(methodology, indicator, where)
        yield from _questions(indicator, family, member, where)
    for programme in methodology.programmes:
        where = f"programmes → {programme.id}"
        yield from _codes(family, programme.question, programme.takes_part, f"{where} → question")
        if programme.eligible.members:
            yield from _members(programme.eligible.members, member, f"{where} → eligible → members")
        known = {indicator.id for indicator in methodology.indicators}
        for unknown in sorted(set(programme.eligible.not_achieved_any) - known):
            yield f"{where} → eligible → not_achieved_any: there is no indicator {unknown}"
    for group in methodology.life_cycle:
        yield from _members(group.members, member, f"life_cycle → {group.id} → members")
    over_members = {indicator.id for indicator in methodology.indicators if indicator.kind == "members"}
    if methodology.insured_by and methodology.insured_by not in over_members:
        yield f"insured_by: there is no indicator {methodology.insured_by} over members"


def _doubles(methodology: Methodology) -> Iterator[str]:
    for key in ("dimensions", "sectors", "functions", "indicators", "programmes", "life_cycle"):
        ids = [entry.id for entry in getattr(methodology, key)]
        for twice in sorted({name for name in ids if ids.count(name) > 1}):
            yield f"{key} → {twice}: stands twice"


def _references(methodology: Methodology, indicator: Indicator, where: str) -> Iterator[str]:
    for key, known in (
        ("dimension", methodology.dimensions),
        ("sector", methodology.sectors),
        ("function", methodology.functions),
    ):
        named = getattr(indicator, key)
        if named not in {entry.id for entry in known}:
            yield f"{where} → {key}: {named} is not declared"


def _questions(indicator: Indicator, family: Table, member: Table, where: str) -> Iterator[str]:
    if isinstance(indicator, CountIndicator):
        for question, decent in indicator.items.items():
            yield from _codes(family, question, decent, f"{where} → items")
        return
    questions = indicator.questions if isinstance(indicator, NoneOfIndicator) else (indicator.question,)
    table = member if indicator.kind in ("members", "head_answer") else family
    for question in questions:
        yield from _codes(table, question, indicator.answers.codes, f"{where} → answers", complete=True)
    if indicator.kind == "members":
        yield from _members(indicator.members, member, f"{where} → members")
    if not isinstance(indicator, NoneOfIndicator) and indicator.evidence:
        stands = set(indicator.evidence.survey_stands) - set(indicator.answers.codes)
        if stands:
            yield f"{where} → evidence → survey_stands: {sorted(stands)} are not codes of {indicator.question}"
        yield from _evidence(indicator.evidence, f"{where} → evidence")


def _evidence(evidence: RecordEvidence | InForceEvidence, where: str) -> Iterator[str]:
    others = [source for source in SOURCES if source != FAMILY_SURVEY]
    if evidence.source not in others:
        yield f"{where} → source: {evidence.source} is not one of {', '.join(others)}"
        return
    try:
        table = contract(evidence.source).table(evidence.table)
    except KeyError:
        yield f"{where} → table: {evidence.table} is not in the contract of {evidence.source}"
        return
    if isinstance(evidence, InForceEvidence):
        for key in ("status", "begins", "ends"):
            if getattr(evidence, key) not in table.names:
                yield f"{where} → {key}: {table.name} has no column {getattr(evidence, key)}"
        return
    yield from _conditions(evidence.only_if, table, f"{where} → only_if")
    for case in evidence.cases:
        yield from _conditions(case.when, table, f"{where} → cases → when")


def _members(members: Members, table: Table, where: str) -> Iterator[str]:
    yield from _conditions(members.where, table, f"{where} → where")


def _conditions(conditions: dict[str, tuple[int | str, ...]], table: Table, where: str) -> Iterator[str]:
    for column, codes in conditions.items():
        yield from _codes(table, column, codes, where)


def _codes(table: Table, name: str, codes: Iterable[int | str], where: str, *, complete: bool = False) -> Iterator[str]:
    """A column that is not in the table, codes that it does not have, and (`complete`) codes without a meaning."""
    column: Column | None = next((column for column in table.columns if column.name == name), None)
    if column is None or column.codes is None:
        yield f"{where} → {name}: {table.name} has no coded column of this name"
        return
    if unknown := sorted(set(codes) - set(column.codes), key=str):
        yield f"{where} → {name}: {unknown} are not codes of the contract"
    if complete and (forgotten := sorted(set(column.codes) - set(codes), key=str)):
        yield f"{where} → {name}: the codes {forgotten} of the contract have no meaning"
