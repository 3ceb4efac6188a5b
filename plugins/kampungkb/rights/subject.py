"""Finding one person: the records, and every value that names the person in a file of the lake or in the warehouse.

Comes in: a key, a source record or a NIK. Goes out: a :class:`Subject`, values by kind as `person_traces.yaml` names
them. A NIK that stands in another person's accepted record too does not name anybody alone: then only NIK and name, or
NIK and birth date together do. A family, or a family card, is the person's own where nobody else is on it.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from duckdb import DuckDBPyConnection
from sqlalchemy import Connection, text

from kampungkb.connections import CIVIL_REGISTRY
from kampungkb.engine.accepted import SOURCE_OF_PERSONS
from kampungkb.errors import DecisionError, KampungkbError
from kampungkb.key_ring import keys_of
from kampungkb.pseudonym import pseudonym
from kampungkb.rights.traces import LANDING, NIK_FIRST, Trace, condition, fits, load_traces, said, term, value
from kampungkb.run import SOURCES, Run

ACCEPTED = "accepted/"

_KEYS_OF_RECORDS = """
with carried as (
    select source, source_key, as_of, coalesce(person_key, old_person_key) as person_key
    from vault.person_link_history
    union all
    select source, source_key, 'infinity', person_key from vault.person_link
)
select distinct on (source, source_key) person_key
from carried
where (source, source_key) in (select * from unnest(cast(:sources as text[]), cast(:keys as text[])))
order by source, source_key, as_of desc
"""
_RECORDS_OF_KEY = """
with carried as (
    select source, source_key, as_of, coalesce(person_key, old_person_key) as person_key
    from vault.person_link_history
    union all
    select source, source_key, 'infinity', person_key from vault.person_link
),
last as (
    select distinct on (source, source_key) source, source_key, person_key
    from carried
    order by source, source_key, as_of desc
)
select source, source_key from last where person_key = :person_key order by 1, 2
"""
# Keys that no record of anybody else ever carried.
_OWN_KEYS = """
with own as (
    select * from unnest(cast(:sources as text[]), cast(:keys as text[])) as record (source, source_key)
),
carried as (
    select source, source_key, person_key from vault.person_link
    union
    select source, source_key, person_key from vault.person_link_history
    union
    select source, source_key, old_person_key from vault.person_link_history
)
select person_key
from carried
left join own using (source, source_key)
where person_key is not null
group by person_key
having bool_and(own is not null)
"""


@dataclass(frozen=True)
class Wanted:
    """Who is meant: exactly one of a person key, a source with the key of a record there, a NIK."""

    person_key: str | None = None
    source: str | None = None
    source_key: str | None = field(default=None, repr=False)
    nik: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Subject:
    """A person: records, keys, and values by kind. `shared_nik`: NIKs that another person's record carries too.

    `families` and `cards` are all that the person belongs to; of `values`, the kinds `family` and `card` only those
    that are the person's alone.
    """

    records: tuple[tuple[str, str], ...] = field(repr=False)
    values: frozenset[tuple[str, str]] = field(repr=False)
    families: frozenset[str] = field(repr=False)
    cards: frozenset[str] = field(repr=False)
    names: frozenset[str] = field(repr=False)
    shared_nik: int = 0

    def of(self, *kinds: str) -> set[str]:
        """The values of some kinds."""
        return {value for kind, value in self.values if kind in kinds}


def plainly(kind: str, said_there: str) -> str:
    """A value is the person's where it stands in the table `erased`."""
    return f"({said_there}) in (select value from erased where kind = '{kind}')"


def fill(database: DuckDBPyConnection, values: Iterable[tuple[str, str]]) -> None:
    """Make the table `erased` (`kind, value`) that conditions look in."""
    database.execute("create or replace table erased (kind varchar, value varchar)")
    rows = sorted(values)
    if rows:
        database.executemany("insert into erased values (?, ?)", rows)


def find(run: Run, warehouse: Connection, database: DuckDBPyConnection, wanted: Wanted) -> Subject:
    """Find the person; raises :class:`KampungkbError` where nothing is held, or the NIK stands with several persons."""
    lake = _Lake(run, database)
    records = _records(warehouse, lake, wanted)
    keys = {"sources": [source for source, _ in records], "keys": [key for _, key in records]}
    own = warehouse.execute(text(_OWN_KEYS), keys).scalars().all() if records else []
    seeds = {("nik", said(wanted.nik))} if wanted.nik else set()
    found = lake.grow(records, seeds)
    if not records and len(found.values - seeds) == 0:
        raise KampungkbError(
            "Nothing is held about this person: no accepted record and no landed row. Check the number; a person who "
            "was erased is not found any more."
        )
    values = {
        *found.values,
        *(("record", said(*record)) for record in records),
        *(("person", said(key)) for key in own),
    }
    return Subject(records, frozenset(values), found.families, found.cards, found.names, found.shared_nik)


