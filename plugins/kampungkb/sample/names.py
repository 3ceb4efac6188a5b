"""Names: drawn for whole families at once, and mistyped, shortened, titled or nicknamed one by one."""

from collections.abc import Sequence

import numpy as np
from numpy.random import Generator

from kampungkb.sample.frames import Ints, Mask, Texts, likely, pick
from kampungkb.sample.parameters import Names, Origin

MALE, FEMALE = 1, 2
_NEIGHBOURS = {
    "A": "S",
    "E": "R",
    "I": "U",
    "O": "P",
    "U": "Y",
    "Y": "I",
    "H": "J",
    "N": "M",
    "M": "N",
    "D": "T",
    "T": "D",
}


def _decreasing(options: Sequence[str]) -> list[float]:
    return [1 / (place + 8) for place in range(len(options))]


def _of_sex(rng: Generator, origin: Origin, male: bool, older: Mask, surnames: Texts) -> Texts:
    count = len(older)
    given = origin.male if male else origin.female
    name = pick(rng, given.first, count, _decreasing(given.first))
    # One name alone is common among the old and rare among children.
    second = ~likely(rng, np.where(older, 0.30, 0.06), count)
    name[second] = name[second] + " " + pick(rng, given.second, int(second.sum()), _decreasing(given.second))
    third = second & likely(rng, np.where(older, 0.04, 0.20), count)
    name[third] = name[third] + " " + pick(rng, given.second, int(third.sum()))
    noble = origin.noble["male" if male else "female"]
    if noble:
        titled = likely(rng, 0.05, count)
        name[titled] = pick(rng, noble, int(titled.sum())) + " " + name[titled]
    if origin.surname:
        name = surnames + " " + name if origin.id == "chinese" else name + " " + surnames
    return name


def draw_names(rng: Generator, names: Names, origin: Ints, sex: Ints, older: Mask, family: Ints) -> Texts:
    """A name for each person, in capitals; members of a family share its surname where their origin has one.

    `origin` is a position in `names.origins`, `family` the position of the family.
    """
    drawn = np.empty(len(sex), dtype=object)
    for place, kind in enumerate(names.origins):
        surname = pick(rng, kind.surname or ("",), int(family.max()) + 1)
        for code in (MALE, FEMALE):
            rows = np.flatnonzero((origin == place) & (sex == code))
            drawn[rows] = _of_sex(rng, kind, code == MALE, older[rows], surname[family[rows]])
    return drawn


def mistype(rng: Generator, name: str) -> str:
    """The name with one or (seldom) two typing errors: a letter swapped, dropped, doubled or hit beside."""
    for _ in range(1 + int(rng.random() < 0.15)):
        letters = [place for place, letter in enumerate(name) if letter.isalpha()]
        place = letters[int(rng.integers(len(letters)))]
        letter = name[place]
        kind = int(rng.integers(4))
        if kind == 0 and place + 1 < len(name) and name[place + 1] not in (" ", letter):
            name = name[:place] + name[place + 1] + letter + name[place + 2 :]
        elif kind == 1 and len(letters) > 3:
            name = name[:place] + name[place + 1 :]
        elif kind == 2:
            name = name[:place] + letter + name[place:]
        else:
            name = name[:place] + _NEIGHBOURS.get(letter, "A" if letter != "A" else "E") + name[place + 1 :]
    return name.strip()


def change(rng: Generator, names: Names, name: str, sex: int) -> str:
    """The name shortened, titled or as neighbours call the person."""
    tokens = name.split()
    kind = int(rng.integers(4))
    if kind == 0:
        short = names.short.get(tokens[0])
        if short is not None:
            return " ".join([short[int(rng.integers(len(short)))], *tokens[1:]])
        if len(tokens) > 1:
            return " ".join([*tokens[:-1], f"{tokens[-1][0]}."])
    if kind == 1 and len(tokens) > 1:
        return tokens[0] if rng.random() < 0.6 else tokens[-1]
    if kind == 2:
        # The tail of the first name is the usual form of address: RAHMAN becomes MAN.
        nick = tokens[0][-3:] if len(tokens[0]) > 4 else tokens[0]
        return " ".join([nick, *tokens[1:]]) if nick != tokens[0] else f"{names.titles.male[1]}{name}"
    before = names.titles.male if sex == MALE else names.titles.female
    if rng.random() < 0.75:
        return before[int(rng.integers(len(before)))] + name
    return name + names.titles.after[int(rng.integers(len(names.titles.after)))]
