"""Random accepted populations for the score: every code and blank, ages at the limits, evidence of every kind."""

import random
from datetime import date, timedelta
from typing import Any

Row = dict[str, Any]

VILLAGES = ("2104011001", "2104011002", "2104012003", "2104012004")
"""The last one never gets a family."""

P_YES_NO = ("P.01", "P.04", "P.05", "P.06", "P.07", "P.08", "P.09", "P.11", "P.12", "P.13")
P_THREE = ("P.02", "P.03A", "P.03B", "P.03C", "P.03D", "P.10", "P.14", "P.15", "P.16", "P.17", "P.18")
P_HOUSE = {"P.19": 6, "P.20": 5, "P.21": 6, "P.22": 3, "P.23": 5, "P.24": 4, "P.25": 4, "P.26": 2}


def _code(dice: random.Random, codes: list[int], blank: float = 0.1) -> int | None:
    return None if dice.random() < blank else dice.choice(codes)


def _birth_date(dice: random.Random, surveyed: date) -> date | None:
    kind = dice.random()
    if kind < 0.05:
        return None
    if kind < 0.5:  # a day around a birthday that matters
        years = dice.choice([0, 7, 8, 18, 19])
        try:
            birthday = surveyed.replace(year=surveyed.year - years)
        except ValueError:
            birthday = date(surveyed.year - years, 2, 28)
        return min(birthday + timedelta(days=dice.randint(-2, 2)), surveyed)
    return surveyed - timedelta(days=dice.randint(0, 90 * 365))


def _family(dice: random.Random, code: str) -> Row:
    blank = dice.choice([0.0, 0.05, 0.4])
    surveyed = dice.choice([date(2024, 2, 29), date(2025, 2, 28), date(2025, 3, 1), date(2026, 6, 30)])
    three = dice.choice([[1, 2, 3], [2], [3], [2, 3]])
    return {
        "KODE_KELUARGA": code,
        "village_code": dice.choice(VILLAGES[:-1]),
        "TGL_PENDATAAN": surveyed,
        **{question: _code(dice, [1, 2], blank) for question in P_YES_NO},
        **{question: _code(dice, three, blank) for question in P_THREE},
        **{question: _code(dice, list(range(1, codes + 1)), blank) for question, codes in P_HOUSE.items()},
    }


def _member(dice: random.Random, family: Row, number: int, nik: str) -> Row:
    blank = dice.choice([0.0, 0.3])
    relation = dice.choice([1, 2, 3, 3, 3, 4]) if number > 1 else dice.choice([1, 1, 1, 2, 3])
    return {
        "KODE_KELUARGA": family["KODE_KELUARGA"],
        "NO_URUT": number * dice.choice([1, 1, 10]),
        "village_code": family["village_code"],
        "K.01": None if dice.random() < 0.1 else nik,
        "K.01__doubtful": dice.random() < 0.05,
        "K.02": dice.choice(["Siti Aminah", "budi  santoso", "Abdul", "Nur Aini"]),
        "K.03": _code(dice, [1, 2]),
        "K.04": _birth_date(dice, family["TGL_PENDATAAN"]),
        "K.07": _code(dice, [1, 2, 2, 3, 4], blank),
        "K.09": _code(dice, [1, 1, 1, 2], blank),
        "K.10": relation,
        "K.13": _code(dice, [1, 2, 2, 4, 4, 6, 6, 3, 5, 7, 8, 9, 10], blank),
        "K.15": _code(dice, [1, 1, 2, 3, 4], blank),
    }


def _registry_record(dice: random.Random, member: Row, nik: str) -> Row:
    agrees = dice.random() < 0.9
    return {
        "nik": nik,
        "nama_lgkp": member["K.02"].upper() if agrees else "ORANG LAIN",
        "tgl_lhr": member["K.04"] if agrees else None,
        "akta_lhr": _code(dice, [1, 2, 2]),
        "stat_kwn": _code(dice, [1, 2, 2, 3, 4]),
        "akta_kwn": _code(dice, [1, 2]),
        "stat_hidup": _code(dice, [1, 1, 1, 1, 2], 0.05),
        "flag_status": _code(dice, [0, 0, 0, 0, 1], 0.05),
        "village_code": dice.choice(VILLAGES),
    }


def _card(dice: random.Random, member: Row, nik: str, number: int, as_of: date) -> Row:
    near = [None, *(as_of + timedelta(days=days) for days in (-400, -1, 0, 1, 400))]
    return {
        "noKartu": f"{number:013d}",
        "nik": nik,
        "nama": member["K.02"],
        "tglLahir": member["K.04"],
        "statusPeserta.kode": dice.choice(["0", "0", "0", "1", "", None]) or None,
        "tglTMT": dice.choice(near),
        "tglTAT": dice.choice(near),
    }


def population(seed: int, families: int, as_of: date) -> dict[str, list[Row]]:
    """Accepted rows of all four tables, by table."""
    dice = random.Random(seed)
    tables: dict[str, list[Row]] = {"keluarga": [], "anggota": [], "biodata_wni": [], "peserta": []}
    registered: set[str] = set()
    persons = 0
    for number in range(families):
        family = _family(dice, f"{210401000000000000 + number}")
        tables["keluarga"].append(family)
        taken: set[int] = set()
        for position in range(1, dice.choice([0, 1, 2, 3, 4, 6]) + 1):
            persons += 1
            nik = f"{2104000000000000 + persons}"
            if dice.random() < 0.05 and persons > 3:  # somebody else's number, or the same person surveyed twice
                nik = f"{2104000000000000 + persons - 2}"
            member = _member(dice, family, position, nik)
            if member["NO_URUT"] in taken:
                continue
            taken.add(member["NO_URUT"])
            tables["anggota"].append(member)
            if dice.random() < 0.75 and nik not in registered:
                registered.add(nik)
                tables["biodata_wni"].append(_registry_record(dice, member, nik))
            for _ in range(dice.choice([0, 1, 1, 1, 2])):
                tables["peserta"].append(_card(dice, member, nik, len(tables["peserta"]), as_of))
    for rows in tables.values():
        dice.shuffle(rows)
    return tables