def _records(warehouse: Connection, lake: "_Lake", wanted: Wanted) -> tuple[tuple[str, str], ...]:
    """The records of the one person who is meant; none where only rejected rows carry the NIK."""
    key = wanted.person_key
    if key is None:
        if wanted.source is not None and wanted.source not in SOURCES:
            raise DecisionError(f"{wanted.source} is no source; the sources are {', '.join(SOURCES)}.")
        named = {(wanted.source, wanted.source_key)} if wanted.source else lake.carriers(wanted.nik or "")
        columns = {"sources": [str(source) for source, _ in named], "keys": [str(key) for _, key in named]}
        keys = set(warehouse.execute(text(_KEYS_OF_RECORDS), columns).scalars())
        if len(keys) > 1:
            raise KampungkbError(
                f"This NIK stands in records of {len(keys)} persons, so it does not say who is meant. Name the person "
                f"by key: {', '.join(sorted(keys))}."
            )
        key = next(iter(keys), None)
    rows = warehouse.execute(text(_RECORDS_OF_KEY), {"person_key": key}).all()
    return tuple((str(source), str(source_key)) for source, source_key in rows)


class _Lake:
    """The lake's rows of persons, on a DuckDB connection."""

    def __init__(self, run: Run, database: DuckDBPyConnection) -> None:
        self._run, self._database = run, database
        traces = load_traces().lake
        files = sorted(path.relative_to(run.settings.lake).as_posix() for path in run.settings.lake.rglob("*.parquet"))
        self._files = {
            pattern: (trace, [str(run.settings.lake / path) for path in files if fits(path, pattern)])
            for pattern, trace in traces.items()
        }
        fill(database, ())

    def _of(self, start: str, *, own: bool = True) -> Iterator[tuple[str, Trace, list[str]]]:
        """Patterns with files, of persons' own rows (they have a key) or of all rows with facts."""
        for pattern, (trace, paths) in self._files.items():
            if paths and pattern.startswith(start) and (trace.facts.key or not own):
                yield pattern, trace, paths

    def _newest(self) -> Iterator[tuple[str, Trace, list[str]]]:
        for pattern, trace, paths in self._of(ACCEPTED):
            yield pattern, trace, [max(paths)]

    def _rows(self, query: str, paths: Collection[str], *values: object) -> list[str]:
        found = self._database.execute(
            query.format(rows="read_parquet(?, union_by_name = true)"), [sorted(paths), *values]
        )
        return [str(row[0]) for row in found.fetchall() if row[0] is not None]

    def carriers(self, nik: str) -> set[tuple[str, str]]:
        """Accepted records with a NIK, and the registry's of that key."""
        found = {(CIVIL_REGISTRY, nik.strip())}
        for pattern, trace, paths in self._newest():
            same = f"select source_key from {{rows}} where {value('nik', trace.delete['nik'])} = ?"
            found |= {(_source_of(pattern), key) for key in self._rows(same, paths, said(nik))}
        return found

    def grow(self, records: Iterable[tuple[str, str]], seeds: set[tuple[str, str]]) -> Subject:
        """From the accepted rows of the records (or a NIK) to all rows of the person, and what they say."""
        known = list(records)
        foreign = self._foreign_niks(known)
        candidates = set(seeds)
        for source, key in known:
            candidates |= self._seeded(source, key)
        values: set[tuple[str, str]] = set()
        shared: set[str] = set()
        while fresh := {each for each in candidates if _names_somebody(*each)} - values - {("nik", n) for n in shared}:
            shared |= {said_there for kind, said_there in fresh if kind == "nik" and said_there in foreign}
            values |= {each for each in fresh if each[0] != "nik" or each[1] not in shared}
            fill(self._database, values)
            candidates = {each for start in (LANDING, ACCEPTED) for each in self._said(start)}
        return self._surroundings(known, values, len(shared))

    def _foreign_niks(self, records: Collection[tuple[str, str]]) -> set[str]:
        """NIKs that stand in the newest accepted records of others."""
        found: set[str] = set()
        for pattern, trace, paths in self._newest():
            own = [key for source, key in records if source == _source_of(pattern)]
            nik = value("nik", trace.delete["nik"])
            others = f"select distinct {nik} from {{rows}} where not list_contains(?, source_key)"
            found |= set(self._rows(others, paths, own))
        return found

    def _seeded(self, source: str, key: str) -> set[tuple[str, str]]:
        """What the newest accepted row of a record says."""
        for pattern, trace, paths in self._of(ACCEPTED):
            if _source_of(pattern) != source:
                continue
            for path in sorted(paths, reverse=True):
                if found := self._kinds(trace, [path], "source_key = ?", key):
                    return found
        return set()

    def _said(self, start: str) -> Iterator[tuple[str, str]]:
        for _, trace, paths in self._of(start):
            yield from self._kinds(trace, paths, condition(trace.delete, plainly))

    def _kinds(self, trace: Trace, paths: list[str], where: str, *values: object) -> set[tuple[str, str]]:
        """Values by kind of the rows within a condition."""
        found: set[tuple[str, str]] = set()
        for kind, columns in trace.delete.items():
            query = f"select distinct {value(kind, columns)} from {{rows}} where {where}"
            found |= {(kind, said_there) for said_there in self._rows(query, paths, *values)}
        return found

    def _surroundings(self, records: list[tuple[str, str]], values: set[tuple[str, str]], shared_nik: int) -> Subject:
        """The families, cards and names of the person, what is the person's alone, and who names the person."""
        names, families, cards = (self._values(name) for name in ("name", "family", "card"))
        for _, trace, paths in self._of("", own=False):
            facts = trace.facts
            if not facts.key and facts.family and facts.card:
                same = f"select distinct {term(facts.card)} from {{rows}} where list_contains(?, {term(facts.family)})"
                cards |= set(self._rows(same, paths, sorted(families)))
        alone = {
            "family": families - self._values("family", of_others=True),
            "card": cards - self._values("card", of_others=True),
        }
        values |= {("card_name", f"{card}|{name}") for card in cards for name in names}
        values |= {("family_name", f"{family}|{name}") for family in families for name in names}
        values |= {(kind, said_there) for kind, found in alone.items() for said_there in found}
        keys = keys_of(self._run)
        values |= {("family_key", said(pseudonym(keys, "family", family))) for family in alone["family"]}
        values |= {("row", said(pseudonym(keys, "row", "\x1f".join(row)))) for row in self._row_names(records, alone)}
        fill(self._database, values)
        values |= set(self._mentions())
        return Subject(
            tuple(records), frozenset(values), frozenset(families), frozenset(cards), frozenset(names), shared_nik
        )

    def _facts(self, name: str, start: str = "", *, of_others: bool = False) -> Iterator[tuple[str, str]]:
        """Pattern and value of a fact in the person's own rows, or in all rows that are not."""
        for pattern, trace, paths in self._of(start):
            if column := getattr(trace.facts, name):
                rows = f"{'not ' if of_others else ''}{condition(trace.delete, plainly)}"
                query = f"select distinct {term(column)} from {{rows}} where {rows}"
                yield from ((pattern, said_there) for said_there in self._rows(query, paths))

    def _values(self, name: str, *, of_others: bool = False) -> set[str]:
        """The values of a fact, in any file."""
        return {said_there for _, said_there in self._facts(name, of_others=of_others)}

    def _row_names(
        self, records: Iterable[tuple[str, str]], alone: dict[str, set[str]]
    ) -> Iterator[tuple[str, str, str]]:
        """Source, table and key of the person's rows, as quarantine's pseudonyms are made from them."""
        tables = {source: table for table, source in SOURCE_OF_PERSONS.items()}
        for source, key in records:
            yield source, tables[source], key
        for pattern, key in self._facts("key", LANDING):
            yield _source_of(pattern), _table_of(pattern), key
        for family in alone["family"]:
            yield "family_survey", "keluarga", family
            yield "family_survey", "family_heads", family
        for card in alone["card"]:
            yield "civil_registry", "data_keluarga", card

    def _mentions(self) -> Iterator[tuple[str, str]]:
        """Record and text of accepted rows of others that name the person."""
        for pattern, trace, paths in self._of(ACCEPTED):
            for clearing in trace.clear:
                for column in clearing.columns:
                    query = (
                        f"select distinct {value('mention', [str(trace.facts.key), column])} from {{rows}} "
                        f"where {condition(clearing.where, plainly)}"
                    )
                    yield from (("mention", f"{said(_source_of(pattern))}|{each}") for each in self._rows(query, paths))


def _names_somebody(kind: str, said_there: str) -> bool:
    """Whether a value can tell persons apart: a NIK of another form than 16 digits cannot."""
    nik = said_there.split("|")[0]
    return kind not in NIK_FIRST or (len(nik) == 16 and nik.isdigit())


def _source_of(pattern: str) -> str:
    parts = pattern.split("/")
    return parts[1] if pattern.startswith(LANDING) else parts[2]


def _table_of(pattern: str) -> str:
    return Path(pattern).stem
