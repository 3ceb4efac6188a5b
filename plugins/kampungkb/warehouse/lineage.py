"""Where a column of the warehouse comes from, read out of the SQL that makes it (sqlglot), back to the sources."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import sqlglot
from sqlglot import exp
from sqlglot.lineage import lineage
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import Scope, build_scope

from kampungkb.scoring.methodology import (
    CountIndicator,
    HeadAnswerIndicator,
    Indicator,
    InForceEvidence,
    MembersIndicator,
    Methodology,
    NoneOfIndicator,
    RecordEvidence,
    evidence_of,
)

Column = tuple[str, str]


class Lineage:
    """Columns by the columns they are made of. `tables` gives each table its columns, `statements` its SQL if any."""

    def __init__(
        self, tables: Mapping[str, Mapping[str, str]], statements: Mapping[str, str], dialect: str = "postgres"
    ) -> None:
        self._dialect = dialect
        self._tables: dict[str, object] = {name: dict(columns) for name, columns in tables.items()}
        self._columns = {name: tuple(columns) for name, columns in tables.items()}
        self._statements = statements

    def leaves(self, column: Column) -> set[Column]:
        """The columns at the beginning of the chain: those of tables that no SQL makes."""
        found: set[Column] = set()
        seen = {column}
        waiting = [column]
        while waiting:
            here = waiting.pop()
            if here[0] not in self._statements:
                found.add(here)
                continue
            before = self.direct.get(here, set()) - seen
            seen |= before
            waiting += before
        return found

    @cached_property
    def direct(self) -> dict[Column, set[Column]]:
        """One step back: the columns that the statement of a table reads for each of its columns."""
        return {
            (table, column): sources
            for table, statement in self._statements.items()
            for column, sources in self._of_statement(table, statement).items()
        }

    def _of_statement(self, table: str, statement: str) -> dict[str, set[Column]]:
        parsed = sqlglot.parse_one(statement, dialect=self._dialect)
        for read in parsed.find_all(exp.Table):
            read.set("db", None)
        qualified = qualify(parsed, schema=self._tables, dialect=self._dialect, validate_qualify_columns=False)
        scope = build_scope(qualified)
        return {column: self._read_by(column, qualified, scope) for column in self._columns[table]}

    def _read_by(self, column: str, statement: exp.Expr, scope: Scope | None) -> set[Column]:
        node = lineage(column, statement, scope=scope, dialect=self._dialect, schema=self._tables)
        leaves = (leaf for leaf in node.walk() if isinstance(leaf.source, exp.Table) and leaf.source.name)
        return {(leaf.source.name, self._spelled(leaf.source.name, leaf.name)) for leaf in leaves}

    def _spelled(self, table: str, read: str) -> str:
        """A column as its table spells it: `read` is `alias.column`, some dialects fold case, a name may hold dots."""
        plain = read.replace('"', "").lower()
        found = [c for c in self._columns.get(table, ()) if plain == c.lower() or plain.endswith(f".{c.lower()}")]
        return max(found, key=len, default=plain.rpartition(".")[2])


@dataclass(frozen=True)
class Origin:
    """Columns of the accepted tables and the crosswalk, by table; a table without any is read for its rows.

    `note` says what else there is to know.
    """

    reads: Mapping[str, tuple[str, ...]]
    note: str = ""

    def __add__(self, other: Self) -> "Origin":
        """Both, each column once."""
        tables = dict.fromkeys([*self.reads, *other.reads])
        reads = {t: tuple(dict.fromkeys([*self.reads.get(t, ()), *other.reads.get(t, ())])) for t in tables}
        return Origin(reads, "; ".join(filter(None, [self.note, other.note])))

    def __str__(self) -> str:
        """As the data dictionary shows it."""
        said = [f"{table} {', '.join(columns) or '(accepted rows)'}" for table, columns in self.reads.items()]
        return "; ".join(said) + (f" ({self.note})" if self.note else "")

    @property
    def columns(self) -> set[Column]:
        """The columns as pairs of table and name."""
        return {(table, column) for table, columns in self.reads.items() for column in columns}


def origins(methodology: Methodology) -> dict[Column, Origin]:
    """The source columns behind the tables that the earlier steps fill; questions come from the methodology."""
    indicators = methodology.indicators
    everything = _asked(indicators)
    counted = _asked([indicator for indicator in indicators if indicator.in_index])
    members = _asked([indicator for indicator in indicators if isinstance(indicator, MembersIndicator)])
    asked_of_members = [column for group in methodology.life_cycle for column in group.members.where]
    groups = Origin({"ANGGOTA": tuple(dict.fromkeys(["K.04", *asked_of_members]))})
    insured = groups + _asked([indicator for indicator in indicators if indicator.id == methodology.insured_by])
    unmet = {indicator for programme in methodology.programmes for indicator in programme.eligible.not_achieved_any}
    eligible = groups + _asked([indicator for indicator in indicators if indicator.id in unmet])
    taking = Origin({"KELUARGA": tuple(programme.question for programme in methodology.programmes)}) + eligible
    of_dimension = {
        ("family_score", dimension.id): _asked([i for i in indicators if i.in_index and i.dimension == dimension.id])
        for dimension in methodology.dimensions
    }
    return {
        **of_dimension,
        **dict.fromkeys((("family_score", name) for name in ("ibangga", "category")), counted),
        **dict.fromkeys((("family_score", name) for name in ("states", "provenances")), everything),
        ("family_score", "evidence"): _evidence(indicators),
        ("family_score", "family_key"): _FAMILY_KEY,
        **dict.fromkeys(((table, "village_code") for table in _BY_VILLAGE), Origin({"KELUARGA": ("KODE_DESA",)})),
        ("family_score", "members"): Origin({"ANGGOTA": ()}),
        ("need_count", "families"): everything,
        ("need_count", "persons"): Origin(members.reads, "for the other indicators the accepted rows of ANGGOTA"),
        ("life_cycle_count", "persons"): groups,
        ("life_cycle_count", "families"): groups,
        ("life_cycle_count", "insured"): insured,
        ("life_cycle_count", "insurance_known"): insured,
        ("life_cycle_count", "rentan_families"): groups + counted,
        ("programme_count", "eligible"): eligible,
        ("programme_count", "participating"): taking,
        ("programme_count", "unanswered"): taking,
        ("survey_count", "families_surveyed"): Origin({"KELUARGA": ()}),
        ("survey_count", "family_cards"): Origin({"data_keluarga": ("no_kk", "no_prop", "no_kab", "no_kec", "no_kel")}),
        ("survey_count", "cards_surveyed"): Origin({"data_keluarga": ("no_kk",), "KELUARGA": ("NO_KK",)}),
        ("survey_count", "median_survey_age_days"): Origin({"KELUARGA": ("TGL_PENDATAAN",)}),
        **_PROFILES,
    }


_BY_VILLAGE = ("family_score", "need_count", "life_cycle_count", "programme_count", "survey_count")
_FAMILY_KEY = Origin({"KELUARGA": ("KODE_KELUARGA",)}, "keyed pseudonym")
_PROFILES = {
    ("family_profile", "family_key"): _FAMILY_KEY,
    ("family_profile", "village_code"): Origin({"KELUARGA": ("KODE_DESA",)}),
    ("family_profile", "surveyed_on"): Origin({"KELUARGA": ("TGL_PENDATAAN",)}),
    ("family_profile", "family_card"): Origin({"KELUARGA": ("NO_KK",), "data_keluarga": ("no_kk",)}),
    ("family_profile", "head_sex"): Origin({"ANGGOTA": ("K.03", "K.10")}),
    ("family_profile", "head_marital_status"): Origin({"ANGGOTA": ("K.07", "K.10")}),
    ("family_profile", "size_group"): Origin({"ANGGOTA": ()}),
    ("person_profile", "person_key"): Origin({"person_link": ("person_key",)}),
    ("person_profile", "in_survey"): Origin({"person_link": ("source",)}),
    ("person_profile", "in_registry"): Origin({"person_link": ("source",)}),
    ("person_profile", "in_insurance"): Origin({"person_link": ("source",)}),
    ("person_profile", "family_key"): Origin({"ANGGOTA": ("KODE_KELUARGA",)}, "keyed pseudonym"),
    ("person_profile", "village_code"): Origin(
        {
            "KELUARGA": ("KODE_DESA",),
            "biodata_wni": ("no_prop", "no_kab", "no_kec", "no_kel"),
            "peserta": ("kodeDesa",),
        }
    ),
    ("person_profile", "sex"): Origin({"ANGGOTA": ("K.03",), "biodata_wni": ("jenis_klmin",), "peserta": ("sex",)}),
    ("person_profile", "birth_period"): Origin(
        {"ANGGOTA": ("K.04",), "biodata_wni": ("tgl_lhr",), "peserta": ("tglLahir",)}
    ),
    ("person_profile", "relation"): Origin({"ANGGOTA": ("K.10",), "biodata_wni": ("stat_hbkel",)}),
    ("person_profile", "marital_status"): Origin({"ANGGOTA": ("K.07",), "biodata_wni": ("stat_kwn",)}),
    ("person_profile", "registry_status"): Origin({"biodata_wni": ("stat_hidup", "flag_status")}),
}


def _asked(indicators: list[Indicator] | tuple[Indicator, ...]) -> Origin:
    """The questions of indicators and the columns of linked records that answer instead."""
    by_table: dict[str, dict[str, None]] = {"KELUARGA": {}, "ANGGOTA": {}}
    for indicator in indicators:
        if isinstance(indicator, CountIndicator):
            questions = tuple(indicator.items)
        else:
            questions = indicator.questions if isinstance(indicator, NoneOfIndicator) else (indicator.question,)
        table = "ANGGOTA" if isinstance(indicator, MembersIndicator | HeadAnswerIndicator) else "KELUARGA"
        by_table[table] |= dict.fromkeys(questions)
        by_table["ANGGOTA"] |= dict.fromkeys(_selecting(indicator))
    asked = {table: tuple(sorted(columns)) for table, columns in by_table.items() if columns}
    return Origin(asked) + _evidence(indicators)


def _selecting(indicator: Indicator) -> tuple[str, ...]:
    """The questions that decide which member is asked."""
    if isinstance(indicator, MembersIndicator):
        return (*indicator.members.where, *(("K.04",) if indicator.members.age else ()))
    return ("K.10",) if isinstance(indicator, HeadAnswerIndicator) else ()


def _evidence(indicators: list[Indicator] | tuple[Indicator, ...]) -> Origin:
    by_table: dict[str, dict[str, None]] = {}
    for indicator in indicators:
        evidence = evidence_of(indicator)
        if isinstance(evidence, InForceEvidence):
            columns = [evidence.status, evidence.begins, evidence.ends]
        elif isinstance(evidence, RecordEvidence):
            columns = [*evidence.only_if, *(column for case in evidence.cases for column in case.when)]
        else:
            continue
        by_table.setdefault(evidence.table, {}).update(dict.fromkeys(columns))
    return Origin({table: tuple(columns) for table, columns in by_table.items()})
