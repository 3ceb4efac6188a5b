"""Plants the faults of the family survey: one clean family or member a fault, so that none hides another."""

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from random import Random
from typing import Any

from tests.generator import cells
from tests.generator.cells import NBSP, Cell, error, number, text
from tests.generator.expectation import SURVEY, Row
from tests.generator.population import Family, Population

FIRST_DAY = date(2015, 1, 1)
FULLWIDTH = str.maketrans("0123456789", "".join(chr(0xFF10 + digit) for digit in range(10)))


@dataclass
class Workbook:
    """A workbook to be: units of rows that stay in their order, shuffled as units when written."""

    path: str
    style: dict[str, Any]
    families: list[list[Row]] = field(default_factory=list)
    members: list[list[Row]] = field(default_factory=list)

    def add(self, family: Family) -> None:
        self.families.append([family.row])
        self.members.append(list(family.members))

    def rows(self) -> list[Row]:
        return [row for unit in (*self.families, *self.members) for row in unit]


def bad_family_codes(rng: Random, code: str) -> list[Cell]:
    return [
        number(int(code)),
        Cell("number", int(code), formula=True),
        text(code[:-1]),
        text(code + "1"),
        text(f"{code[:10]} {code[10:]}"),
        text("X" + code[1:]),
        text(code.translate(FULLWIDTH)),
        text("2.10401E+17"),
        text("'" + code),
        error(),
        error("#REF!", formula=True),
        cells.BLANK,
        text(f" {NBSP}"),
    ]


def bad_villages(village: str) -> list[Cell]:
    return [
        text(f"{village[:2]}.{village[2:4]}.{village[4:6]}.{village[6:]}"),
        text("2104019999"),
        number(9104011001),
        text(village[:6]),
        text(village + "0"),
        text("Dabo"),
        error(),
        cells.BLANK,
        text(NBSP),
    ]


def bad_survey_dates(as_of: date) -> list[Cell]:
    return [
        number(45000),
        text("45000"),
        text("01-02-25"),
        text("01/02/25"),
        text("31-02-2025"),
        text("29-02-2025"),
        text("2025-13-01"),
        text("2025/01/31"),
        text("31.01.2025"),
        text("20250131"),
        text("31 Januari 2025"),
        Cell("date", FIRST_DAY - timedelta(days=1)),
        text("31-12-2014"),
        Cell("date", as_of + timedelta(days=1)),
        text(f"{as_of + timedelta(days=1):%d/%m/%Y}"),
        error("#VALUE!"),
        error("#N/A", formula=True),
        cells.BLANK,
        text("  "),
    ]


def bad_identity_numbers(value: str) -> list[Cell]:
    return [
        text(value[:-1]),
        text(value + "0"),
        text(value[:-1] + "O"),
        text(f"{value[:8]} {value[8:]}"),
        text("-"),
        text("2,10401E+15"),
        text(value.translate(FULLWIDTH)),
        text(value + ".0"),
        number(int(value[:15])),
        Cell("number", int(value[1:]), formula=True),
        error(),
        error("#DIV/0!", formula=True),
    ]


BAD_CODES = (number(9), number(0), number(1.5), number(-1), text("x"), text("Iya"), text("1,2"), error(), text("?"))


def bad_answers() -> list[tuple[str, Cell]]:
    """F06: each kind of wrong code, codes and labels of other questions among them."""
    return [
        *((column, cell) for column, cell in zip(cells.FAMILY_CODES, BAD_CODES * 4, strict=False)),
        ("P.01", number(3)),
        ("P.13", text("Tidak berlaku")),
        ("P.02", number(4)),
        ("P.19", text("Ya")),
        ("P.19", text("tile")),
        ("P.26", number(3)),
        ("P.25", number(5)),
        ("P.23", text("06")),
        ("P.04", text("#N/A of the form")),
        ("P.05", Cell("date", date(2024, 1, 1))),
        ("P.06", error("#N/A", formula=True)),
        ("P.18", number(4)),
    ]


