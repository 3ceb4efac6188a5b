"""The true population: families, persons and what the form would say about them without any fault."""

from dataclasses import dataclass, field
from datetime import date, timedelta
from random import Random
from typing import Any

from tests.generator import cells
from tests.generator.expectation import SURVEY, Row

VILLAGES = (
    "2104011001",
    "2104011007",
    "2104012008",
    "2104021010",
    "2104022003",
    "2104022011",
    "2104031001",
    "2104032012",
    "2104041006",
    "2104042001",
    "2104042009",
)
_MEN = "Ahmad Baharudin Cik Daud Encik Firdaus Ghazali Hamzah Ismail Jamaluddin Kamarul Latif Mahmud Nordin".split()
_WOMEN = "Aminah Badariah Cahaya Dayang Emilia Fatimah Halimah Intan Jamilah Kalsum Latifah Maimunah Nuraini".split()
_LAST = "Abdullah Bakar Chaniago Darussalam Effendi Gafar Hasibuan Idrus Junaidi Kasim Lubis Manurung Yusuf".split()
_WOMAN = 2
ADDRESSES = ("Jl. Merdeka No. 5", 'Gg. "Melati", RT 2', "Kp. Baru;\nsimpang tiga", "Jl. Kéramat – 7")


@dataclass
class Person:
    """One true person; `nik` is what the registry office issued."""

    nik: str
    name: str
    sex: int
    birth: date
    village: str
    family_card: str


@dataclass
class Family:
    """One surveyed family: its row, its members' rows, and the persons behind them."""

    row: Row
    members: list[Row]
    persons: list[Person]
    village: str
    extra_rows: list[Row] = field(default_factory=list)

    @property
    def code(self) -> str:
        code: str = self.row.typed["KODE_KELUARGA"]
        return code


