"""Night after night of a small population in which everything happens that a history must tell.

Children are born, persons die, marry, leave their family for another one or for the registry alone; families move,
answer otherwise, are not surveyed for a while and come back; a village is renamed and another becomes a Kampung KB.
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import replace

from tests.integration.warehouse_lake import (
    BATU_BERDAUN,
    CHECKS,
    DABO,
    INDICATORS,
    KAMPUNG_KB,
    MEPAR,
    REGIONS,
    Family,
    Night,
    Person,
)

VILLAGES = (DABO, BATU_BERDAUN, MEPAR)
SURVEY, REGISTRY, INSURANCE = "family_survey", "civil_registry", "health_insurance"


class Population:
    """Who lives where; `night` tells what the sources would say."""

    def __init__(self, seed: int, families: int = 10) -> None:
        self.dice = random.Random(seed)
        self.families: dict[str, Family] = {}
        self.members: dict[str, Person] = {}
        self.away: set[str] = set()
        self.regions, self.kampung_kb = REGIONS, KAMPUNG_KB
        self.born = 0
        for _ in range(families):
            self.settle()

    def night(self) -> Night:
        """The families that are surveyed and everybody whom some source knows."""
        present = {code: family for code, family in self.families.items() if code not in self.away}
        persons = [told for person in self.members.values() if (told := self._told(person)).sources]
        surveyed = [person.family for person in persons if person.family]
        families = [replace(family, members=surveyed.count(family.key)) for family in present.values()]
        return Night(families, CHECKS, persons=persons, regions=self.regions, kampung_kb=self.kampung_kb)

    def _told(self, person: Person) -> Person:
        """A person as the sources tell it: without the survey where the family is away."""
        family = self.families.get(person.family or "")
        if family is None or family.code in self.away:
            others = tuple(source for source in person.sources if source != SURVEY)
            return replace(person, sources=others, family=None, village=None)
        return replace(person, family=family.key, village=family.village)

    def lives_a_day(self) -> None:
        """A few things happen, or nothing."""
        for event in self.dice.sample(self.events, self.dice.choice((0, 1, 3, 5))):
            event()

    @property
    def events(self) -> list[Callable[[], None]]:
        """What can happen, the rare ones once."""
        often = [
            self.give_birth,
            self.die,
            self.move_family,
            self.change_person,
            self.answer,
            self.leave,
            self.come_back,
        ]
        return [*often, *often, self.settle, self.change_family, self.rename_village, self.change_register]

    def settle(self) -> None:
        """A new family of one to four persons."""
        code = f"{len(self.families):018d}"
        states = self._states()
        self.families[code] = Family(
            code, self.dice.choice(VILLAGES), states, self.dice.choice((states, self._states()))
        )
        for n in range(self.dice.randint(1, 4)):
            self._join(code, "head" if n == 0 else self.dice.choice(("spouse", "child", "other")))

    def give_birth(self) -> None:
        """A child, in the survey at once and in the registry later or never."""
        self._join(self.dice.choice(sorted(self.families)), "child")

    def die(self) -> None:
        """Somebody is no longer in any source."""
        if len(self.members) > 5:
            del self.members[self.dice.choice(sorted(self.members))]

    def change_person(self) -> None:
        """Marriage, another family, another source, or death as the registry tells it."""
        record = self.dice.choice(sorted(self.members))
        change = self.dice.choice(
            (
                {"marital_status": self.dice.choice(("married", "widowed", None))},
                {"family": self.dice.choice((*sorted(self.families), None))},
                {"sources": self._sources()},
                {"registry_status": self.dice.choice(("active", "moved", "dead", None))},
            )
        )
        self.members[record] = replace(self.members[record], **change)  # type: ignore[arg-type]

    def move_family(self) -> None:
        """A family goes to another village."""
        self._change_family(village=self.dice.choice(VILLAGES))

    def answer(self) -> None:
        """A family is surveyed again and answers otherwise."""
        self._change_family(survey=self._states(), integrated=self._states())

    def change_family(self) -> None:
        """Another head, another card."""
        self._change_family(
            head_sex=self.dice.choice(("male", "female", None)),
            family_card=self.dice.choice(("missing", "given", "registered")),
        )

    def leave(self) -> None:
        """A family is missing from the survey."""
        if len(self.away) < len(self.families) - 2:
            self.away.add(self.dice.choice(sorted(self.families)))

    def come_back(self) -> None:
        """A family that was missing stands in the survey again."""
        if self.away:
            self.away.remove(self.dice.choice(sorted(self.away)))

    def rename_village(self) -> None:
        """A village has its other name."""
        old, new = ("Mepar", "Mepar Baru") if ",Mepar," in self.regions else ("Mepar Baru", "Mepar")
        self.regions = self.regions.replace(f",{old},", f",{new},")

    def change_register(self) -> None:
        """A village enters the Kampung KB register, or leaves it."""
        entry = f"{MEPAR},2025-01-01,,\n"
        self.kampung_kb = self.kampung_kb.replace(entry, "") if entry in self.kampung_kb else self.kampung_kb + entry

    def _change_family(self, **change: str | None) -> None:
        code = self.dice.choice(sorted(self.families))
        self.families[code] = replace(self.families[code], **change)  # type: ignore[arg-type]

    def _join(self, family: str, relation: str) -> None:
        self.born += 1
        record = f"person-{self.born}"
        self.members[record] = Person(
            record,
            self._sources(),
            family,
            sex=self.dice.choice(("male", "female")),
            birth_period="2025-2029" if relation == "child" else self.dice.choice(("<1940", "1980-1984", None)),
            relation=relation,
        )

    def _sources(self) -> tuple[str, ...]:
        return (SURVEY, *(source for source in (REGISTRY, INSURANCE) if self.dice.random() < 0.7))

    def _states(self) -> str:
        return "".join(self.dice.choices("10-", (5, 4, 1), k=len(INDICATORS)))


def nights(seed: int, count: int) -> Iterator[Night]:
    """That many nights of one population."""
    population = Population(seed)
    for _ in range(count):
        yield population.night()
        population.lives_a_day()
