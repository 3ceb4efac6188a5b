"""The villages of the sample: those of the region reference, and synthetic ones where more are needed."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
from numpy.random import Generator

from kampungkb.errors import ConfigurationError
from kampungkb.sample.frames import Ints

FAMILIES_A_VILLAGE = 380
LEAST_FAMILIES_A_VILLAGE = 25
VILLAGES_A_DISTRICT = 20
_HEADER = ("code", "name", "level", "parent", "valid_from", "valid_to", "successor_code")


@dataclass(frozen=True)
class Village:
    """A village by its 10 digits."""

    code: str
    name: str

    @property
    def district(self) -> str:
        """The district's 6 digits, which also begin the identity numbers issued there."""
        return self.code[:6]


def read_villages(path: Path, on: date) -> list[Village]:
    """The villages that exist on a date, ordered by code; :class:`ConfigurationError` where the file is unusable."""
    try:
        with path.open(encoding="utf-8", newline="") as lines:
            rows = list(csv.DictReader(lines))
        villages = [
            Village(row["code"].replace(".", ""), row["name"])
            for row in rows
            if row["level"] in ("desa", "kelurahan")
            and (row["valid_from"] or "0") <= on.isoformat() <= (row["valid_to"] or "9")
        ]
    except (OSError, KeyError, csv.Error) as fault:
        raise ConfigurationError(f"The region reference {path.name} cannot be used: {fault!r}.") from None
    return sorted(villages, key=lambda village: village.code)


def synthetic_villages(known: Sequence[Village], count: int) -> list[Village]:
    """`count` invented villages in invented districts of the same regency, numbered after the known ones."""
    regency = known[0].code[:4]
    last = max(int(village.code[4:6]) for village in known)
    districts = min(99 - last, -(-count // VILLAGES_A_DISTRICT))
    return [
        Village(
            f"{regency}{last + 1 + place % districts:02d}{2001 + place // districts:04d}", f"Desa Contoh {place + 1}"
        )
        for place in range(count)
    ]


def villages_for(known: Sequence[Village], families: int) -> list[Village]:
    """As many villages as so many families fill: some of the known for few, synthetic ones beyond them for many."""
    wanted = max(1, families // LEAST_FAMILIES_A_VILLAGE)
    if wanted < len(known):
        return [known[place] for place in np.linspace(0, len(known) - 1, wanted).round().astype(int)]
    beyond = max(0, families // FAMILIES_A_VILLAGE - len(known))
    return sorted([*known, *(synthetic_villages(known, beyond) if beyond else [])], key=lambda village: village.code)


def families_by_village(rng: Generator, villages: Sequence[Village], families: int) -> Ints:
    """How many families live in each village: one at least, unequal as in life, the sum exact."""
    weights = rng.lognormal(0, 0.45, len(villages))
    return np.asarray(1 + rng.multinomial(families - len(villages), weights / weights.sum()), dtype=np.int64)


def write_extended_reference(source: Path, target: Path, villages: Sequence[Village]) -> None:
    """Copy the region reference and append the districts and villages that it does not hold."""
    with source.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    held = {row["code"] for row in rows}
    regency = f"{villages[0].code[:2]}.{villages[0].code[2:4]}"
    for district in sorted({village.district for village in villages}):
        code = f"{regency}.{district[4:]}"
        if code not in held:
            rows.append(
                {"code": code, "name": f"Kecamatan Contoh {district[4:]}", "level": "kecamatan", "parent": regency}
            )
    for village in villages:
        parent = f"{regency}.{village.code[4:6]}"
        code = f"{parent}.{village.code[6:]}"
        if code not in held:
            rows.append({"code": code, "name": village.name, "level": "desa", "parent": parent})
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("w", encoding="utf-8", newline="") as lines:
        writer = csv.DictWriter(lines, _HEADER, restval="", extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
