"""Who is who, independent of the sample: persons of other names and other families in three sources, with the truth.

Accepted tables as validation leaves them, so that linkage alone is tested. The kinds of error are those of
SOURCES.md; how often they come, and what a wrong value looks like, is chosen here anew.
"""

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from kampungkb.contracts import contract
from kampungkb.refs import Validated
from kampungkb.run import FAMILY_SURVEY

Row = dict[str, Any]
VILLAGES = tuple(f"21040{district}{kind}{number:03d}" for district, kind, number in (
    (1, 1, 1), (1, 2, 8), (2, 1, 10), (2, 2, 3), (3, 2, 12), (4, 1, 6), (4, 2, 9),
))  # fmt: skip
_MEN = """Asep Ujang Dadang Cecep Wayan Made Nyoman Ketut Daeng Baso Andi Lalu Tuanku Sutan Bagindo Yohanes Petrus
Paulus Fransiskus Ignasius Markus Yakobus Sumarno Paijo Tukiman Wagimin Sarjono Ponidi Suparman Kasiman Mulyono Darsono
Rohmat
Rusdi Saepul Solihin Syamsul Tohari Ubaidillah Yahya Zaenal Muhammad Abdul Achmad Nur Arif Bima Cakra Dani Eka Farhan
Guntur Hanif Ivan Jaka Krisna Leo Mahesa Nanda Oki Pandu Qosim Rangga Satria Teguh Utomo Vino Wira""".split()
_WOMEN = """Euis Neneng Iis Imas Kadek Luh Ayu Putu Halija Hasnawati Besse Lale Baiq Upik Rosni Yustina Theresia Agnes
Bernadeta Klara Lusia Martini Painem Sukinem Wagiyem Tumini Ponirah Sumarni Rusmini Kasmirah Darsinah Rohmah Saodah
Solihah Syarifah Titin Uswatun Yuyun Zulaeha Siti Nur Sri Annisa Bulan Chika Diah Embun Fanny Galuh Hesti Ira Jihan
Keisha Laras Mawar Nisa Okta Puri Qonita Rere Salwa Tania Ulfa Vera Widya""".split()
_LAST = """Hermawan Kusnadi Sopandi Sukmana Suhendar Rukmana Arnawa Sudiana Wirawan Mappasanda Tenriawaru Makmur Syahrir
Koto Piliang Tanjung Caniago Sikumbang Lobo Tokan Kopong Wuran Hariyanto Sugiarto Purnomo Widodo Sudarsono Handoyo
Rosyid Mubarok Fathoni Ghozali Anwar Basri Chaerul Dahlan Effendy Fachri Gazali Hasyim Imron Jauhari
Khoiri Luthfi""".split()
_SHORT = {"Muhammad": ("Muh.", "M.", "Mhd"), "Abdul": ("Abd.",), "Siti": ("St.",), "Achmad": ("Ahmad", "Akhmad")}
_SOUNDS = (
    ("sy", "s"),
    ("kh", "h"),
    ("dh", "d"),
    ("f", "p"),
    ("z", "j"),
    ("oe", "u"),
    ("aa", "a"),
    ("i", "y"),
    ("u", "oe"),
)


@dataclass
class Person:
    """One true person of a household; mother is the place of the mother in the household."""

    number: int
    name: str
    sex: int
    birth: date
    nik: str
    village: str
    mother: int | None = None


@dataclass
class World:
    """Rows by table and the truth: (source, source_key) → number of the person."""

    rows: dict[str, list[Row]] = field(default_factory=lambda: {name: [] for name in TABLES})
    truth: dict[tuple[str, str], int] = field(default_factory=dict)


TABLES = {
    "keluarga": "family_survey",
    "anggota": "family_survey",
    "biodata_wni": "civil_registry",
    "data_keluarga": "civil_registry",
    "peserta": "health_insurance",
}


