"""The data dictionary: every table and column of the warehouse and of the sources, with where it comes from.

`python -m kampungkb.warehouse.dictionary` writes `docs/reference/data-dictionary.md` from a migrated warehouse of its
own, the contracts and the methodology.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import Engine, text

from kampungkb.contracts import Contract, contract
from kampungkb.run import SOURCES
from kampungkb.scoring.methodology import Methodology
from kampungkb.scoring.reading import load_methodology
from kampungkb.settings import PROJECT_ROOT, Settings
from kampungkb.warehouse import embedded
from kampungkb.warehouse.connect import warehouse
from kampungkb.warehouse.lineage import Lineage, Origin, origins
from kampungkb.warehouse.migrate import migrate
from kampungkb.warehouse.models import SCHEMAS
from kampungkb.warehouse.staged_tables import MARTS_SQL, OPEN_PREFIX, spell_statements, staged_columns

PAGE = PROJECT_ROOT / "docs" / "reference" / "data-dictionary.md"

_CATALOGUE = """
select
    space.nspname as schema, relation.relname as name, relation.relkind = 'v' as is_view,
    case relation.relkind when 'v' then pg_get_viewdef(relation.oid) end as definition,
    obj_description(relation.oid, 'pg_class') as meaning,
    attribute.attname as column_name, format_type(attribute.atttypid, attribute.atttypmod) as type,
    col_description(relation.oid, attribute.attnum) as column_meaning,
    coalesce(attribute.attnum = any(pk.conkey), false) as is_key
from pg_class as relation
inner join pg_namespace as space on relation.relnamespace = space.oid
inner join pg_attribute as attribute
    on relation.oid = attribute.attrelid and attribute.attnum > 0 and not attribute.attisdropped
left join pg_constraint as pk on relation.oid = pk.conrelid and pk.contype = 'p'
where space.nspname = any(:schemas) and relation.relkind in ('r', 'p', 'v') and relation.relname <> 'alembic_version'
order by array_position(:schemas, space.nspname::text), relation.relname, attribute.attnum
"""


_POSITION = ("dim_indicator", "position")
"""Where an indicator stands in a packed answer: in every mart of indicators, and no origin."""


@dataclass(frozen=True)
class Described:
    """A column with its comment; `is_key` where it belongs to the primary key."""

    name: str
    type: str
    meaning: str
    is_key: bool


@dataclass(frozen=True)
class Relation:
    """A table or view as the catalogue knows it; `definition` is a view's query."""

    schema: str
    name: str
    meaning: str
    definition: str | None
    columns: tuple[Described, ...]

    @property
    def staged_name(self) -> str:
        """Its name where it is staged, and that of the statement that makes it."""
        return OPEN_PREFIX + self.name if self.schema == "open" else self.name


def catalogue(engine: Engine) -> list[Relation]:
    """The tables and views of a migrated warehouse, by schema and name."""
    with engine.connect() as connection:
        rows = connection.execute(text(_CATALOGUE), {"schemas": list(SCHEMAS)}).mappings().all()
    by_relation: dict[tuple[str, str], list[int]] = {}
    for n, row in enumerate(rows):
        by_relation.setdefault((row["schema"], row["name"]), []).append(n)
    return [
        Relation(
            *key,
            meaning=rows[numbers[0]]["meaning"] or "",
            definition=rows[numbers[0]]["definition"],
            columns=tuple(
                Described(*(rows[n][name] for name in ("column_name", "type", "column_meaning", "is_key")))
                for n in numbers
            ),
        )
        for key, numbers in by_relation.items()
    ]


def markdown(relations: list[Relation], read: Lineage, methodology: Methodology) -> str:
    """The page; `read` is the lineage of the relations."""
    known = origins(methodology)
    lines = [
        *_FRONT.splitlines(),
        *(line for schema, meaning in SCHEMAS.items() for line in _schema(schema, meaning, relations, read)),
        *_origins(known),
        *(line for source in SOURCES for line in _contract(contract(source))),
    ]
    return "\n".join([*lines, ""])