def bad_member_codes() -> list[tuple[str, str, Cell]]:
    return [
        ("M05", "K.03", number(3)),
        ("M05", "K.03", text("L")),
        ("M05", "K.03", text("laki laki")),
        ("M05", "K.03", error()),
        ("M07", "K.07", number(5)),
        ("M07", "K.07", text("Cerai")),
        ("M07", "K.09", number(3)),
        ("M07", "K.09", text("Tidak berlaku")),
        ("M07", "K.11", text("ibu")),
        ("M07", "K.11", number(1.5)),
        ("M07", "K.11", error()),
        ("M07", "K.12", number(8)),
        ("M07", "K.12", text("Protestan")),
        ("M07", "K.13", number(11)),
        ("M07", "K.13", text("primary done")),
        ("M07", "K.14", number(13)),
        ("M07", "K.14", number(0)),
        ("M07", "K.15", number(5)),
        ("M07", "K.15", text("BPJS")),
        ("M07", "K.15", error("#NAME?", formula=True)),
    ]


def bad_births(surveyed: date) -> list[Cell]:
    oldest = surveyed.replace(year=surveyed.year - 120)  # the caller gives a day that every year has
    return [
        number(30000),
        text("05-06-80"),
        text("31/11/1990"),
        text("29-02-1900"),
        text("29-02-2001"),
        text("1990"),
        text("0000-00-00"),
        error(),
        text((surveyed + timedelta(days=1)).isoformat()),
        Cell("date", surveyed + timedelta(days=1)),
        text((oldest - timedelta(days=1)).isoformat()),
        text("17-08-1845"),
    ]


def bad_orders() -> list[Cell]:
    return [
        number(0),
        number(-1),
        number(1.5),
        text("A"),
        text("1a"),
        text("I"),
        error(),
        error("#REF!", formula=True),
        cells.BLANK,
        text(NBSP),
        Cell("date", date(2024, 1, 1)),
    ]


BAD_RELATIONS = (number(5), number(0), text("Istri/Suami"), text("Istri Suami"), text("KK"), error(), cells.BLANK)
BLANK_NAMES = (cells.BLANK, text("   "), text(NBSP), text(f"\t{NBSP} "), Cell("text", " ", formula=True))


