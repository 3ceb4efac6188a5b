"""The marts of the programme again, in plain loops, from the description of the method alone (see `ibangga.py`).

It takes the accepted records, the person links and the oracle's own answers; nothing of the product.
"""

import statistics
from collections.abc import Iterable
from datetime import date
from typing import Any

from tests.oracle.ibangga import NA, Evidence, Expected, Row, age_of, full_years, head_of, records

Key = tuple[Any, ...]

FUNCTIONS = {
    "religious": ("worship",),
    "socio_cultural": ("social_participation",),
    "love_and_affection": ("no_conflict", "family_interaction", "family_recreation"),
    "protection": ("marriage_document", "birth_certificate", "health_insurance", "no_divorce"),
    "reproduction_and_health": ("health",),
    "socialisation_and_education": ("schooling", "online_media", "shared_parenting"),
    "economic": ("income", "varied_food", "decent_house", "savings"),
    "environment": ("house_environment", "living_environment"),
}
PROGRAMMES = {"BKB": "P.14", "BKR": "P.15", "PIK-R": "P.16", "BKL": "P.17", "UPPKA": "P.18"}
WEIGHTS = {
    "index_gap": 3,
    "rentan_share": 3,
    "documents_unmet": 1,
    "behaviour_unmet": 1,
    "services_unmet": 1,
    "environment_unmet": 1,
    "programme_gap": 1,
}
TARGETS = {
    "documents_unmet": ("birth_certificate", "marriage_document"),
    "behaviour_unmet": (
        *("no_conflict", "family_interaction", "shared_parenting", "family_recreation", "social_participation"),
    ),
    "services_unmet": ("health_insurance", "health", "schooling"),
    "environment_unmet": ("decent_house", "house_environment", "living_environment"),
}


def share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


class World:
    """One population, its answers and its evidence, by village."""

    def __init__(self, tables: dict[str, list[Row]], expected: Expected, evidence: Evidence, as_of: date) -> None:
        self.as_of = as_of
        self.evidence = evidence
        self.families = {row["KODE_KELUARGA"]: row for row in tables["keluarga"]}
        self.members: dict[str, list[Row]] = {code: [] for code in self.families}
        for member in tables["anggota"]:
            self.members[member["KODE_KELUARGA"]].append(member)
        self.cards = tables["data_keluarga"]
        self.answers: dict[Key, Row] = {}
        self.rentan: set[str] = set()
        self.index = records(expected.family_index)
        self.answers = {
            (row["family_key"], row["basis"], row["indicator"]): row for row in records(expected.family_indicator)
        }

    def keyed(self, family_key: dict[str, str]) -> "World":
        """Answers are known by family key, records by family code."""
        self.key = family_key
        self.rentan = {
            code
            for code, key in family_key.items()
            for row in self.index
            if row["family_key"] == key and row["basis"] == "integrated" and row["category"] == "rentan"
        }
        return self

    def of(self, village: str) -> list[str]:
        return [code for code, family in self.families.items() if family["village_code"] == village]

    def cards_of_heads(self) -> set[str | None]:
        """Cards of the registry's records that are linked with a surveyed head of family."""
        heads = [member for members in self.members.values() for member in members if member["K.10"] == 1]
        return {record.get("no_kk") for head in heads for record in self.evidence.registered(head)}

    def answer(self, code: str, indicator: str, basis: str = "integrated") -> Row:
        return self.answers[self.key[code], basis, indicator]

    def insured(self, member: Row) -> int | None:
        if member["K.15"] == 3:
            return 1
        said = self.evidence.insured(member)
        return said if said is not None else {1: 1, 2: 1, 4: 0}.get(member["K.15"])

    def failing(self, code: str, indicator: str) -> int:
        """Members who fail an indicator that asks each of them; all members for the others."""
        family, members = self.families[code], self.members[code]
        if indicator == "health_insurance":
            return sum(self.insured(member) == 0 for member in members)
        ages = [(member, age_of(member, family)) for member in members]
        if indicator == "birth_certificate":
            children = [m for m, age in ages if m["K.10"] == 3 and age is not None and age < 18]
            said = [(self.evidence.birth_certificate(child), child["K.09"]) for child in children]
            return sum(record == 0 or (record is None and code == 2) for record, code in said)
        if indicator == "schooling":
            pupils = [m for m, age in ages if age is not None and 7 <= age <= 18]
            return sum(pupil["K.13"] in (1, 3, 5, 10) for pupil in pupils)
        return len(members)

    def groups(self, member: Row) -> Iterable[str]:
        if member["K.04"] is None:
            return
        age = full_years(member["K.04"], self.as_of)
        woman, status = member["K.03"] == 2, member["K.07"]
        found = {
            "under_five": age <= 4,
            "child": 5 <= age <= 9,
            "adolescent": 10 <= age <= 24 and status == 1,
            "reproductive_woman": woman and 15 <= age <= 49,
            "reproductive_couple": woman and status == 2 and 15 <= age <= 49,
            "productive": 15 <= age <= 64,
            "elderly": age >= 60,
        }
        yield from (group for group, holds in found.items() if holds)

    def eligible(self, code: str, programme: str) -> bool:
        if programme == "UPPKA":
            return any(self.answer(code, indicator)["achieved"] is False for indicator in ("income", "savings"))
        group = {"BKB": "under_five", "BKL": "elderly"}.get(programme, "adolescent")
        return any(group in self.groups(member) for member in self.members[code])

    def alone(self, code: str, indicator: str) -> int | str | None:
        """What the evidence says by itself: 1, 0, not applicable, or None where it is not (fully) there."""
        family, members = self.families[code], self.members[code]
        head = head_of(members)
        if indicator in ("marriage_document", "no_divorce"):
            if head is None:
                return NA if indicator == "no_divorce" else None
            said = getattr(self.evidence, indicator)(head)
            return None if said is None else (NA if said[1] == NA else said[0])
        if indicator == "birth_certificate":
            ages = [(m, age_of(m, family)) for m in members if m["K.10"] == 3]
            asked = [self.evidence.birth_certificate(m) for m, age in ages if age is not None and age < 18]
            nobody: int | str | None = NA
        else:
            asked = [None if m["K.15"] == 3 else self.evidence.insured(m) for m in members]
            nobody = None
        if not asked:
            return nobody
        return 0 if 0 in asked else None if None in asked else 1


