"""The civil registry: rows with planted faults, written into any SQLAlchemy engine under differently typed columns."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from random import Random
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mysql

from tests.generator.cells import NBSP
from tests.generator.expectation import REGISTRY, Row
from tests.generator.population import Person, Population

JAKARTA = timezone(timedelta(hours=7))
CODES = {
    "jenis_klmin": 2,
    "akta_lhr": 2,
    "stat_kwn": 4,
    "akta_kwn": 2,
    "akta_crai": 2,
    "stat_hbkel": 11,
    "stat_hidup": 2,
}
WITHOUT_CARD = "2104019999999999"
PLACE = ("no_prop", "no_kab", "no_kec", "no_kel")
TEXTS = (
    "no_kk nama_lgkp tmpt_lhr no_akta_lhr agama no_akta_kwn no_akta_crai pddk_akh jenis_pkrjn "
    "nik_ibu nama_lgkp_ibu nik_ayah nama_lgkp_ayah"
).split()
DATES = ("tgl_lhr", "tgl_kwn", "tgl_crai")
STAMPS = ("tgl_entri", "tgl_ubah")


@dataclass(frozen=True)
class Profile:
    """How a database types the registry: `nik` text, char, bigint, numeric or real; `dates` text, date or datetime;
    `stamps` text (with offsets), naive or aware; `codes` int or text."""

    name: str
    nik: str = "text"
    dates: str = "text"
    stamps: str = "text"
    codes: str = "int"
    upper: bool = False

    @property
    def zero_dates(self) -> bool:
        """Whether a date column may hold 0000-00-00, which is no date and no null either."""
        return self.name == "mariadb"

    @property
    def any_nik(self) -> bool:
        return self.nik in {"text", "char"}


PROFILES = {
    profile.name: profile
    for profile in (
        Profile("text", codes="text", upper=True),
        Profile("sqlite", nik="bigint", dates="datetime", stamps="naive"),
        Profile("postgresql", nik="char", dates="date", stamps="aware", codes="text", upper=True),
        Profile("postgresql_numeric", nik="numeric", dates="datetime", stamps="naive"),
        Profile("mariadb", nik="bigint", dates="date", stamps="naive", upper=True),
        Profile("mariadb_text", nik="text", dates="text", stamps="naive", codes="text"),
    )
}


def make_registry(
    rng: Random, population: Population, persons: Sequence[Person], profile: Profile
) -> dict[str, list[Row]]:
    """Rows of `biodata_wni` and `data_keluarga` for most of the persons and for some that nobody surveyed."""
    return _Registry(rng, population, profile).make(persons)


class _Registry:
    def __init__(self, rng: Random, population: Population, profile: Profile) -> None:
        self.rng, self.population, self.profile = rng, population, profile
        self.rows: list[Row] = []

    def make(self, persons: Sequence[Person]) -> dict[str, list[Row]]:
        strangers = [self._stranger() for _ in range(len(persons) // 8)]
        known = [person for person in persons if self.rng.random() < 0.87]
        self.rows = [self._row(person) for person in (*known, *strangers)]
        spare = [self._row(self._stranger()) for _ in range(120)]
        self._reject(spare)
        self._null(spare)
        self._edges(spare)
        self._repeat(spare)
        self.rows += spare
        self.rng.shuffle(self.rows)
        for number, row in enumerate(self.rows):
            row.identity = f"w{number}"
            row.typed["village_code"] = _village(row.typed)
        cards = {row.typed["no_kk"] for row in self.rows if row.typed.get("no_kk")} - {WITHOUT_CARD}
        kept = [card for card in sorted(cards) if self.rng.random() < 0.95]  # R06: the others stand without a card
        families = [self._card(number, card) for number, card in enumerate([*kept, kept[0]])]
        return {"biodata_wni": self.rows, "data_keluarga": families}

    def _stranger(self) -> Person:
        sex = self.rng.choice((1, 2))
        birth = self.population.as_of - timedelta(days=self.rng.randrange(1, 30000))
        place = self.rng.choice(("2104011001", "2104022003", "2171011001"))  # R07: one lies in another regency
        population = self.population
        return Person(population.nik(sex, birth), population.name(sex), sex, birth, place, population.family_card())

    def _row(self, person: Person) -> Row:
        rng = self.rng
        some = rng.random()
        name = person.name if some < 0.8 else rng.choice((person.name.upper(), person.name.replace(" ", "  "), "Salah"))
        birth = person.birth if rng.random() < 0.93 else person.birth - timedelta(days=rng.randrange(1, 400))
        changed = datetime.combine(self.population.as_of, datetime.min.time(), JAKARTA) - timedelta(
            seconds=rng.randrange(3600, 7 * 365 * 86400)
        )
        typed: dict[str, Any] = {
            "nik": person.nik,
            "no_kk": person.family_card,
            "nama_lgkp": name,
            "jenis_klmin": person.sex,
            "tmpt_lhr": "DABO SINGKEP",
            "tgl_lhr": birth,
            "akta_lhr": rng.choice((1, 2, 2, None)),
            "no_akta_lhr": rng.choice(("AL.510.0012345", None)),
            "agama": "1",
            "stat_kwn": rng.choice((1, 2, 2, 2, 3, 4, None)),
            "akta_kwn": rng.choice((1, 2, None)),
            "no_akta_kwn": None,
            "tgl_kwn": rng.choice((None, date(2010, 6, 1))),
            "akta_crai": rng.choice((1, 2, None)),
            "no_akta_crai": None,
            "tgl_crai": None,
            "stat_hbkel": rng.randrange(1, 12),
            "pddk_akh": "5",
            "jenis_pkrjn": "9",
            "nik_ibu": None,
            "nama_lgkp_ibu": "Siti",
            "nik_ayah": None,
            "nama_lgkp_ayah": "Ali",
            "stat_hidup": rng.choice((1,) * 18 + (2, None)),
            "flag_status": rng.choice((0,) * 18 + (1, None)),
            **_place(person.village),
            "tgl_entri": datetime(2012, 1, 1, 8, 0, tzinfo=JAKARTA),
            "tgl_ubah": rng.choice((changed, changed, changed, changed.replace(microsecond=0), None)),
        }
        return Row(REGISTRY, "biodata_wni", typed, cells=dict(typed))

    def _card(self, number: int, card: str) -> Row:
        typed = {
            "no_kk": card,
            "nama_kep": "Kepala",
            "alamat": "Dabo",
            "no_rt": "1",
            "no_rw": "2",
            **_place("2104011001"),
            "tgl_ubah": datetime(2020, 1, 1, tzinfo=JAKARTA),
        }
        return Row(REGISTRY, "data_keluarga", typed, cells=dict(typed), identity=f"k{number}")

    # ── faults ───────────────────────────────────────────────────────────────────────────────────────────────

    def _reject(self, spare: list[Row]) -> None:
        def rejected(rules: tuple[str, ...], **values: Any) -> None:
            row = spare.pop()
            row.cells.update(values)
            row.rejects.update(rules)
            self.rows.append(row)

        niks: list[str | None] = [None, "210401010190123", "21040101019012345"]
        if self.profile.any_nik:
            niks += ["210401010190123X", "2104 0101 0190 12", "", "   ", NBSP, "-", "２１０４０１０１０１９０１２３４"]
        for nik in niks:
            rejected(("R01",), nik=nik)
        for name in (None, "", "   ", f" {NBSP}"):
            rejected(("R03",), nama_lgkp=name)
        rejected(("R01", "R03"), nik=None, nama_lgkp=" ", jenis_klmin=9)
        rejected(("R01", "R03"), nik="210401010190124", nama_lgkp=None)

    def _null(self, spare: list[Row]) -> None:
        as_of = self.population.as_of
        oldest = as_of.replace(year=as_of.year - 120)
        births: list[Any] = [as_of + timedelta(days=1), oldest - timedelta(days=1), date(1850, 1, 1)]
        if self.profile.dates == "text":
            births += ["1980", "31-02-1980", "01-02-80", "0000-00-00", "1980/02/01", "29-02-1900", "tidak tahu"]
        if self.profile.zero_dates:
            births += ["0000-00-00", "1980-00-00"]
        for birth in births:
            row = spare.pop()
            row.null("R04", "tgl_lhr", birth)
            self.rows.append(row)
        for column, last in (*CODES.items(), ("flag_status", 1)):
            if column == "akta_crai":
                continue
            wrong: list[Any] = [last + 1, 0 if column != "flag_status" else 7]
            wrong += ["x", "1.5"] if self.profile.codes == "text" else [-1]
            for value in wrong[:3]:
                row = spare.pop()
                row.null("R05", column, value)
                self.rows.append(row)
        row = spare.pop()
        for column in ("jenis_klmin", "akta_lhr", "stat_kwn"):
            row.null("R05", column, 8)
        row.null("R04", "tgl_lhr", as_of + timedelta(days=400))
        self.rows.append(row)

    def _edges(self, spare: list[Row]) -> None:
        as_of = self.population.as_of
        for birth in (as_of, as_of.replace(year=as_of.year - 120), date(2000, 2, 29)):
            row = spare.pop()
            row.typed["tgl_lhr"] = row.cells["tgl_lhr"] = birth
            self.rows.append(row)
        five_years_ago = datetime(as_of.year - 5, as_of.month, as_of.day, tzinfo=JAKARTA)
        for changed in (  # R09: five years to the day are not over five years, and the day is Jakarta's
            five_years_ago + timedelta(minutes=30),
            five_years_ago - timedelta(minutes=1),
            five_years_ago - timedelta(days=1),
        ):
            row = spare.pop()
            row.typed["tgl_ubah"] = row.cells["tgl_ubah"] = changed
            self.rows.append(row)
        for parts in ((21, 4, 1, 9999), (21, 4, 99, 1001)):  # R07: villages that Lingga does not have
            row = spare.pop()
            row.typed.update(zip(PLACE, parts, strict=True))
            row.cells.update(zip(PLACE, parts, strict=True))
            self.rows.append(row)
        row = spare.pop()  # R06, R07, R08 and R09 at once
        several: dict[str, Any] = {"no_kk": WITHOUT_CARD, "no_kel": 9998, "akta_lhr": None, "stat_kwn": None}
        several["tgl_ubah"] = five_years_ago - timedelta(days=400)
        row.typed.update(several)
        row.cells.update(several)
        self.rows.append(row)
        nowhere = spare.pop()
        for part in PLACE:
            nowhere.typed[part] = nowhere.cells[part] = None
        self.rows.append(nowhere)

    def _repeat(self, spare: list[Row]) -> None:
        """R02: the last of each group stays; the group is written in any order."""
        when = datetime(2025, 6, 1, 8, 0, 0, tzinfo=JAKARTA)
        groups: list[list[dict[str, Any]]] = [
            [{"tgl_ubah": when}, {"tgl_ubah": when + timedelta(seconds=1)}],
            [{"tgl_ubah": when}, {"tgl_ubah": when + timedelta(days=1)}, {"tgl_ubah": when + timedelta(days=2)}],
            [{"tgl_ubah": None}, {"tgl_ubah": datetime(2001, 1, 1, tzinfo=JAKARTA)}],
            [{"tgl_ubah": when, "nama_lgkp": "Zul Karnain"}, {"tgl_ubah": when, "nama_lgkp": "adi putra"}],
            [{"tgl_ubah": when, "nama_lgkp": "Budi"}, {"tgl_ubah": when, "nama_lgkp": "Budi Santoso"}],
            [{"tgl_ubah": when, "nama_lgkp": "Zainab"}, {"tgl_ubah": when, "nama_lgkp": "Éa Rahma"}],
            [{"tgl_ubah": when, "nama_lgkp": "Ani Ａ"}, {"tgl_ubah": when, "nama_lgkp": "Ani 😀"}],
            [{"tgl_ubah": when, "stat_hbkel": 10}, {"tgl_ubah": when, "stat_hbkel": 9}],
            [{"tgl_ubah": when, "tgl_lhr": date(1999, 12, 31)}, {"tgl_ubah": when, "tgl_lhr": date(2000, 1, 1)}],
            [{"tgl_ubah": when, "akta_lhr": None}, {"tgl_ubah": when, "akta_lhr": 1}],
            [{"tgl_ubah": None, "nama_lgkp": "Abu"}, {"tgl_ubah": None, "nama_lgkp": "Ucok"}],
            [{}, {}],
        ]
        if self.profile.stamps == "naive":
            groups.append([{"tgl_ubah": when}, {"tgl_ubah": when + timedelta(microseconds=1000)}])
        else:
            early_in_tokyo = (when - timedelta(hours=1)).astimezone(timezone(timedelta(hours=9)))
            groups += [
                [{"tgl_ubah": when}, {"tgl_ubah": (when + timedelta(seconds=1)).astimezone(UTC)}],
                [
                    {"tgl_ubah": early_in_tokyo},
                    {"tgl_ubah": when},
                ],
                [
                    {"tgl_ubah": when.astimezone(UTC), "nama_lgkp": "Abu"},
                    {"tgl_ubah": when, "nama_lgkp": "Ucok"},
                ],
                [
                    {"tgl_ubah": when, "nama_lgkp": "Abu"},
                    {"tgl_ubah": when.astimezone(UTC), "nama_lgkp": "Ucok"},
                ],
            ]
        for group in groups:
            original = spare.pop()
            copies = []
            for values in group:
                row = copy.deepcopy(original)
                row.typed.update(values)
                row.cells.update(values)
                copies.append(row)
            for loser in copies[:-1]:
                loser.rejects.add("R02")
            self.rows += copies
        original = spare.pop()  # the latest is rejected for its name, so it is no repetition
        nameless = copy.deepcopy(original)
        original.typed["tgl_ubah"] = original.cells["tgl_ubah"] = when
        nameless.cells.update({"tgl_ubah": when + timedelta(days=9), "nama_lgkp": " "})
        nameless.rejects.add("R03")
        self.rows += [nameless, original]


def _place(village: str) -> dict[str, int]:
    parts = (village[:2], village[2:4], village[4:6], village[6:])
    return dict(zip(PLACE, (int(part) for part in parts), strict=True))


def _village(typed: dict[str, Any]) -> str | None:
    parts = [typed[part] for part in PLACE]
    return None if None in parts else "{:02d}{:02d}{:02d}{:04d}".format(*parts)


# ── writing ──────────────────────────────────────────────────────────────────────────────────────────────────────


def write_registry(
    engine: sa.Engine, rows: dict[str, list[Row]], profile: Profile, rng: Random, schema: str | None = None
) -> None:
    """Create both tables as the profile types them and fill them."""
    metadata = sa.MetaData(schema=schema)
    cased = str.upper if profile.upper else str.lower
    for name, table_rows in rows.items():
        columns = list(table_rows[0].cells)
        extra = [sa.Column(cased("foto"), sa.LargeBinary), sa.Column(cased("umur"), sa.Integer)]
        typed = [sa.Column(cased(column), _type(column, profile), nullable=True) for column in columns]
        rng.shuffle(typed)
        table = sa.Table(
            cased(name), metadata, *typed[:2], *extra, *typed[2:], mysql_charset="utf8mb4", sqlite_with_rowid=True
        )
        with engine.begin() as connection:
            table.create(connection)
            if profile.zero_dates:
                connection.execute(sa.text("set sql_mode = ''"))
            values = [
                {
                    **{cased(c): _value(rng, c, row.cells[c], profile) for c in columns},
                    cased("foto"): b"\x00\xff",
                    cased("umur"): 7,
                }
                for row in table_rows
            ]
            connection.execute(sa.insert(table), values)


def _type(column: str, profile: Profile) -> Any:
    if column == "nik":
        return {
            "text": sa.String(40),
            "char": sa.CHAR(40),
            "bigint": sa.BigInteger(),
            "numeric": sa.Numeric(18, 0),
        }[profile.nik]
    if column in DATES:
        return {"text": sa.String(40), "date": sa.Date(), "datetime": sa.DateTime()}[profile.dates]
    if column in STAMPS:
        fine = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")
        return {"text": sa.String(60), "naive": fine, "aware": sa.DateTime(timezone=True)}[profile.stamps]
    if column in CODES or column == "flag_status":
        return sa.CHAR(4) if profile.codes == "text" else sa.SmallInteger()
    if column in PLACE:
        return sa.Integer()
    return sa.String(200)


def _value(rng: Random, column: str, value: Any, profile: Profile) -> Any:
    if value is None:
        return None
    if column == "nik":
        return value if profile.any_nik else int(value)
    if column in DATES and isinstance(value, date):
        if profile.dates == "text":
            return rng.choice((value.isoformat(), f"{value:%d-%m-%Y}", f"{value:%d/%m/%Y}"))
        return datetime(value.year, value.month, value.day) if profile.dates == "datetime" else value
    if column in STAMPS and isinstance(value, datetime):
        if profile.stamps == "naive":
            return value.astimezone(JAKARTA).replace(tzinfo=None)
        return value.isoformat() if profile.stamps == "text" else value
    if column in CODES or column == "flag_status":
        return str(value) if profile.codes == "text" else value
    return value
