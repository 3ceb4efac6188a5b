"""A small lake written by hand: what validate, link and score leave behind, with every figure chosen by the test."""

import hashlib
import random
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from kampungkb import lake
from kampungkb.refs import Linked, Scored, Validated
from kampungkb.run import Run
from kampungkb.warehouse.models import Base

REGIONS = """code,name,level,parent,valid_from,valid_to,successor_code
21,Kepulauan Riau,provinsi,,,,
21.04,Kabupaten Lingga,kabupaten,21,,,
21.04.01,Singkep,kecamatan,21.04,,,
21.04.02,Lingga,kecamatan,21.04,,,
21.04.01.1001,Dabo,kelurahan,21.04.01,,,
21.04.01.2002,Batu Berdaun,desa,21.04.01,,,
21.04.01.2003,Lama,desa,21.04.01,,2020-12-31,21.04.01.2002
2104022001,Mepar,desa,2104.02,2024-01-01,,
"""
KAMPUNG_KB = """village_code,valid_from,valid_to,successor_code
21.04.01.1001,2018-01-01,,
2104012002,2017-01-01,2019-12-31,
"""
DABO, BATU_BERDAUN, LAMA, MEPAR = "2104011001", "2104012002", "2104012003", "2104022001"

INDICATORS = (
    *((f"k{n}", "ketentraman", True) for n in range(1, 4)),
    *((f"m{n}", "kemandirian", True) for n in range(1, 4)),
    *((f"b{n}", "kebahagiaan", True) for n in range(1, 4)),
    ("house_environment", "kemandirian", False),
)
EVIDENCE = {"k1": "civil_registry", "k2": "health_insurance"}
SIZE_GROUPS = ((0, "0"), (1, "1"), (2, "2"), (4, "3-4"), (6, "5-6"), (1000, "7+"))
FUNCTIONS = {"ketentraman": "protection", "kemandirian": "economic", "kebahagiaan": "love_and_affection"}


@dataclass(frozen=True)
class Family:
    """One accepted family with its packed answers on both bases and the number of its members."""

    code: str
    village: str
    survey: str
    integrated: str
    members: int = 2
    evidence: str = "mm--------"
    surveyed_on: date = date(2018, 3, 1)
    family_card: str = "given"
    head_sex: str | None = "male"
    head_marital_status: str | None = "married"

    @property
    def key(self) -> str:
        return digest(self.code)

    @property
    def size_group(self) -> str:
        return next(name for upper, name in SIZE_GROUPS if self.members <= upper)


@dataclass(frozen=True)
class Person:
    """One person with a record of the same key in each of `sources`, and what the sources tell together."""

    record: str
    sources: tuple[str, ...]
    family: str | None = None
    village: str | None = None
    sex: str | None = None
    birth_period: str | None = None
    relation: str | None = None
    marital_status: str | None = None
    registry_status: str | None = None

    @property
    def key(self) -> str:
        return digest(self.record)


def digest(text: str) -> str:
    """A key as the pseudonyms are: 32 hexadecimal digits."""
    return hashlib.sha256(text.encode()).hexdigest()[:32]


@dataclass(frozen=True)
class Check:
    """One row of check results."""

    source: str
    rule: str
    village: str
    dimension: str
    severity: str
    checked: int
    failed: int


