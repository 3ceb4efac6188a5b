"""The family index again, in plain pandas and loops, from the description of the method alone.

It knows nothing of the product: neither its code nor its methodology file. It takes the accepted records and the
person links as given and says what the marts must hold. Slow and simple on purpose.

Inputs, one frame each (missing values may be None, NaN or NaT; further columns are ignored):

- `keluarga`: KODE_KELUARGA, village_code, TGL_PENDATAAN, P.01 … P.26
- `anggota`: KODE_KELUARGA, NO_URUT, K.04, K.07, K.09, K.10, K.13, K.15
- `biodata_wni`: nik, akta_lhr, stat_kwn, akta_kwn, stat_hidup, flag_status (None where the source is absent)
- `peserta`: noKartu, statusPeserta.kode, tglTMT, tglTAT (None where the source is absent)
- `person_link`: source, source_key, person_key
- `family_link`: source_key, family_key
- `villages`: every village code of the region reference
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

import pandas as pd

KETENTRAMAN = ("worship", "marriage_document", "birth_certificate", "health_insurance", "no_conflict", "no_divorce")
KEMANDIRIAN = ("income", "varied_food", "decent_house", "savings", "schooling", "health", "online_media")
KEBAHAGIAAN = ("family_interaction", "shared_parenting", "family_recreation", "social_participation")
BESIDE = {"house_environment": "kemandirian", "living_environment": "kebahagiaan"}

NA = "not_applicable"
MISSING = "missing"

Row = dict[str, Any]
Answer = tuple[int | None, str]
"""1 or 0 with where it comes from, or None with `not_applicable` or `missing`."""


@dataclass(frozen=True)
class Expected:
    """What `mart.family_index`, `mart.family_indicator` and `mart.village_index` must hold."""

    family_index: pd.DataFrame
    family_indicator: pd.DataFrame
    village_index: pd.DataFrame


def records(frame: pd.DataFrame | None) -> list[Row]:
    """Rows as dicts with None for every kind of missing value, whole numbers as int, days as date."""
    if frame is None:
        return []

    def plain(value: Any) -> Any:
        if value is None or value is pd.NA or value is pd.NaT or value != value:
            return None
        if isinstance(value, pd.Timestamp):
            return value.date()
        if isinstance(value, float) and value == int(value):
            return int(value)
        return value.item() if hasattr(value, "item") else value

    names = [str(name) for name in frame.columns]
    columns = [[plain(value) for value in frame[name]] for name in frame.columns]
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


def full_years(born: date, on: date) -> int:
    had_birthday = (on.month, on.day) >= (born.month, born.day)
    return on.year - born.year - (0 if had_birthday else 1)


def yes_no(code: int | None, yes: int = 1, no: int = 2, not_applicable: int | None = None) -> Answer:
    if code == yes:
        return 1, "survey"
    if code == no:
        return 0, "survey"
    if code is not None and code == not_applicable:
        return None, NA
    return None, MISSING


def over_members(answers: list[tuple[int | None, str]], nobody: str) -> Answer:
    """Each entry: a member's answer (1, 0, None) and the source it was taken from."""
    if not answers:
        return None, nobody
    values = [value for value, _ in answers]
    used = {source for value, source in answers if value is not None}
    origin = used.pop() if len(used) == 1 else "mixed"
    if 0 in values:
        return 0, origin
    if None in values:
        return None, MISSING
    return 1, origin


class Evidence:
    """What the other sources say about a person."""

    def __init__(self, biodata: list[Row], peserta: list[Row], links: list[Row], as_of: date) -> None:
        person = {(link["source"], link["source_key"]): link["person_key"] for link in links}
        self._person = person
        self._as_of = as_of
        self._registry: dict[str, list[Row]] = defaultdict(list)
        self._cards: dict[str, list[Row]] = defaultdict(list)
        for row in biodata:
            self._registry[person["civil_registry", row["nik"]]].append(row)
        for row in peserta:
            self._cards[person["health_insurance", row["noKartu"]]].append(row)

    def registered(self, member: Row) -> list[Row]:
        """The registry's records of a member of a surveyed family."""
        return self._registry[self._person["family_survey", f"{member['KODE_KELUARGA']}-{member['NO_URUT']}"]]

    def _records(self, member: Row) -> Iterable[Row]:
        for row in self.registered(member):
            if row["stat_hidup"] == 1 and row["flag_status"] == 0:
                yield row

    def birth_certificate(self, member: Row) -> int | None:
        for row in self._records(member):
            if row["akta_lhr"] is not None:
                return 1 if row["akta_lhr"] == 2 else 0
        return None

    def marriage_document(self, head: Row) -> Answer | None:
        for row in self._records(head):
            if row["stat_kwn"] == 1:
                return None, NA
            if row["stat_kwn"] == 2 and row["akta_kwn"] is not None:
                return (1 if row["akta_kwn"] == 2 else 0), "civil_registry"
        return None

    def no_divorce(self, head: Row) -> Answer | None:
        for row in self._records(head):
            if row["stat_kwn"] == 1:
                return None, NA
            if row["stat_kwn"] is not None:
                return (0 if row["stat_kwn"] == 3 else 1), "civil_registry"
        return None

    def insured(self, member: Row) -> int | None:
        key = f"{member['KODE_KELUARGA']}-{member['NO_URUT']}"
        active = []
        for card in self._cards[self._person["family_survey", key]]:
            if card["statusPeserta.kode"] is None:
                continue
            begun = card["tglTMT"] is None or card["tglTMT"] <= self._as_of
            over = card["tglTAT"] is not None and card["tglTAT"] < self._as_of
            active.append(card["statusPeserta.kode"] == "0" and begun and not over)
        if not active:
            return None
        return 1 if any(active) else 0