class Population:
    """Makes clean families, each number once."""

    def __init__(self, rng: Random, as_of: date) -> None:
        self.rng = rng
        self.as_of = as_of
        self._serial = 0

    def next_serial(self) -> int:
        self._serial += 1
        return self._serial

    def family_code(self, village: str) -> str:
        return f"{village}{self.next_serial():08d}"

    def family_card(self) -> str:
        return f"210401{self.rng.randrange(1, 29):02d}{self.rng.randrange(1, 13):02d}20{self.next_serial():04d}"

    def nik(self, sex: int, birth: date) -> str:
        first = birth.day + 40 if sex == _WOMAN else birth.day
        return f"2104{self.rng.randrange(1, 13):02d}{first:02d}{birth:%m%y}{self.next_serial() % 10000:04d}"

    def name(self, sex: int) -> str:
        first = self.rng.choice(_WOMEN if sex == _WOMAN else _MEN)
        return f"{first} {self.rng.choice(_LAST)} {self.rng.choice(_LAST)}"

    def family(self) -> Family:
        """A family without any fault, in one of many compositions, with a few unanswered questions."""
        rng = self.rng
        village = rng.choice(VILLAGES)
        surveyed = self.as_of - timedelta(days=int(rng.expovariate(1 / 250)) % 3000)
        surveyed = max(surveyed, date(2015, 1, 2))
        card = self.family_card()
        row = self._family_row(village, surveyed, card)
        members, persons = [], []
        for number, (relation, age) in enumerate(_composition(rng), start=1):
            birth = _birth(rng, surveyed, age)
            sex = rng.choice((1, 2))
            person = Person(self.nik(sex, birth), self.name(sex), sex, birth, village, card)
            persons.append(person)
            members.append(self._member_row(row.typed["KODE_KELUARGA"], number, person, relation, age))
        return Family(row, members, persons, village)

    def _family_row(self, village: str, surveyed: date, card: str) -> Row:
        rng = self.rng
        typed: dict[str, Any] = {
            "KODE_KELUARGA": self.family_code(village),
            "NO_KK": card,
            "NO_KK__doubtful": False,
            "KODE_DESA": village,
            "RT": f"{rng.randrange(1, 9):03d}",
            "RW": f"{rng.randrange(1, 5):03d}",
            "ALAMAT": rng.choice(
                ("Jl. Merdeka No. 5", 'Gg. "Melati", RT 2', "Kp. Baru;\nsimpang tiga", "Jl. Kéramat – 7")
            ),
            "TGL_PENDATAAN": surveyed,
            **{column: answer(rng, codes) for column, codes in cells.FAMILY_CODES.items()},
        }
        conflict = rng.choice(("none", "none", "all", "mixed"))
        if conflict != "mixed":
            typed.update(dict.fromkeys(("P.03A", "P.03B", "P.03C", "P.03D"), 2 if conflict == "none" else 3))
        for column in (f"P.{n}" for n in range(19, 27)):  # houses near the six of eight that decide
            if rng.random() < 0.6 and typed[column] is not None:
                typed[column] = 1
        row = Row(SURVEY, "keluarga", typed)
        row.cells = {
            "KODE_KELUARGA": cells.identity(rng, typed["KODE_KELUARGA"]),
            "NO_KK": cells.identity(rng, typed["NO_KK"]),
            "KODE_DESA": rng.choice((cells.text(village), cells.number(int(village)), cells.text(f" {village} "))),
            "RT": cells.words(rng, typed["RT"]),
            "RW": cells.words(rng, typed["RW"]),
            "ALAMAT": cells.words(rng, typed["ALAMAT"]),
            "TGL_PENDATAAN": cells.day(rng, surveyed),
            **{column: cells.code(rng, typed[column], codes) for column, codes in cells.FAMILY_CODES.items()},
        }
        return row

    def _member_row(self, family_code: str, number: int, person: Person, relation: int, age: int) -> Row:
        rng = self.rng
        typed: dict[str, Any] = {
            "KODE_KELUARGA": family_code,
            "NO_URUT": number,
            "K.01": person.nik,
            "K.01__doubtful": False,
            "K.02": person.name,
            "K.03": person.sex,
            "K.04": person.birth,
            "K.05": rng.choice(("Dabo", "Daik", "Tanjungpinang", None)),
            **{column: answer(rng, codes) for column, codes in cells.MEMBER_CODES.items() if column != "K.03"},
            "K.10": relation,
            "K.11": rng.choice((None, 1, 2)),
        }
        if age < 16:
            typed["K.07"] = rng.choice((1, 1, None))
        if rng.random() < 0.5:
            typed["K.13"] = rng.choice((2, 4, 6, 7)) if 6 <= age <= 19 else typed["K.13"]
            typed["K.15"] = rng.choice((1, 2))
        row = Row(SURVEY, "anggota", typed)
        row.cells = {
            "KODE_KELUARGA": cells.identity(rng, family_code),
            "NO_URUT": cells.integer(rng, number),
            "K.01": cells.identity(rng, typed["K.01"]),
            "K.02": cells.words(rng, person.name),
            "K.04": cells.day(rng, person.birth),
            "K.05": cells.words(rng, typed["K.05"]),
            "K.11": cells.integer(rng, typed["K.11"]),
            **{column: cells.code(rng, typed[column], codes) for column, codes in cells.MEMBER_CODES.items()},
        }
        return row


def answer(rng: Random, codes: dict[int, list[str]]) -> int | None:
    return None if rng.random() < 0.04 else rng.choice(list(codes))


def _composition(rng: Random) -> list[tuple[int, int]]:
    """(relation to the head, age) a member; some families have no head, two heads, or nobody at all."""
    kind = rng.random()
    if kind < 0.03:
        return []
    if kind < 0.10:
        return [(1, rng.randrange(60, 100))]
    head = rng.randrange(24, 65)
    members = [(1, head)]
    if rng.random() < 0.8:
        members.append((2, max(18, head - rng.randrange(-3, 8))))
    members += [(3, rng.randrange(0, 25)) for _ in range(rng.choice((0, 1, 1, 2, 2, 3, 5)))]
    if rng.random() < 0.2:
        members.append((4, rng.randrange(5, 90)))
    if kind < 0.14:
        members[0] = (4, head)
    elif kind < 0.18:
        members.append((1, head + 1))
    rng.shuffle(members)
    return members


def _birth(rng: Random, surveyed: date, age: int) -> date:
    """A birth date of that age on the day of the survey, now and then on the birthday or the day before it."""
    on = _years_before(surveyed, age)
    edge = rng.random()
    if edge < 0.1:
        return on
    if edge < 0.2:
        return max(on - timedelta(days=364), date(1905, 1, 1))
    return on - timedelta(days=rng.randrange(0, 365))


def _years_before(on: date, years: int) -> date:
    try:
        return on.replace(year=on.year - years)
    except ValueError:  # 29 February
        return on.replace(year=on.year - years, day=28)
