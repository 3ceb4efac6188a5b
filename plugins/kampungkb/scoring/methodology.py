"""The methodology as data: frozen models of `include/methodology/<id>.yaml`, which explains each key.

A key that no model knows is an error, so a typing mistake never becomes a silent default. `reading.py` reads a file
and `coherence.py` holds it against the data contracts.
"""

from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, model_validator

Outcome: TypeAlias = Literal["achieved", "not_achieved", "not_applicable"]
IfNone: TypeAlias = Literal["not_applicable", "missing"]
Code: TypeAlias = int | str
Conditions: TypeAlias = dict[str, tuple[Code, ...]]
"""Column → accepted codes; all columns must hold one of theirs, and null never does."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Title(_Frozen):
    """A text for people in Indonesian (`id`) and English (`en`)."""

    id: str
    en: str


class Named(_Frozen):
    """A dimension, sector or family function."""

    id: str
    title: Title


class Level(Named):
    """A category of the index: exclusive upper bound `below`, inclusive `up_to`, or neither (the highest)."""

    below: float | None = None
    up_to: float | None = None


class Categories(_Frozen):
    """Levels from low to high, decided on the index rounded to `digits` decimals."""

    digits: int = Field(ge=0, le=12)
    levels: tuple[Level, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _bounded(self) -> "Categories":
        for level in self.levels[:-1]:
            if (level.below is None) == (level.up_to is None):
                raise ValueError(f"level {level.id} needs exactly one of below, up_to")
        if (self.levels[-1].below, self.levels[-1].up_to) != (None, None):
            raise ValueError(f"the highest level {self.levels[-1].id} has no upper bound")
        bounds = [level.below if level.below is not None else level.up_to or 0.0 for level in self.levels[:-1]]
        if bounds != sorted(bounds):
            raise ValueError("levels stand from low to high")
        return self


class Ages(_Frozen):
    """Full years, both bounds included."""

    lowest: int | None = Field(default=None, alias="from", ge=0)
    highest: int | None = Field(default=None, alias="to", ge=0)

    @model_validator(mode="after")
    def _ordered(self) -> "Ages":
        if self.lowest is None and self.highest is None:
            raise ValueError("an age needs from, to or both")
        if self.lowest is not None and self.highest is not None and self.lowest > self.highest:
            raise ValueError(f"from {self.lowest} lies above to {self.highest}")
        return self


class Members(_Frozen):
    """Which members of a family are meant; nothing given: every member."""

    where: Conditions = {}
    age: Ages | None = None


class Answers(_Frozen):
    """What each code of a question means; a code that is not listed is a missing answer."""

    achieved: tuple[int, ...] = Field(min_length=1)
    not_achieved: tuple[int, ...] = Field(min_length=1)
    not_applicable: tuple[int, ...] = ()

    @property
    def codes(self) -> tuple[int, ...]:
        """All codes with a meaning."""
        return (*self.achieved, *self.not_achieved, *self.not_applicable)

    @model_validator(mode="after")
    def _once(self) -> "Answers":
        twice = sorted({code for code in self.codes if self.codes.count(code) > 1})
        if twice:
            raise ValueError(f"codes with two meanings: {twice}")
        return self


class Case(_Frozen):
    """If all conditions hold, the record says `then`."""

    when: Conditions = Field(min_length=1)
    then: Outcome


class RecordEvidence(_Frozen):
    """A linked record whose codes answer the indicator: `only_if`, then the first case that holds."""

    kind: Literal["record"]
    source: str
    table: str
    only_if: Conditions = {}
    cases: tuple[Case, ...] = Field(min_length=1)
    survey_stands: tuple[int, ...] = ()


class InForceEvidence(_Frozen):
    """A linked record that is in force on the date of the run or not; a null status is no evidence."""

    kind: Literal["in_force"]
    source: str
    table: str
    status: str
    active: tuple[str, ...] = Field(min_length=1)
    begins: str
    ends: str
    survey_stands: tuple[int, ...] = ()


Evidence: TypeAlias = Annotated[RecordEvidence | InForceEvidence, Field(discriminator="kind")]


class _Indicator(_Frozen):
    id: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    title: Title
    dimension: str
    in_index: bool = True
    sector: str
    function: str


class AnswerIndicator(_Indicator):
    """One question of the family; evidence is the head's."""

    kind: Literal["answer"]
    question: str
    answers: Answers
    evidence: Evidence | None = None


class HeadAnswerIndicator(_Indicator):
    """One question of the head of the family."""

    kind: Literal["head_answer"]
    question: str
    answers: Answers
    if_none: IfNone
    evidence: Evidence | None = None


class MembersIndicator(_Indicator):
    """One question of each selected member: 0 wins over missing, missing over 1."""

    kind: Literal["members"]
    members: Members
    question: str
    answers: Answers
    if_none: IfNone
    evidence: Evidence | None = None


class NoneOfIndicator(_Indicator):
    """Several questions: 0 wins over missing, missing over 1; not applicable where all are."""

    kind: Literal["none_of"]
    questions: tuple[str, ...] = Field(min_length=1)
    answers: Answers


class CountIndicator(_Indicator):
    """At least `minimum` items hold a decent code; missing where the answers given cannot decide."""

    kind: Literal["count"]
    items: dict[str, tuple[int, ...]] = Field(min_length=1)
    minimum: int = Field(ge=1)

    @model_validator(mode="after")
    def _reachable(self) -> "CountIndicator":
        if self.minimum > len(self.items):
            raise ValueError(f"minimum {self.minimum} of {len(self.items)} items can never be reached")
        return self


Indicator: TypeAlias = Annotated[
    AnswerIndicator | HeadAnswerIndicator | MembersIndicator | NoneOfIndicator | CountIndicator,
    Field(discriminator="kind"),
]
WithEvidence: TypeAlias = AnswerIndicator | HeadAnswerIndicator | MembersIndicator


def evidence_of(indicator: Indicator) -> Evidence | None:
    """The evidence that an indicator declares, if it does."""
    if isinstance(indicator, CountIndicator | NoneOfIndicator):
        return None
    return indicator.evidence


class Eligible(_Frozen):
    """Who is eligible for a programme: a family with such a member, or with one of these indicators not achieved."""

    members: Members | None = None
    not_achieved_any: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _one(self) -> "Eligible":
        if (self.members is None) == (not self.not_achieved_any):
            raise ValueError("exactly one of members, not_achieved_any is needed")
        return self


class Programme(Named):
    """An activity group of the programme: who is eligible, and which answer takes part."""

    eligible: Eligible
    question: str
    takes_part: tuple[int, ...] = Field(min_length=1)


class LifeCycleGroup(Named):
    """A group of persons along the life cycle."""

    members: Members


class Methodology(_Frozen):
    """One version of the method. The order of `indicators` is their position in every output.

    `insured_by` is the indicator over members that says who has health insurance.
    """

    id: str
    title: Title
    reference: str
    dimensions: tuple[Named, ...] = Field(min_length=1)
    categories: Categories
    sectors: tuple[Named, ...]
    functions: tuple[Named, ...]
    indicators: tuple[Indicator, ...] = Field(min_length=1)
    programmes: tuple[Programme, ...] = ()
    life_cycle: tuple[LifeCycleGroup, ...] = ()
    insured_by: str | None = None