def head_of(members: list[Row]) -> Row | None:
    heads = [member for member in members if member["K.10"] == 1]
    return min(heads, key=lambda member: member["NO_URUT"]) if heads else None


def age_of(member: Row, family: Row) -> int | None:
    return None if member["K.04"] is None else full_years(member["K.04"], family["TGL_PENDATAAN"])


def marriage_document(family: Row, head: Row | None, evidence: Evidence | None) -> Answer:
    said = evidence.marriage_document(head) if evidence and head else None
    return said or yes_no(family["P.02"], not_applicable=3)


def birth_certificate(family: Row, members: list[Row], evidence: Evidence | None) -> Answer:
    answers: list[tuple[int | None, str]] = []
    for member in members:
        age = age_of(member, family)
        if member["K.10"] != 3 or age is None or age >= 18:
            continue
        said = evidence.birth_certificate(member) if evidence else None
        if said is not None:
            answers.append((said, "civil_registry"))
        else:
            answers.append(({1: 1, 2: 0}.get(member["K.09"]), "survey"))
    return over_members(answers, nobody=NA)


def health_insurance(members: list[Row], evidence: Evidence | None) -> Answer:
    answers: list[tuple[int | None, str]] = []
    for member in members:
        code = member["K.15"]
        said = evidence.insured(member) if evidence and code != 3 else None
        if said is not None:
            answers.append((said, "health_insurance"))
        elif code is None:
            answers.append((None, "survey"))
        else:
            answers.append((0 if code == 4 else 1, "survey"))
    return over_members(answers, nobody=MISSING)


def no_conflict(family: Row) -> Answer:
    four = [family[f"P.03{form}"] for form in "ABCD"]
    if 1 in four:
        return 0, "survey"
    if all(code == 3 for code in four):
        return None, NA
    if None in four:
        return None, MISSING
    return 1, "survey"


def no_divorce(head: Row | None, evidence: Evidence | None) -> Answer:
    if head is None:
        return None, NA
    said = evidence.no_divorce(head) if evidence else None
    if said:
        return said
    status = head["K.07"]
    if status is None:
        return None, MISSING
    if status == 1:
        return None, NA
    return (0 if status == 3 else 1), "survey"


def decent(family: Row, question: str) -> bool | None:
    highest = {"19": 5, "20": 3, "21": 3, "22": 2, "23": 3, "24": 2, "25": 1, "26": 1}
    code = family[question]
    return None if code is None else code <= highest[question.removeprefix("P.")]


def decent_house(family: Row) -> Answer:
    items = [decent(family, f"P.{number}") for number in range(19, 27)]
    if items.count(True) >= 6:
        return 1, "survey"
    if items.count(False) > 2:
        return 0, "survey"
    return None, MISSING


def house_environment(family: Row) -> Answer:
    both = (decent(family, "P.23"), decent(family, "P.25"))
    if False in both:
        return 0, "survey"
    if None in both:
        return None, MISSING
    return 1, "survey"


def schooling(family: Row, members: list[Row]) -> Answer:
    answers: list[tuple[int | None, str]] = []
    for member in members:
        age = age_of(member, family)
        if age is not None and 7 <= age <= 18:
            code = member["K.13"]
            answers.append((None if code is None else int(code in (2, 4, 6, 7, 8, 9)), "survey"))
    return over_members(answers, nobody=NA)