class _Maker:
    def __init__(self, seed: int, scale: float) -> None:
        self.rng = Random(seed)
        self.scale = scale
        self.world = World()
        self.niks: set[str] = set()
        self.serial = 0

    def happens(self, share: float) -> bool:
        return self.rng.random() < share * self.scale

    def next(self) -> int:
        self.serial += 1
        return self.serial

    def name(self, sex: int) -> str:
        rng = self.rng
        first = rng.choice(_WOMEN if sex == 2 else _MEN)
        kind = rng.random()
        if kind < 0.15:
            return first
        if kind < 0.8:
            return f"{first} {rng.choice(_LAST)}"
        return f"{first} {rng.choice(_WOMEN if sex == 2 else _MEN)} {rng.choice(_LAST)}"

    def nik(self, sex: int, birth: date) -> str:
        while True:
            area = self.rng.choice(("210401", "210402", "210403", "217102", "320105", "510104"))
            day = birth.day + 40 if sex == 2 else birth.day
            made = (
                f"{area}{day:02d}{birth:%m%y}{self.rng.choice((1, 1, 1, 1, 2, 2, 3, 4, self.rng.randrange(1, 90))):04d}"
            )
            if made not in self.niks:
                self.niks.add(made)
                return made

    def person(self, village: str, sex: int, born_in: int, mother: int | None = None, name: str = "") -> Person:
        birth = min(date(born_in, 1, 1) + timedelta(days=self.rng.randrange(365)), date(2026, 10, 30))
        return Person(self.next(), name or self.name(sex), sex, birth, self.nik(sex, birth), village, mother)

    def household(self) -> list[Person]:
        rng = self.rng
        village = rng.choice(VILLAGES)
        head_born = rng.randrange(1935, 2003)
        people = [self.person(village, 1 if rng.random() < 0.85 else 2, head_born)]
        mother = None
        if people[0].sex == 1 and rng.random() < 0.85:
            people.append(self.person(village, 2, head_born + rng.randrange(-3, 9)))
            mother = 1
        for _ in range(rng.choice((0, 1, 1, 2, 2, 3, 4))):
            born_in = head_born + rng.randrange(20, 42)
            if born_in <= 2026:
                people.append(self.person(village, rng.choice((1, 2)), born_in, mother))
                if rng.random() < 0.02:  # twins: one birth date, names alike
                    child = people[-1]
                    twin = Person(
                        self.next(), f"{child.name.split()[0]} {rng.choice(_LAST)}", child.sex, child.birth,
                        self.nik(child.sex, child.birth), village, mother,
                    )  # fmt: skip
                    people.append(twin)
        return people

    def typo(self, word: str) -> str:
        rng = self.rng
        place = rng.randrange(max(1, len(word) - 1))
        kind = rng.randrange(4)
        if kind == 0:
            return word[:place] + word[place + 1 :]
        if kind == 1:
            return word[:place] + rng.choice("aeiounrst") + word[place:]
        if kind == 2:
            return word[:place] + word[place + 1 : place + 2] + word[place] + word[place + 2 :]
        return word[:place] + rng.choice("aeiounrst") + word[place + 1 :]

    def misspelt(self, name: str) -> str:
        rng = self.rng
        if self.happens(0.05):
            words = name.split()
            place = rng.randrange(len(words))
            words[place] = self.typo(words[place])
            name = " ".join(words)
        if self.happens(0.05):
            fits = [pair for pair in _SOUNDS if pair[0] in name.lower()]
            if fits:
                old, new = rng.choice(fits)
                name = name.lower().replace(old, new, 1).title()
        if self.happens(0.06):
            words = name.split()
            kind = rng.randrange(4)
            if kind == 0 and len(words) > 1:
                words = words[:-1]
            elif kind == 1 and words[0] in _SHORT:
                words[0] = rng.choice(_SHORT[words[0]])
            elif kind == 2:
                words = [rng.choice(("H.", "Hj.", "Bpk", "Ibu", "Drs.")), *words]
            elif kind == 3 and len(words) > 1:
                words[-1] = f"{words[-1][0]}."
            name = " ".join(words)
        return name.upper() if rng.random() < 0.5 else name

    def misdated(self, birth: date) -> date | None:
        rng = self.rng
        if self.happens(0.012):
            return None
        if self.happens(0.012) and birth.day <= 12:
            return birth.replace(month=birth.day, day=birth.month)
        if self.happens(0.02):
            return birth.replace(month=1, day=1)
        if self.happens(0.02):
            kind = rng.randrange(3)
            if kind == 0:
                return birth + timedelta(days=rng.choice((-10, -1, 1, 10)))
            if kind == 1:
                return birth.replace(year=birth.year - 1, day=min(birth.day, 28))
            return birth.replace(month=rng.randrange(1, 13), day=min(birth.day, 28))
        return birth

    def mistyped(self, nik: str) -> str:
        place = self.rng.randrange(15)
        if self.rng.random() < 0.4 and nik[place] != nik[place + 1]:
            return nik[:place] + nik[place + 1] + nik[place] + nik[place + 2 :]
        return nik[:place] + str((int(nik[place]) + self.rng.randrange(1, 10)) % 10) + nik[place + 1 :]

    def survey(self, people: list[Person], card: str) -> None:
        rng = self.rng
        village = rng.choice(VILLAGES) if self.happens(0.02) else people[0].village
        code = f"{village}{self.next():08d}"
        self.world.rows["keluarga"].append(
            {"KODE_KELUARGA": code, "NO_KK": None if self.happens(0.1) else card, "KODE_DESA": village,
             "TGL_PENDATAAN": date(2026, 5, 2), "source_key": code, "village_code": village, "NO_KK__doubtful": False}
        )  # fmt: skip
        for place, person in enumerate(people, start=1):
            nik: str | None = person.nik
            doubtful = False
            if self.happens(0.08):
                nik = None
            elif self.happens(0.05):
                nik = self.mistyped(person.nik)
            elif self.happens(0.03):
                nik, doubtful = person.nik[:15] + "0", True
            elif self.happens(0.005) and len(people) > 1:
                nik = rng.choice([other.nik for other in people if other is not person])
            key = f"{code}-{place}"
            head = place == 1
            self.world.rows["anggota"].append(
                {"KODE_KELUARGA": code, "NO_URUT": place, "K.01": nik, "K.01__doubtful": doubtful,
                 "K.02": self.misspelt(person.name), "K.03": person.sex if not self.happens(0.005) else 3 - person.sex,
                 "K.04": self.misdated(person.birth), "K.07": 2 if place <= 2 else 1,
                 "K.10": 1 if head else 2 if people[1:] and place == 2 and person.mother is None else 3,
                 "K.11": None if person.mother is None or rng.random() < 0.2 else person.mother + 1,
                 "source_key": key, "village_code": village}
            )  # fmt: skip
            self.world.truth[FAMILY_SURVEY, key] = person.number

    def registry(self, people: list[Person], card: str) -> None:
        made = 0
        for place, person in enumerate(people):
            if self.happens(0.4 if person.birth.year >= 2026 else 0.04):
                continue
            made += 1
            village = self.rng.choice(VILLAGES) if self.happens(0.03) else person.village
            mother = people[person.mother] if person.mother is not None else None
            relation = 1 if place == 0 else 3 if place == 1 and person.mother is None else 4
            self.world.rows["biodata_wni"].append(
                {"nik": person.nik, "no_kk": f"{card[:-1]}9" if self.happens(0.03) else card,
                 "nama_lgkp": person.name.upper(), "jenis_klmin": person.sex, "tgl_lhr": person.birth,
                 "akta_lhr": 2, "stat_kwn": 1, "stat_hbkel": relation, "stat_hidup": 1, "flag_status": 0,
                 "nik_ibu": mother.nik if mother and self.rng.random() < 0.6 else None,
                 "nama_lgkp_ibu": mother.name.upper() if mother else None,
                 "village_code": village, "source_key": person.nik}
            )  # fmt: skip
            self.world.truth["civil_registry", person.nik] = person.number
        if made:
            self.world.rows["data_keluarga"].append({"no_kk": card, "village_code": people[0].village})

    def insurance(self, people: list[Person]) -> None:
        for person in people:
            if self.rng.random() < 0.15:
                continue
            for _ in range(2 if self.happens(0.005) else 1):
                number = f"{self.next():013d}"
                nik: str | None = person.nik
                if self.happens(0.03):
                    nik = None
                elif self.happens(0.03):
                    nik = self.mistyped(person.nik)
                self.world.rows["peserta"].append(
                    {"noKartu": number, "nik": nik, "nama": self.misspelt(person.name).upper(),
                     "sex": "LP"[person.sex - 1], "tglLahir": self.misdated(person.birth), "statusPeserta.kode": "0",
                     "village_code": None if self.rng.random() < 0.05 else person.village, "source_key": number}
                )  # fmt: skip
                self.world.truth["health_insurance", number] = person.number


