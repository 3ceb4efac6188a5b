"""Puts the three sources of one population together, with every fault planted, and says what must come of them."""

from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from random import Random

from tests.generator import cells, workbooks
from tests.generator.expectation import Expectation, Row, expectation
from tests.generator.insurance import InsuranceApi, make_entries
from tests.generator.population import Family, Population
from tests.generator.registry import Profile, make_registry, write_registry
from tests.generator.survey import Planter, Workbook

# Folders, blanks, and a name that sorts before another as text and after it as a number. Text order, order by
# folder and order without case agree here, so that "by relative path" has one meaning.
PATHS = (
    "10 desa.xlsx",
    "9 desa.xlsx",
    "desa dabo.xlsx",
    "desa-gabungan.xlsx",
    "kec lingga/daik.xlsx",
    "kec lingga/putaran 2/daik.xlsx",
    "kec singkep/batu kacang (1).xlsx",
    "kec singkep/batu kacang (2).xlsx",
    "kec singkep/é-desa.xlsx",
)


@dataclass
class Scenario:
    """Three dirty views of one population. `profile` says how the registry's database types its columns."""

    as_of: date
    profile: Profile
    books: list[Workbook]
    families: list[Family]
    registry: dict[str, list[Row]]
    entries: list[Row]
    seed: int
    unreadable: list[str] = field(default_factory=list)

    def write_workbooks(self, folder: Path, unreadable: bool = True) -> Path:
        """Write the folder of workbooks, with files that must be rejected or left alone among them."""
        folder.mkdir(parents=True, exist_ok=True)
        for book in self.books:
            workbooks.write(book, folder)
        workbooks.write_bystanders(folder)
        self.unreadable = workbooks.write_unreadable(folder, self.books[0]) if unreadable else []
        return folder

    def write_registry(self, engine: "object", schema: str | None = None) -> None:
        """Create and fill the registry's tables in any SQLAlchemy engine."""
        write_registry(engine, self.registry, self.profile, Random(self.seed), schema)

    def api(self, **settings: object) -> InsuranceApi:
        """A server of the insurance entries, not yet started."""
        return InsuranceApi([row.cells for row in self.entries], **settings)  # type: ignore[arg-type]

    def expectation(self) -> Expectation:
        """What must come of it; call after the workbooks are written."""
        survey = [row for book in self.books for row in book.rows()]
        registry = [row for rows in self.registry.values() for row in rows]
        return expectation([*survey, *registry, *self.entries], self.unreadable)

    def change_workbook(self, path: str) -> int:
        """Turn the answer to P.01 of the accepted families of one workbook; returns how many were turned."""
        rng = Random(self.seed + 1)
        book = next(book for book in self.books if book.path == path)
        turned = 0
        for row in (row for unit in book.families for row in unit):
            if row.accepted and ("F06", "P.01") not in row.nulls:
                row.typed["P.01"] = 1 if row.typed["P.01"] == 2 else 2
                row.cells["P.01"] = cells.code(rng, row.typed["P.01"], cells.FAMILY_CODES["P.01"])
                turned += 1
        return turned


def _books(rng: Random) -> list[Workbook]:
    books = [Workbook(path, workbooks.style(rng)) for path in PATHS]
    books[0].style.update({"titles": 15, "writer": "xlsxwriter", "options": {"date_1904": True}})
    books[1].style.update({"titles": 0, "writer": "openpyxl"})
    books[2].style.update({"extras": ("No", "CATATAN", "CATATAN", "", "P.27"), "lead": 2, "writer": "xlsxwriter"})
    books[3].style.update({"writer": "xlsxwriter", "options": {"constant_memory": True}})
    ordered = [book.path for book in books]
    assert ordered == sorted(ordered) == sorted(ordered, key=lambda p: p.split("/")) == sorted(ordered, key=str.lower)
    return books


def make_scenario(
    seed: int, families: int = 300, as_of: date = date(2026, 11, 24), profile: Profile | None = None
) -> Scenario:
    """A scenario of about that many families; under 200 each kind of fault is planted in fewer variants."""
    rng = Random(seed)
    profile = profile or Profile("text")
    population = Population(rng, as_of)
    books = _books(rng)
    planter = Planter(rng, population, books, thin=families < 200)
    planter.reject_families()
    planter.edge_families()
    planter.null_family_values()
    planter.repeat_families()
    planter.reject_members()
    planter.repeat_members()
    planter.null_member_values()
    planter.edge_births()
    planter.damage_identity_numbers(max(2, families // 50))
    planter.count_heads()
    planter.disagree_with_the_nik()
    planter.survey_long_ago()
    planter.count_several()
    planter.stray_rows()
    while len(planter.families) < families:
        planter.place(planter.family(0))
    books.append(_without_optional_columns(rng, planter))
    books.append(Workbook("zz kosong.xlsx", workbooks.style(rng)))  # headers and no row: nothing wrong with it
    persons = [person for family in planter.families for person in family.persons]
    registry = make_registry(rng, population, persons, profile)
    entries = make_entries(rng, population, persons)
    return Scenario(as_of, profile, books, planter.families, registry, entries, seed)


def _without_optional_columns(rng: Random, planter: Planter) -> Workbook:
    """A workbook that lacks every column that may be absent."""
    without = (*cells.FAMILY_OPTIONAL, *cells.MEMBER_OPTIONAL)
    book = Workbook("tanpa kolom bebas.xlsx", workbooks.style(rng, without=without))
    for _ in range(5):
        family = planter.family()
        for row in (family.row, *family.members):
            row.typed.update({column: None for column in without if column in row.typed})
        book.add(family)
    return book