_FRONT = """# Data dictionary

*Made from the warehouse's own comments, the SQL of the marts, the contracts and the methodology by
`python -m kampungkb.warehouse.dictionary`; change those, not the page.*

*Made of* names the columns at the beginning of the chain, read out of the SQL of `include/sql/marts` and of the views:
`family_score.states` and the like are tables that the score step fills; [where they come from](#from-the-sources)
stands below, down to the question of the form. Nothing stands there for a column that only counts rows or is the
load's own. A key column is marked ·."""


def warehouse_lineage(relations: list[Relation]) -> Lineage:
    """Where each column of the warehouse comes from, by its staged names."""
    tables = staged_columns()
    tables |= {
        relation.staged_name: {column.name: column.type for column in relation.columns} for relation in relations
    }
    statements = {path.stem: path.read_text(encoding="utf-8") for path in sorted(MARTS_SQL.glob("*.sql"))}
    statements |= spell_statements()
    statements |= {relation.name: relation.definition for relation in relations if relation.definition}
    return Lineage(tables, statements)


def _schema(schema: str, meaning: str, relations: list[Relation], read: Lineage) -> Iterator[str]:
    own = [relation for relation in relations if relation.schema == schema]
    if not own:
        return
    yield from ("", f"## `{schema}`", "", f"{meaning}.")
    for relation in own:
        kind = " (view)" if relation.definition else ""
        yield from ("", f"### `{schema}.{relation.name}`{kind}", "", f"{_cell(relation.meaning)}.", "")
        yield from ("| column | type | meaning | made of |", "|---|---|---|---|")
        for column in relation.columns:
            leaves = sorted(
                read.leaves((relation.staged_name, column.name)) - {(relation.staged_name, column.name), _POSITION}
            )
            made_of = ", ".join(f"`{table}.{name}`" for table, name in leaves)
            name = f"`{column.name}`{' ·' if column.is_key else ''}"
            yield f"| {name} | {column.type} | {_cell(column.meaning)} | {made_of} |"


def _origins(known: dict[tuple[str, str], Origin]) -> Iterator[str]:
    yield from ("", "## From the sources", "", "| column | questions and columns of the sources |", "|---|---|")
    for (table, name), source in known.items():
        yield f"| `{table}.{name}` | {source} |"


def _contract(declared: Contract) -> Iterator[str]:
    yield from ("", f"## Source `{declared.source}` (contract {declared.version})")
    for table in declared.tables:
        yield from ("", f"### `{table.name}`", "", table.description, "")
        yield from ("| column | kind | needed | class | meaning | codes |", "|---|---|---|---|---|---|")
        for column in table.columns:
            codes = "; ".join(f"{code} {'/'.join(labels)}".strip() for code, labels in (column.codes or {}).items())
            yield (
                f"| `{column.name}` | {column.kind} | {'yes' if column.needed else 'no'} | {column.classification} "
                f"| {_cell(column.description)} | {_cell(codes)} |"
            )


def _cell(value: str | None) -> str:
    return (value or "").replace("|", "\\|").replace("\n", " ").rstrip()


@contextmanager
def migrated() -> Iterator[Engine]:
    """A migrated warehouse that is made for a look at it and discarded."""
    with TemporaryDirectory(prefix="kampungkb-dictionary-") as folder:
        settings = Settings(home=Path(folder) / "home")
        try:
            with warehouse(settings, {}) as engine:
                migrate(engine)
                yield engine
        finally:
            embedded.discard(settings)


def write(page: Path = PAGE) -> None:
    """Write the page."""
    with migrated() as engine:
        relations = catalogue(engine)
        page.write_text(markdown(relations, warehouse_lineage(relations), load_methodology()), encoding="utf-8")


if __name__ == "__main__":
    write()