@dataclass
class Night:
    """What one night leaves in the lake; `write` writes it and returns the references that publish takes.

    Without `persons` every member is one, and so is every record of the other sources.
    """

    families: list[Family]
    checks: list[Check] = field(default_factory=list)
    link_checks: list[Check] = field(default_factory=list)
    rejected: int = 2
    nulled: int = 3
    stale: frozenset[str] = frozenset()
    snapshot_date: date | None = None
    last_change: date | None = None
    sources: tuple[str, ...] = ("family_survey", "civil_registry", "health_insurance")
    persons: list[Person] | None = None
    pairs: tuple[str, ...] = ()
    regions: str = REGIONS
    kampung_kb: str = KAMPUNG_KB

    def write(self, run: Run) -> tuple[list[Validated], Linked, Scored]:
        write_reference(run.settings.root, self.regions, self.kampung_kb)
        validated = [self._validated(run, source) for source in self.sources]
        return validated, self._linked(run), self._scored(run)

    def known_persons(self) -> list[Person]:
        """The persons of this night."""
        if self.persons is not None:
            return self.persons
        members = [
            Person(f"{f.code}-{n}", ("family_survey",), f.key, f.village)
            for f in self.families
            for n in range(1, f.members + 1)
        ]
        others = (("civil_registry", 16), ("health_insurance", 13))
        records = [Person(f"{n:0{digits}d}", (source,)) for source, digits in others for n in range(len(members))]
        return members + [record for record in records if set(record.sources) <= set(self.sources)]

    def _records(self) -> dict[str, list[Person]]:
        return {source: [p for p in self.known_persons() if source in p.sources] for source in self.sources}

    def _validated(self, run: Run, source: str) -> Validated:
        persons = {"family_survey": "anggota", "civil_registry": "biodata_wni", "health_insurance": "peserta"}[source]
        accepted = {persons: len(self._records()[source])}
        if source == "family_survey":
            accepted["keluarga"] = len(self.families)
        if source == "civil_registry":
            accepted["data_keluarga"] = 5
        folder = lake.accepted(run.settings, run.as_of, source)
        rows = [(n, "row", None) for n in range(self.rejected)] + [(n, "value", "K.04") for n in range(self.nulled)]
        write(
            folder / "quarantine.parquet",
            source=([source] * len(rows), pa.string()),
            source_table=([persons] * len(rows), pa.string()),
            row_key=([f"{source}-{action}-{n}" for n, action, _ in rows], pa.string()),
            village_code=([DABO] * len(rows), pa.string()),
            rule=(["M03"] * len(rows), pa.string()),
            action=([action for _, action, _ in rows], pa.string()),
            column_name=([name for _, _, name in rows], pa.string()),
            reason=(["not 16 digits"] * len(rows), pa.string()),
            file=(["a.xlsx"] * len(rows), pa.string()),
            sheet=(["ANGGOTA"] * len(rows), pa.string()),
            row_number=([n + 2 for n, _, _ in rows], pa.int64()),
        )
        if source == "family_survey":
            self._write_survey(folder)
        write_checks(folder, [check for check in self.checks if check.source == source])
        rejected = {table: self.rejected if table == persons else 0 for table in accepted}
        return Validated(
            source=source,
            path=folder,
            read={table: accepted[table] + rejected[table] for table in accepted},
            accepted=accepted,
            rejected=rejected,
            nulled={table: self.nulled if table == persons else 0 for table in accepted},
            snapshot_date=self.snapshot_date,
            last_change=self.last_change,
            stale=source in self.stale,
            reason="unreachable" if source in self.stale else None,
        )

    def _write_survey(self, folder: Path) -> None:
        """The columns of the accepted survey that the action list by name is made from."""
        write(
            folder / "keluarga.parquet",
            source_key=([f.code for f in self.families], pa.string()),
            village_code=([f.village for f in self.families], pa.string()),
            RT=(["001"] * len(self.families), pa.string()),
            RW=(["002"] * len(self.families), pa.string()),
            ALAMAT=([f"Jalan {f.code}" for f in self.families], pa.string()),
        )
        members = [(f.code, n) for f in self.families for n in range(1, f.members + 1)]
        relations = [3 if n == 1 else 1 if n == 2 else 4 for _, n in members]  # the head comes second
        write(
            folder / "anggota.parquet",
            **{
                "KODE_KELUARGA": ([code for code, _ in members], pa.string()),
                "NO_URUT": ([n for _, n in members], pa.int32()),
                "K.02": ([f"Nama {code} {n}" for code, n in members], pa.string()),
                "K.10": (relations, pa.int32()),
            },
        )

    def _linked(self, run: Run) -> Linked:
        folder = lake.persons(run.settings, run.as_of)
        rows = [(source, person) for source, persons in self._records().items() for person in persons]
        write(
            folder / "person_link.parquet",
            source=([source for source, _ in rows], pa.string()),
            source_key=([person.record for _, person in rows], pa.string()),
            person_key=([person.key for _, person in rows], pa.string()),
            match_rule=(["single"] * len(rows), pa.string()),
            match_probability=([1.0] * len(rows), pa.float64()),
            linked_since=([date(2026, 1, 1)] * len(rows), pa.date32()),
            model_version=([None] * len(rows), pa.string()),
        )
        write_pairs(folder / "match_review.parquet", self.pairs)
        write_empty(folder / "duplicate_record.parquet", "vault.duplicate_record")
        write(
            folder / "family_link.parquet",
            source_key=([f.code for f in self.families], pa.string()),
            family_key=([f.key for f in self.families], pa.string()),
        )
        write_checks(folder, self.link_checks)
        records = {source: len(persons) for source, persons in self._records().items()}
        persons = len(self.known_persons())
        return Linked(path=folder, records=records, linked=dict.fromkeys(records, 1), persons=persons)

    def _scored(self, run: Run) -> Scored:
        folder = lake.scores(run.settings, run.as_of)
        rows = [(f, b, f.survey if b == "survey" else f.integrated) for f in self.families for b in BASES]
        scores = [score(states) for _, _, states in rows]
        write(
            folder / "family_score.parquet",
            family_key=([f.key for f, _, _ in rows], pa.string()),
            village_code=([f.village for f, _, _ in rows], pa.string()),
            basis=([basis for _, basis, _ in rows], pa.string()),
            members=([f.members for f, _, _ in rows], pa.int64()),
            ketentraman=([s[0] for s in scores], pa.float64()),
            kemandirian=([s[1] for s in scores], pa.float64()),
            kebahagiaan=([s[2] for s in scores], pa.float64()),
            ibangga=([s[3] for s in scores], pa.float64()),
            category=([category(s[3]) for s in scores], pa.string()),
            states=([states for _, _, states in rows], pa.string()),
            provenances=(["".join("m" if c == "-" else "s" for c in states) for _, _, states in rows], pa.string()),
            evidence=([f.evidence for f, _, _ in rows], pa.string()),
        )
        write(
            folder / "indicator.parquet",
            methodology=(["ibangga_2021"] * len(INDICATORS), pa.string()),
            position=(list(range(1, len(INDICATORS) + 1)), pa.int32()),
            indicator=([name for name, _, _ in INDICATORS], pa.string()),
            dimension=([dimension for _, dimension, _ in INDICATORS], pa.string()),
            in_index=([in_index for _, _, in_index in INDICATORS], pa.bool_()),
            sector=(["housing"] * len(INDICATORS), pa.string()),
            function=([FUNCTIONS[dimension] for _, dimension, _ in INDICATORS], pa.string()),
            evidence_source=([EVIDENCE.get(name) for name, _, _ in INDICATORS], pa.string()),
        )
        self._profiles(folder)
        self._counted(folder)
        return Scored(path=folder, families=len(self.families), rows=len(rows))

    def _profiles(self, folder: Path) -> None:
        families, persons = self.families, self.known_persons()
        write(
            folder / "family_profile.parquet",
            family_key=([f.key for f in families], pa.string()),
            village_code=([f.village for f in families], pa.string()),
            surveyed_on=([f.surveyed_on for f in families], pa.date32()),
            family_card=([f.family_card for f in families], pa.string()),
            head_sex=([f.head_sex for f in families], pa.string()),
            head_marital_status=([f.head_marital_status for f in families], pa.string()),
            size_group=([f.size_group for f in families], pa.string()),
        )
        write(
            folder / "person_profile.parquet",
            person_key=([p.key for p in persons], pa.string()),
            family_key=([p.family for p in persons], pa.string()),
            village_code=([p.village for p in persons], pa.string()),
            sex=([p.sex for p in persons], pa.string()),
            birth_period=([p.birth_period for p in persons], pa.string()),
            relation=([p.relation for p in persons], pa.string()),
            marital_status=([p.marital_status for p in persons], pa.string()),
            in_survey=(["family_survey" in p.sources for p in persons], pa.bool_()),
            in_registry=(["civil_registry" in p.sources for p in persons], pa.bool_()),
            in_insurance=(["health_insurance" in p.sources for p in persons], pa.bool_()),
            registry_status=([p.registry_status for p in persons], pa.string()),
        )

    def _counted(self, folder: Path) -> None:
        """What the score step counts by village; every member is a child, every family eligible for BKB."""
        needs: Counter[tuple[str, str]] = Counter()
        persons: Counter[tuple[str, str]] = Counter()
        for family in self.families:
            for state, (indicator, _, _) in zip(family.integrated, INDICATORS, strict=True):
                if state == "0":
                    needs[family.village, indicator] += 1
                    persons[family.village, indicator] += family.members
        families = Counter(family.village for family in self.families)
        members = Counter(dict.fromkeys(families, 0))
        for family in self.families:
            members[family.village] += family.members
        villages = list(families)
        counted(
            folder / "village_need.parquet",
            {"village_code": [v for v, _ in needs], "indicator": [i for _, i in needs]},
            {"families": list(needs.values()), "persons": [persons[key] for key in needs]},
        )
        counted(
            folder / "village_life_cycle.parquet",
            {"village_code": villages, "life_cycle": ["child"] * len(villages)},
            {
                "persons": [members[v] for v in villages],
                "families": list(families.values()),
                "insured": [members[v] // 2 for v in villages],
                "insurance_known": [members[v] for v in villages],
                "rentan_families": [0] * len(villages),
            },
        )
        counted(
            folder / "village_programme.parquet",
            {"village_code": villages, "programme": ["BKB"] * len(villages)},
            {
                "eligible": list(families.values()),
                "participating": [count // 3 for count in families.values()],
                "unanswered": [0] * len(villages),
            },
        )
        write(
            folder / "village_survey.parquet",
            village_code=(villages, pa.string()),
            families_surveyed=(list(families.values()), pa.int64()),
            family_cards=([count + 1 for count in families.values()], pa.int64()),
            cards_surveyed=(list(families.values()), pa.int64()),
            median_survey_age_days=([30.5] * len(villages), pa.float64()),
        )


BASES = ("survey", "integrated")


def write(path: Path, **columns: tuple[Sequence[Any], pa.DataType]) -> None:
    """A Parquet file of the given columns (values, type)."""
    lake.private_folder(path.parent)
    table = pa.table({name: pa.array(values, kind) for name, (values, kind) in columns.items()})
    pq.write_table(table, path, compression="zstd")


def counted(path: Path, keys: dict[str, list[str]], counts: dict[str, list[int]]) -> None:
    """A Parquet file of keys and counts."""
    texts = {name: (values, pa.string()) for name, values in keys.items()}
    write(path, **texts, **{name: (values, pa.int64()) for name, values in counts.items()})


def write_pairs(path: Path, keys: Sequence[str]) -> None:
    """The pairs for review: the first record of the registry and one of the insurance, under each review key."""
    write_empty(path, "vault.match_pair")
    first = {"left_source": "civil_registry", "left_key": f"{0:016d}", "right_source": "health_insurance"}
    rows = [
        {**first, "review_key": key, "right_key": f"{n:013d}", "comparison": "[]", "linked": False, "doubt": "conflict"}
        for n, key in enumerate(keys)
    ]
    pq.write_table(pa.Table.from_pylist(rows, schema=pq.read_schema(path)), path)


def write_empty(path: Path, table: str) -> None:
    """A Parquet file without rows that has the columns of a table of the warehouse."""
    kinds = {"INTEGER": pa.int32(), "DATE": pa.date32(), "BOOLEAN": pa.bool_(), "DOUBLE": pa.float64()}
    columns = {c.name: ([], kinds.get(str(c.type), pa.string())) for c in Base.metadata.tables[table].columns}
    write(path, **columns)


def write_checks(folder: Path, checks: Sequence[Check]) -> None:
    write(
        folder / "checks.parquet",
        source=([c.source for c in checks], pa.string()),
        rule=([c.rule for c in checks], pa.string()),
        village_code=([c.village for c in checks], pa.string()),
        dimension=([c.dimension for c in checks], pa.string()),
        severity=([c.severity for c in checks], pa.string()),
        checked=([c.checked for c in checks], pa.int64()),
        failed=([c.failed for c in checks], pa.int64()),
    )


def write_reference(home: Path, regions: str = REGIONS, kampung_kb: str = KAMPUNG_KB) -> None:
    folder = lake.private_folder(home / "reference")
    (folder / "regions.csv").write_text(regions, encoding="utf-8")
    (folder / "kampung_kb.csv").write_text(kampung_kb, encoding="utf-8")


def score(states: str) -> tuple[float | None, float | None, float | None, float | None]:
    """The three dimensions and the index of packed answers."""
    dimensions = [
        percentage(c for c, (_, d, in_index) in zip(states, INDICATORS, strict=True) if d == name and in_index)
        for name in ("ketentraman", "kemandirian", "kebahagiaan")
    ]
    known = [d for d in dimensions if d is not None]
    return dimensions[0], dimensions[1], dimensions[2], sum(known) / 3 if len(known) == 3 else None


def percentage(states: Iterable[str]) -> float | None:
    applicable = [c for c in states if c != "-"]
    return 100 * applicable.count("1") / len(applicable) if applicable else None


def category(index: float | None) -> str | None:
    if index is None:
        return None
    rounded = round(index, 9)
    return "rentan" if rounded < 40 else "berkembang" if rounded <= 70 else "tangguh"


def random_families(seed: int, count: int, villages: Sequence[str] = (DABO, BATU_BERDAUN)) -> list[Family]:
    """Families with random answers; the integrated ones differ from the survey's in about a third."""
    rng = random.Random(seed)
    families = []
    for n in range(count):
        survey = "".join(rng.choices("10-", (5, 4, 1), k=len(INDICATORS)))
        other = "".join(rng.choices("10-", (5, 4, 1), k=len(INDICATORS)))
        families.append(
            Family(
                code=f"{seed:04d}{n:014d}",
                village=rng.choice(villages),
                survey=survey,
                integrated=rng.choice((survey, survey, other)),
                members=rng.randint(0, 5),
            )
        )
    return families


CHECKS = [
    Check("family_survey", "F01", DABO, "validity", "critical", 100, 2),
    Check("family_survey", "F06", DABO, "validity", "warning", 2600, 13),
    Check("family_survey", "F07", DABO, "completeness", "warning", 2300, 23),
    Check("family_survey", "F04", "unknown", "validity", "critical", 3, 3),
    Check("civil_registry", "R06", DABO, "consistency", "info", 0, 0),
]


def night(seed: int = 1, count: int = 60, **changes: Any) -> Night:
    """A night with random families and a few checks."""
    return replace(Night(random_families(seed, count), CHECKS), **changes)
