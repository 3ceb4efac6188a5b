"""What may happen to an accepted population between two nights: each kind of change that a score can follow from."""

import random
from collections.abc import Callable
from datetime import date, timedelta

from tests.oracle.population import VILLAGES, Row

Tables = dict[str, list[Row]]
Change = Callable[[Tables, random.Random], None]


def _members(tables: Tables, family: Row) -> list[Row]:
    return [member for member in tables["anggota"] if member["KODE_KELUARGA"] == family["KODE_KELUARGA"]]


def _with_members(tables: Tables, dice: random.Random) -> Row:
    inhabited = {member["KODE_KELUARGA"] for member in tables["anggota"]}
    return dice.choice([family for family in tables["keluarga"] if family["KODE_KELUARGA"] in inhabited])


def _linked_record(tables: Tables, dice: random.Random) -> Row:
    surveyed = {member["K.01"] for member in tables["anggota"]}
    return dice.choice([record for record in tables["biodata_wni"] if record["nik"] in surveyed])


def _other_number(rows: list[Row], column: str) -> str:
    return str(max(int(row[column]) for row in rows if row[column]) + 1)


def _new_number(tables: Tables) -> str:
    taken = [member["K.01"] for member in tables["anggota"]] + [record["nik"] for record in tables["biodata_wni"]]
    return str(max(int(number) for number in taken if number) + 1)


def a_family_answers_otherwise(tables: Tables, dice: random.Random) -> None:
    family = dice.choice(tables["keluarga"])
    for question in ("P.04", "P.06", "P.17"):
        family[question] = 1 if family[question] == 2 else 2


def a_family_is_visited_again(tables: Tables, dice: random.Random) -> None:
    dice.choice(tables["keluarga"])["TGL_PENDATAAN"] += timedelta(40)


def a_family_moves_to_another_village(tables: Tables, dice: random.Random) -> None:
    family = _with_members(tables, dice)
    village = dice.choice([village for village in VILLAGES if village != family["village_code"]])
    for row in (family, *_members(tables, family)):
        row["village_code"] = village


def a_family_appears(tables: Tables, dice: random.Random) -> None:
    family = _with_members(tables, dice)
    code, number = _other_number(tables["keluarga"], "KODE_KELUARGA"), int(_new_number(tables))
    members = _members(tables, family)
    tables["keluarga"].append(family | {"KODE_KELUARGA": code})
    for place, member in enumerate(members):
        tables["anggota"].append(member | {"KODE_KELUARGA": code, "K.01": str(number + place)})


def a_family_vanishes(tables: Tables, dice: random.Random) -> None:
    family = _with_members(tables, dice)
    for member in _members(tables, family):
        tables["anggota"].remove(member)
    tables["keluarga"].remove(family)


def a_member_answers_otherwise(tables: Tables, dice: random.Random) -> None:
    member = dice.choice(tables["anggota"])
    member["K.15"] = 4 if member["K.15"] != 4 else 1
    member["K.07"] = 3 if member["K.07"] != 3 else 1


def a_member_is_born_on_another_day(tables: Tables, dice: random.Random) -> None:
    member = dice.choice([member for member in tables["anggota"] if member["K.04"]])
    member["K.04"] -= timedelta(4_000)


def a_member_appears(tables: Tables, dice: random.Random) -> None:
    member = dice.choice(tables["anggota"])
    tables["anggota"].append(member | {"NO_URUT": 99, "K.01": _new_number(tables), "K.10": 3})


def a_head_vanishes(tables: Tables, dice: random.Random) -> None:
    tables["anggota"].remove(dice.choice([member for member in tables["anggota"] if member["K.10"] == 1]))


def a_member_moves_to_another_family(tables: Tables, dice: random.Random) -> None:
    member = dice.choice(tables["anggota"])
    others = [row for row in tables["keluarga"] if row["KODE_KELUARGA"] != member["KODE_KELUARGA"]]
    family = dice.choice(others)
    member |= {"KODE_KELUARGA": family["KODE_KELUARGA"], "village_code": family["village_code"], "NO_URUT": 98}


def the_registry_says_something_else(tables: Tables, dice: random.Random) -> None:
    for _ in range(3):
        record = _linked_record(tables, dice)
        record |= {"stat_hidup": 1, "flag_status": 0, "akta_lhr": 3 - (record["akta_lhr"] or 1), "stat_kwn": 3}