def source_agreement(world: World, village: str, indicator: str) -> Row:
    counts = dict.fromkeys(
        ("both_yes", "both_no", "survey_only_yes", "registry_only_yes", "missing", "not_applicable"), 0
    )
    for code in world.of(village):
        answer, evidence = world.answer(code, indicator, "survey"), world.alone(code, indicator)
        survey = {True: 1, False: 0, None: None}[answer["achieved"]]
        if answer["provenance"] == NA or evidence == NA:
            counts["not_applicable"] += 1
        elif survey is None or evidence is None:
            counts["missing"] += 1
        else:
            names = {(1, 1): "both_yes", (0, 0): "both_no", (1, 0): "survey_only_yes", (0, 1): "registry_only_yes"}
            counts[names[survey, int(evidence)]] += 1
    agreeing = counts["both_yes"] + counts["both_no"]
    compared = agreeing + counts["survey_only_yes"] + counts["registry_only_yes"]
    return {**counts, "agreement_share": share(agreeing, compared)}


def survey_coverage(world: World, village: str) -> Row:
    codes = world.of(village)
    cards = {card["no_kk"] for card in world.cards if card["village_code"] == village}
    surveyed = cards & ({family.get("NO_KK") for family in world.families.values()} | world.cards_of_heads())
    days = [(world.as_of - world.families[code]["TGL_PENDATAAN"]).days for code in codes]
    return {
        "families_surveyed": len(codes),
        "family_cards": len(cards),
        "share": share(len(surveyed), len(cards)),
        "cards_surveyed": len(surveyed),
        "median_survey_age_days": statistics.median(days) if days else None,
    }


def sector_action(world: World, village: str, need: str) -> Row:
    unmet = [code for code in world.of(village) if world.answer(code, need)["achieved"] is False]
    return {"families": len(unmet), "persons": sum(world.failing(code, need) for code in unmet)}


def life_cycle(world: World, village: str, group: str) -> Row:
    members = [(code, m) for code in world.of(village) for m in world.members[code] if group in world.groups(m)]
    families = {code for code, _ in members}
    insured = [world.insured(member) for _, member in members]
    known = [value for value in insured if value is not None]
    rentan = len(families & world.rentan)
    return {
        "persons": len(members),
        "families": len(families),
        "insured": sum(known),
        "insurance_known": len(known),
        "insured_share": share(sum(known), len(known)),
        "rentan_families": rentan,
        "rentan_share": share(rentan, len(families)),
    }


def programme_coverage(world: World, village: str, programme: str) -> Row:
    eligible = [code for code in world.of(village) if world.eligible(code, programme)]
    answers = [world.families[code][PROGRAMMES[programme]] for code in eligible]
    return {
        "eligible": len(eligible),
        "participating": answers.count(1),
        "share": share(answers.count(1), len(eligible)),
        "unanswered": answers.count(None),
    }


def achieved(world: World, village: str, indicators: Iterable[str], basis: str) -> tuple[int, int]:
    """(applicable, achieved) answers over the families of a village."""
    answers = [world.answer(code, i, basis)["achieved"] for code in world.of(village) for i in indicators]
    known = [answer for answer in answers if answer is not None]
    return len(known), sum(known)


def family_function(world: World, village: str, function: str, basis: str) -> Row:
    applicable, reached = achieved(world, village, FUNCTIONS[function], basis)
    return {"applicable": applicable, "achieved": reached, "share": share(reached, applicable)}


def kampung_kb_candidate(world: World, village: str) -> Row:
    codes = world.of(village)
    scored = [r for r in world.index if r["basis"] == "integrated" and r["village_code"] == village and r["category"]]
    figures: dict[str, float | None] = {
        "index_gap": 1 - statistics.mean(r["ibangga"] for r in scored) / 100 if scored else None,
        "rentan_share": share(sum(code in world.rentan for code in codes), len(scored)),
    }
    for target, indicators in TARGETS.items():
        applicable, reached = achieved(world, village, indicators, "integrated")
        figures[target] = 1 - reached / applicable if applicable else None
    coverage = [programme_coverage(world, village, programme) for programme in PROGRAMMES]
    eligible = sum(row["eligible"] for row in coverage)
    figures["programme_gap"] = 1 - sum(row["participating"] for row in coverage) / eligible if eligible else None
    present = {name: figure for name, figure in figures.items() if figure is not None}
    weights = sum(WEIGHTS[name] for name in present)
    need = 100 * sum(WEIGHTS[name] * figure for name, figure in present.items()) / weights if present else None
    return {
        "need_score": need,
        "families": len(codes),
        "rentan": sum(code in world.rentan for code in codes),
        **figures,
    }