def make_world(seed: int, households: int, scale: float = 1.0) -> World:
    """The three sources of that many households; `scale` multiplies the error rates."""
    maker = _Maker(seed, scale)
    for _ in range(households):
        people = maker.household()
        card = f"2104{maker.rng.randrange(1, 13):02d}{maker.next():010d}"
        if not maker.happens(0.03):
            maker.survey(people, card)
        maker.registry(people, card)
        maker.insurance(people)
        if maker.happens(0.005):  # a grown child surveyed once more in a household of its own
            maker.survey(people[-1:], card)
    return maker.world


def _schema(table: str) -> pa.Schema:
    kinds = {"code": pa.int32(), "integer": pa.int32(), "date": pa.date32(), "timestamp": pa.timestamp("us", "UTC")}
    columns = contract(TABLES[table]).table(table).columns
    fields = [pa.field(column.name, kinds.get(column.kind, pa.string())) for column in columns]
    doubtful = {"keluarga": ["NO_KK__doubtful"], "anggota": ["K.01__doubtful"]}.get(table, [])
    further = [pa.field(name, pa.string()) for name in ("source_key", "village_code")]
    return pa.schema([*fields, *further, *(pa.field(name, pa.bool_()) for name in doubtful)])


def write_accepted(world: World, folder: Path) -> list[Validated]:
    """Write the accepted tables of every source and return the references that linkage takes."""
    counts: dict[str, dict[str, int]] = {}
    for table, source in TABLES.items():
        target = folder / source
        target.mkdir(parents=True, exist_ok=True)
        schema = _schema(table)
        rows = [{name: _plain(row.get(name)) for name in schema.names} for row in world.rows[table]]
        pq.write_table(pa.Table.from_pylist(rows, schema), target / f"{table}.parquet")
        counts.setdefault(source, {})[table] = len(rows)
    return [
        Validated(
            source=source,
            path=folder / source,
            read=tables,
            accepted=tables,
            rejected=dict.fromkeys(tables, 0),
            nulled=dict.fromkeys(tables, 0),
        )
        for source, tables in counts.items()
    ]


def _plain(value: Any) -> Any:
    return unicodedata.normalize("NFC", value) if isinstance(value, str) else value


@dataclass(frozen=True)
class Quality:
    """Pairs of records of one person: how many of those found are true, and how many of the true ones are found."""

    found: int
    true: int
    right: int

    @property
    def precision(self) -> float:
        return self.right / self.found if self.found else 1.0

    @property
    def recall(self) -> float:
        return self.right / self.true if self.true else 1.0


def quality(truth: Mapping[tuple[str, str], int], links: Iterable[tuple[str, str, str]]) -> Quality:
    """Hold links (source, source_key, person_key) against the truth, counted in pairs of records."""
    keyed = {(source, key): person for source, key, person in links}
    found = _pairs(keyed.values())
    true = _pairs(truth.values())
    right = _pairs((person, truth[record]) for record, person in keyed.items())
    return Quality(found, true, right)


def _pairs(groups: Iterable[Any]) -> int:
    sizes: dict[Any, int] = {}
    for group in groups:
        sizes[group] = sizes.get(group, 0) + 1
    return sum(size * (size - 1) // 2 for size in sizes.values())