def a_record_of_the_registry_vanishes(tables: Tables, dice: random.Random) -> None:
    tables["biodata_wni"].remove(_linked_record(tables, dice))


def somebody_not_surveyed_moves(tables: Tables, dice: random.Random) -> None:
    surveyed = {member["K.01"] for member in tables["anggota"]}
    beyond = [record for record in tables["biodata_wni"] if record["nik"] not in surveyed]
    if not beyond:
        beyond = [_linked_record(tables, dice) | {"nik": _new_number(tables), "nama_lgkp": "ORANG LAIN LAGI"}]
        tables["biodata_wni"] += beyond
    beyond[0]["village_code"] = next(village for village in VILLAGES if village != beyond[0]["village_code"])


def an_insurance_ends(tables: Tables, dice: random.Random) -> None:
    open_ended = [card for card in tables["peserta"] if card["tglTMT"] is None and card["tglTAT"] is None]
    for card in dice.sample(open_ended, 5):
        card["statusPeserta.kode"] = "1" if card["statusPeserta.kode"] == "0" else "0"


def an_insurance_vanishes(tables: Tables, dice: random.Random) -> None:
    tables["peserta"].remove(dice.choice(tables["peserta"]))


def a_family_card_is_registered(tables: Tables, dice: random.Random) -> None:
    """Of a family that gave its number before."""
    family = next((row for row in tables["keluarga"] if row.get("NO_KK")), None) or dice.choice(tables["keluarga"])
    family.setdefault("NO_KK", f"{dice.randrange(10**16):016d}")
    cards = tables.setdefault("data_keluarga", [])
    if cards and cards[-1]["no_kk"] == family["NO_KK"]:
        cards.pop()
    else:
        cards.append({"no_kk": family["NO_KK"], "village_code": family["village_code"]})


def two_persons_turn_out_to_be_one(tables: Tables, dice: random.Random) -> None:
    one = dice.choice([member for member in tables["anggota"] if member["K.01"] and member["K.04"]])
    others = [member for member in tables["anggota"] if member["KODE_KELUARGA"] != one["KODE_KELUARGA"]]
    dice.choice(others).update({column: one[column] for column in ("K.01", "K.01__doubtful", "K.02", "K.04")})


def a_family_of_somebody_surveyed_twice_was_visited_earlier(tables: Tables, dice: random.Random) -> None:
    """What the person is like is told by the other family, which stays as it is."""
    families: dict[tuple[str, date], set[str]] = {}
    for member in tables["anggota"]:
        if member["K.01"] and member["K.04"]:
            families.setdefault((member["K.01"], member["K.04"]), set()).add(member["KODE_KELUARGA"])
    for codes in families.values():
        if len(codes) > 1:
            visited = [family for family in tables["keluarga"] if family["KODE_KELUARGA"] in codes]
            first, *_, last = sorted(visited, key=lambda family: family["TGL_PENDATAAN"])
            first["TGL_PENDATAAN"] = last["TGL_PENDATAAN"] - timedelta(30)


def a_person_turns_out_to_be_two(tables: Tables, dice: random.Random) -> None:
    record = _linked_record(tables, dice)
    for member in tables["anggota"]:
        if member["K.01"] == record["nik"]:
            member |= {"K.01": _new_number(tables), "K.02": "Orang Yang Lain", "K.04": None}


CHANGES: tuple[Change, ...] = (
    a_family_answers_otherwise,
    a_family_is_visited_again,
    a_family_moves_to_another_village,
    a_family_appears,
    a_family_vanishes,
    a_member_answers_otherwise,
    a_member_is_born_on_another_day,
    a_member_appears,
    a_head_vanishes,
    a_member_moves_to_another_family,
    the_registry_says_something_else,
    a_record_of_the_registry_vanishes,
    somebody_not_surveyed_moves,
    an_insurance_ends,
    an_insurance_vanishes,
    a_family_card_is_registered,
    a_family_card_is_registered,
    two_persons_turn_out_to_be_one,
    a_family_of_somebody_surveyed_twice_was_visited_earlier,
    a_person_turns_out_to_be_two,
)
"""Each in its turn: some of them go on from the ones before."""