class Planter:
    """Takes clean families from a population, spoils them, and puts them into workbooks."""

    def __init__(self, rng: Random, population: Population, books: list[Workbook], thin: bool) -> None:
        self.rng = rng
        self.population = population
        self.books = books
        self.thin = thin
        self.families: list[Family] = []
        self._unused: Iterator[tuple[Family, Row]] = iter(())

    def some(self, variants: list[Any]) -> list[Any]:
        """All variants, or two of them where the scenario is small."""
        return self.rng.sample(variants, 2) if self.thin and len(variants) > 2 else variants

    def family(self, minimum: int = 1) -> Family:
        """A clean family with at least that many members."""
        while True:
            family = self.population.family()
            if len(family.members) >= minimum:
                self.families.append(family)
                return family

    def place(self, family: Family) -> Workbook:
        book = self.rng.choice(self.books)
        book.add(family)
        return book

    def two_books(self) -> tuple[Workbook, Workbook]:
        """Two workbooks, the first to be read first."""
        first, second = sorted(self.rng.sample(self.books, 2), key=lambda book: book.path)
        return first, second

    # ── families ─────────────────────────────────────────────────────────────────────────────────────────────

    def reject_families(self) -> None:
        as_of = self.population.as_of
        for variant in self.some(list(range(len(bad_family_codes(self.rng, "210401100100000001"))))):
            family = self.family()
            cell = bad_family_codes(self.rng, family.code)[variant]
            family.row.cells["KODE_KELUARGA"] = cell
            if self.rng.random() < 0.5:  # the members repeat the broken code, or hold the right one: orphans anyway
                for member in family.members:
                    member.cells["KODE_KELUARGA"] = cell
            self._reject(family, "F01")
        for variant in self.some(list(range(len(bad_villages("2104011001"))))):
            family = self.family()
            family.row.cells["KODE_DESA"] = bad_villages(family.village)[variant]
            self._reject(family, "F04")
        for cell in self.some(bad_survey_dates(as_of)):
            family = self.family()
            family.row.cells["TGL_PENDATAAN"] = cell
            self._reject(family, "F05")
        family = self.family()
        family.row.cells.update(
            {"KODE_KELUARGA": text("12"), "KODE_DESA": text("0"), "TGL_PENDATAAN": text("kemarin"), "P.01": number(9)}
        )
        self._reject(family, "F01", "F04", "F05")
        family = self.family()
        family.row.cells.update({"KODE_DESA": cells.BLANK, "TGL_PENDATAAN": cells.BLANK, "NO_KK": text("7")})
        self._reject(family, "F04", "F05")

    def _reject(self, family: Family, *rules: str) -> None:
        family.row.rejects.update(rules)
        for member in family.members:
            member.rejects.add("M01")
        self.place(family)

    def edge_families(self) -> None:
        """What stands just inside the rules is accepted."""
        as_of = self.population.as_of
        for surveyed, cell in (
            (FIRST_DAY, Cell("date", FIRST_DAY)),
            (FIRST_DAY, text("01-01-2015")),
            (as_of, Cell("date", as_of)),
            (as_of, Cell("date", datetime.combine(as_of, time(23, 59, 59)))),
            (as_of, text(as_of.isoformat())),
            (date(2024, 2, 29), text("29-02-2024")),
            (date(2024, 2, 29), text("29/02/2024")),
        ):
            family = self.family()
            family.row.typed["TGL_PENDATAAN"] = surveyed
            family.row.cells["TGL_PENDATAAN"] = cell
            for member, person in zip(family.members, family.persons, strict=True):
                person.birth = min(person.birth, surveyed)
                member.typed["K.04"] = person.birth
                member.cells["K.04"] = cells.day(self.rng, person.birth)
            self.place(family)
        zeros = self.family()
        code = f"{self.population.next_serial():018d}"
        for row in (zeros.row, *zeros.members):
            row.typed["KODE_KELUARGA"] = code
            row.cells["KODE_KELUARGA"] = text(f" {code}{NBSP}")
        self.place(zeros)

    def null_family_values(self) -> None:
        for variant in self.some(list(range(len(bad_identity_numbers("2104010101010001"))))):
            family = self.family(0)
            family.row.null("F03", "NO_KK", bad_identity_numbers(family.row.typed["NO_KK"])[variant])
            self.place(family)
        for column, cell in self.some(bad_answers()):
            family = self.family(0)
            family.row.null("F06", column, cell)
            self.place(family)
        family = self.family()
        for column in ("P.01", "P.03A", "P.14", "P.19", "P.26"):
            family.row.null("F06", column, text("??"))
        family.row.null("F03", "NO_KK", text("belum ada"))
        self.place(family)

    # ── repeated families ────────────────────────────────────────────────────────────────────────────────────

    def _copy(self, family: Family, surveyed: date) -> Row:
        """Another row of the same family, with other answers and a date of its own."""
        other = copy.deepcopy(family.row)
        other.typed["TGL_PENDATAAN"] = surveyed
        other.cells["TGL_PENDATAAN"] = cells.day(self.rng, surveyed)
        for column in ("P.01", "P.04", "P.09"):
            other.typed[column] = 1 if family.row.typed[column] == 2 else 2
            other.cells[column] = cells.code(self.rng, other.typed[column], cells.FAMILY_CODES[column])
        return other

    def _surveyed(self, family: Family, surveyed: date) -> None:
        family.row.typed["TGL_PENDATAAN"] = surveyed
        family.row.cells["TGL_PENDATAAN"] = cells.day(self.rng, surveyed)
        for member, person in zip(family.members, family.persons, strict=True):
            person.birth = min(person.birth, date(2019, 1, 1), surveyed)
            member.typed["K.04"] = person.birth
            member.cells["K.04"] = cells.day(self.rng, person.birth)

    def repeat_families(self) -> None:
        early, late = date(2025, 3, 1), date(2025, 3, 2)
        self._repeat_in_one_workbook(early, late)
        self._repeat_across_workbooks(early, late)
        self._repeat_rejected_copies(early, late)

    def _repeat_in_one_workbook(self, early: date, late: date) -> None:
        for dates in ((late, early), (early, late), (early, early), (early, late, late), (late, early, early)):
            family = self.family()
            self._surveyed(family, dates[0])
            rows = [family.row, *(self._copy(family, surveyed) for surveyed in dates[1:])]
            winner = max(range(len(rows)), key=lambda i: (dates[i], i))  # the latest, on a tie the last row
            for i, row in enumerate(rows):
                if i != winner:
                    row.rejects.add("F02")
            book = self.rng.choice(self.books)
            book.families.append(rows)
            book.members.append(family.members)

    def _repeat_across_workbooks(self, early: date, late: date) -> None:
        for in_first, in_second in ((late, early), (early, late), (early, early), (late, late)):
            first, second = self.two_books()
            family = self.family()
            self._surveyed(family, in_first)
            twin = copy.deepcopy(family)
            twin.row = self._copy(family, in_second)
            loser = family if in_second >= in_first else twin
            loser.row.rejects.add("F02")
            for member in loser.members:
                member.rejects.add("M01")
            first.add(family)
            second.add(twin)
        first, second = self.two_books()  # twice in the first workbook, once in the second, which wins the tie
        family = self.family()
        self._surveyed(family, late)
        rows = [family.row, self._copy(family, late)]
        winner = copy.deepcopy(family)
        for row in (*rows, *family.members):
            row.rejects.add("F02" if row.table == "keluarga" else "M01")
        first.families.append(rows)
        first.members.append(family.members)
        second.add(winner)

    def _repeat_rejected_copies(self, early: date, late: date) -> None:
        """A copy that another rule rejects is no repetition, however late it is."""
        for rule, column, cell in (
            ("F04", "KODE_DESA", text("2104019999")),
            ("F05", "TGL_PENDATAAN", text("2099-01-01")),
        ):
            for spoilt_is_read_first in (True, False):
                first, second = self.two_books()
                family = self.family()
                self._surveyed(family, early)
                spoilt = copy.deepcopy(family)
                self._surveyed(spoilt, late)
                spoilt.row.cells[column] = cell
                spoilt.row.rejects.add(rule)
                for member in spoilt.members:
                    member.rejects.add("M01")
                (first if spoilt_is_read_first else second).add(spoilt)
                (second if spoilt_is_read_first else first).add(family)
        family = self.family()
        self._surveyed(family, early)
        spoilt_row = self._copy(family, late)
        spoilt_row.cells["KODE_DESA"] = text("21.04.01.1001")
        spoilt_row.rejects.add("F04")
        book = self.rng.choice(self.books)
        book.families.append([family.row, spoilt_row])
        book.members.append(family.members)

    # ── members ──────────────────────────────────────────────────────────────────────────────────────────────

    def spoil_member(self, change: Callable[[Row], None], surveyed: date | None = None) -> None:
        """Change one member of a family of its own."""
        family = self.family()
        if surveyed:
            self._surveyed(family, surveyed)
        change(self.rng.choice(family.members))
        self.place(family)

    def reject_members(self) -> None:
        def rejecting(rule: str, column: str, cell: Cell) -> Callable[[Row], None]:
            def change(row: Row) -> None:
                row.cells[column] = cell
                row.rejects.add(rule)

            return change

        for cell in self.some(bad_orders()):
            self.spoil_member(rejecting("M02", "NO_URUT", cell))
        for cell in self.some(list(BLANK_NAMES)):
            self.spoil_member(rejecting("M04", "K.02", cell))
        for cell in self.some(list(BAD_RELATIONS)):
            self.spoil_member(rejecting("M08", "K.10", cell))
        for variant in self.some(list(range(13))):
            self.spoil_member(
                lambda row, v=variant: rejecting(
                    "M01", "KODE_KELUARGA", bad_family_codes(self.rng, row.typed["KODE_KELUARGA"])[v]
                )(row)
            )

        def everything(row: Row) -> None:
            row.cells.update(
                {
                    "KODE_KELUARGA": text("999999999999999999"),
                    "NO_URUT": text("x"),
                    "K.02": text(NBSP),
                    "K.10": number(7),
                    "K.01": text("1"),
                    "K.04": text("?"),
                }
            )
            row.rejects.update(("M01", "M02", "M04", "M08"))

        self.spoil_member(everything)
        first, second = self.two_books()  # a member in another workbook than its family
        family = self.family(2)
        first.families.append([family.row])
        first.members.append(family.members[:1])
        second.members.append(family.members[1:])
        for member in family.members[1:]:
            member.rejects.add("M01")

    def repeat_members(self) -> None:
        """A repeated number: the first good row stays, in whatever form the number is written."""

        def second_of(row: Row, order: Cell) -> Row:
            other = copy.deepcopy(row)
            other.typed["K.02"] = "Namanya Lain"
            other.cells["K.02"] = text("Namanya Lain")
            other.cells["NO_URUT"] = order
            return other

        for spoil in (None, ("M04", "K.02", text(" ")), ("M08", "K.10", text("saudara"))):
            family = self.family()
            one = family.members[0]
            order = one.typed["NO_URUT"]
            two, three = second_of(one, text(f"0{order}")), second_of(one, number(order))
            if spoil:
                rule, column, cell = spoil
                one.cells[column] = cell
                one.rejects.add(rule)
            else:
                two.rejects.add("M02")
            three.rejects.add("M02")
            book = self.rng.choice(self.books)
            book.families.append([family.row])
            book.members.append([*family.members, two, three])

    def null_member_values(self) -> None:
        for variant in self.some(list(range(len(bad_identity_numbers("2104010101010001"))))):
            self.spoil_member(
                lambda row, v=variant: row.null("M03", "K.01", bad_identity_numbers(row.typed["K.01"])[v])
            )
        for rule, column, cell in self.some(bad_member_codes()):
            self.spoil_member(lambda row, r=rule, c=column, v=cell: row.null(r, c, v))
        surveyed = date(2025, 5, 20)
        for cell in self.some(bad_births(surveyed)):
            self.spoil_member(lambda row, v=cell: row.null("M06", "K.04", v), surveyed)

        def several(row: Row) -> None:
            for rule, column in (("M03", "K.01"), ("M05", "K.03"), ("M06", "K.04"), ("M07", "K.07"), ("M07", "K.15")):
                row.null(rule, column, text("tdk tahu"))

        self.spoil_member(several)

    def edge_births(self) -> None:
        """Born on the day of the survey, exactly 120 years before it, on 29 February: all accepted."""
        for surveyed, birth in (
            (date(2025, 5, 20), date(2025, 5, 20)),
            (date(2025, 5, 20), date(1905, 5, 20)),
            (date(2024, 2, 29), date(1904, 2, 29)),
            (date(2025, 2, 28), date(1905, 2, 28)),
            (date(2025, 3, 1), date(1905, 3, 1)),
            (date(2026, 2, 28), date(2008, 2, 29)),
            (date(2026, 3, 1), date(2008, 2, 29)),
        ):

            def change(row: Row, birth: date = birth) -> None:
                row.typed["K.04"] = birth
                row.cells["K.04"] = cells.day(self.rng, birth)

            self.spoil_member(change, surveyed)

    def damage_identity_numbers(self, count: int) -> None:
        """A spreadsheet kept 15 digits of a number: sixteen digits still, accepted, and doubtful."""
        for _ in range(count):
            family = self.family()
            for row, column in ((family.row, "NO_KK"), (self.rng.choice(family.members), "K.01")):
                kept = row.typed[column][:15] + "0"
                row.typed[column] = kept
                row.typed[f"{column}__doubtful"] = True
                row.cells[column] = Cell("number", int(kept), formula=self.rng.random() < 0.3)
            self.place(family)

    # ── what is only counted ─────────────────────────────────────────────────────────────────────────────────

    def _answer(self, row: Row, column: str, value: int | None) -> None:
        codes = cells.FAMILY_CODES if row.table == "keluarga" else cells.MEMBER_CODES
        row.typed[column] = value
        row.cells[column] = cells.code(self.rng, value, codes[column])

    def _nik(self, row: Row, digits: str) -> None:
        """Put other digits where the NIK holds the birth date."""
        nik = row.typed["K.01"][:6] + digits + row.typed["K.01"][12:]
        row.typed["K.01"] = nik
        row.cells["K.01"] = cells.identity(self.rng, nik)

    def count_heads(self) -> None:
        """M09: no head, two heads, a head in name only because the row is rejected; and one head, however written."""
        for relations, reject_first in (((4, 2), False), ((1, 1), False), ((1, 2), True), ((1, 1), True)):
            family = self.family(2)
            for member, relation in zip(family.members, (*relations, *[3] * len(family.members)), strict=False):
                self._answer(member, "K.10", relation)
            if reject_first:
                family.members[0].cells["K.02"] = cells.BLANK
                family.members[0].rejects.add("M04")
            self.place(family)

    def disagree_with_the_nik(self) -> None:
        """M10: the day of the other sex, another month, another century (the digits agree), and nothing to compare."""
        surveyed, born = date(2025, 5, 20), date(2001, 3, 4)
        for sex, birth, digits in (
            (2, born, "040301"),
            (1, born, "440301"),
            (1, born, "030401"),
            (2, born, "440301"),
            (1, date(1924, 2, 29), "290224"),
            (1, date(2024, 2, 29), "290224"),
            (1, born, "000000"),
        ):

            def change(row: Row, sex: int = sex, birth: date = birth, digits: str = digits) -> None:
                self._answer(row, "K.03", sex)
                row.typed["K.04"] = birth
                row.cells["K.04"] = cells.day(self.rng, birth)
                self._nik(row, digits)

            self.spoil_member(change, surveyed)
        for column, cell in (("K.04", text("2001-02-30")), ("K.03", number(3)), ("K.04", text("2030-01-01"))):

            def spoil(row: Row, column: str = column, cell: Cell = cell) -> None:
                self._nik(row, "999999")
                row.null("M06" if column == "K.04" else "M05", column, cell)

            self.spoil_member(spoil, surveyed)

    def survey_long_ago(self) -> None:
        """F09: 365 days before the load is recent enough, 366 are not; a rejected family counts as well."""
        for days, village in ((364, None), (365, None), (366, None), (367, None), (366, text("2104019999"))):
            family = self.family()
            self._surveyed(family, self.population.as_of - timedelta(days=days))
            if village:
                family.row.cells["KODE_DESA"] = village
                self._reject(family, "F04")
            else:
                self.place(family)

    def count_several(self) -> None:
        """One family and one member under as many rules as a row can break and still be accepted."""
        family = self.family()
        self._surveyed(family, date(2016, 2, 29))
        for column in ("P.04", "P.05", "P.20"):
            self._answer(family.row, column, None)
        family.row.null("F06", "P.06", text("??"))
        kept = family.row.typed["NO_KK"][:15] + "0"
        family.row.typed.update({"NO_KK": kept, "NO_KK__doubtful": True})
        family.row.cells["NO_KK"] = number(int(kept))
        for member in family.members:
            self._answer(member, "K.10", 4)
        member = family.members[0]
        kept = f"{member.typed['K.01'][:6]}999999{member.typed['K.01'][12:15]}0"
        member.typed.update({"K.01": kept, "K.01__doubtful": True})
        member.cells["K.01"] = number(int(kept))
        for column in ("K.07", "K.09"):
            self._answer(member, column, None)
        member.null("M07", "K.13", text("SLTA"))
        self.place(family)

    def stray_rows(self) -> None:
        """A header printed again below, and a row that holds a value in an unknown column only: rows like others."""
        for book in self.books[:2]:
            again = Row(SURVEY, "keluarga", {}, {c: text(c) for c in cells.FAMILY_COLUMNS})
            again.rejects.update(("F01", "F04", "F05"))
            book.families.append([again])
            again = Row(SURVEY, "anggota", {}, {c: text(c) for c in cells.MEMBER_COLUMNS})
            again.rejects.update(("M01", "M02", "M08"))
            book.members.append([again])
        numbered = next(book for book in self.books if book.style["extras"])
        numbered.families.append([Row(SURVEY, "keluarga", {}, {"*": number(77)}, {"F01", "F04", "F05"})])
        numbered.members.append([Row(SURVEY, "anggota", {}, {"*": number(77)}, {"M01", "M02", "M04", "M08"})])