def indicators(family: Row, members: list[Row], evidence: Evidence | None) -> dict[str, Answer]:
    """All nineteen answers; without evidence on the basis `survey`."""
    head = head_of(members)
    return {
        "worship": yes_no(family["P.01"]),
        "marriage_document": marriage_document(family, head, evidence),
        "birth_certificate": birth_certificate(family, members, evidence),
        "health_insurance": health_insurance(members, evidence),
        "no_conflict": no_conflict(family),
        "no_divorce": no_divorce(head, evidence),
        "income": yes_no(family["P.04"]),
        "varied_food": yes_no(family["P.05"]),
        "decent_house": decent_house(family),
        "savings": yes_no(family["P.06"]),
        "schooling": schooling(family, members),
        "health": yes_no(family["P.07"], yes=2, no=1),
        "online_media": yes_no(family["P.08"]),
        "family_interaction": yes_no(family["P.09"]),
        "shared_parenting": yes_no(family["P.10"], not_applicable=3),
        "family_recreation": yes_no(family["P.11"]),
        "social_participation": yes_no(family["P.12"]),
        "house_environment": house_environment(family),
        "living_environment": yes_no(family["P.13"]),
    }


def dimension_score(answers: dict[str, Answer], variables: tuple[str, ...]) -> float | None:
    values = [answers[variable][0] for variable in variables]
    applicable = [value for value in values if value is not None]
    return 100 * sum(applicable) / len(applicable) if applicable else None


def category(index: float | None) -> str | None:
    if index is None:
        return None
    index = round(index, 9)
    if index < 40:
        return "rentan"
    return "berkembang" if index <= 70 else "tangguh"


def mean(values: Iterable[float | None]) -> float | None:
    present = [value for value in values if value is not None]
    return sum(present) / len(present) if present else None


def expect(
    *,
    keluarga: pd.DataFrame,
    anggota: pd.DataFrame,
    biodata_wni: pd.DataFrame | None,
    peserta: pd.DataFrame | None,
    person_link: pd.DataFrame,
    family_link: pd.DataFrame,
    villages: Iterable[str],
    as_of: date,
) -> Expected:
    """The three marts as they must be, on both bases."""
    evidence = Evidence(records(biodata_wni), records(peserta), records(person_link), as_of)
    family_key = {row["source_key"]: row["family_key"] for row in records(family_link)}
    members_of: dict[str, list[Row]] = defaultdict(list)
    for member in records(anggota):
        members_of[member["KODE_KELUARGA"]].append(member)
    index: list[Row] = []
    detail: list[Row] = []
    for family in records(keluarga):
        members = members_of[family["KODE_KELUARGA"]]
        for basis in ("survey", "integrated"):
            answers = indicators(family, members, evidence if basis == "integrated" else None)
            row = _family_row(family_key[family["KODE_KELUARGA"]], family["village_code"], basis, len(members), answers)
            index.append(row)
            detail += _indicator_rows(row, answers)
    return Expected(
        family_index=pd.DataFrame(index),
        family_indicator=pd.DataFrame(detail),
        village_index=pd.DataFrame(_village_rows(index, villages, as_of)),
    )


def _family_row(key: str, village: str, basis: str, members: int, answers: dict[str, Answer]) -> Row:
    scores = [dimension_score(answers, group) for group in (KETENTRAMAN, KEMANDIRIAN, KEBAHAGIAAN)]
    ibangga = None if None in scores else mean(scores)
    return {
        "family_key": key,
        "village_code": village,
        "members": members,
        "ketentraman": scores[0],
        "kemandirian": scores[1],
        "kebahagiaan": scores[2],
        "ibangga": ibangga,
        "category": category(ibangga),
        "basis": basis,
    }


def _indicator_rows(family: Row, answers: dict[str, Answer]) -> list[Row]:
    rows = []
    for variable, (value, provenance) in answers.items():
        if variable in BESIDE:
            dimension = BESIDE[variable]
        elif variable in KETENTRAMAN:
            dimension = "ketentraman"
        else:
            dimension = "kemandirian" if variable in KEMANDIRIAN else "kebahagiaan"
        rows.append(
            {
                "family_key": family["family_key"],
                "village_code": family["village_code"],
                "basis": family["basis"],
                "indicator": variable,
                "dimension": dimension,
                "in_index": variable not in BESIDE,
                "applicable": value is not None,
                "achieved": None if value is None else value == 1,
                "provenance": provenance,
            }
        )
    return rows


def _village_rows(index: list[Row], villages: Iterable[str], as_of: date) -> list[Row]:
    rows = []
    for village in villages:
        for basis in ("survey", "integrated"):
            families = [row for row in index if row["village_code"] == village and row["basis"] == basis]
            ibangga = mean(row["ibangga"] for row in families)
            categories = [row["category"] for row in families]
            rows.append(
                {
                    "as_of": as_of,
                    "village_code": village,
                    "basis": basis,
                    "families": len(families),
                    "ketentraman": mean(row["ketentraman"] for row in families),
                    "kemandirian": mean(row["kemandirian"] for row in families),
                    "kebahagiaan": mean(row["kebahagiaan"] for row in families),
                    "ibangga": ibangga,
                    "category": category(ibangga),
                    "rentan": categories.count("rentan"),
                    "berkembang": categories.count("berkembang"),
                    "tangguh": categories.count("tangguh"),
                }
            )
    return rows
