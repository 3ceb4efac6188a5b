"""Conflicts: records that hang together and cannot all be one person, divided so that the most evidence is kept.

A component is a set of records joined by accepted pairs. Where it holds two records that one person cannot have, it
is divided into persons: of all partitions that keep such records apart the one with the greatest sum of pair weights
is taken. Up to `EXACT_UP_TO` records that is solved exactly, as an integer linear programme (correlation clustering
with transitivity constraints, SciPy's HiGHS); larger components join pairs from the heaviest to the lightest, as
long as no person gets two records that it cannot have.
"""

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
from scipy.optimize import LinearConstraint, milp
from scipy.sparse import coo_array

EXACT_UP_TO = 24
UNKNOWN = -1.0
"""The weight of a pair of which nothing is known: it shares no blocking key, or lies below the floor."""

Pair = tuple[int, int]


def divide(records: Sequence[int], weights: Mapping[Pair, float], apart: set[Pair]) -> dict[int, int]:
    """The persons of a component: for each record the smallest record of its person.

    `weights` are by pair (smaller record first), positive for and negative against one person; `apart` are the pairs
    that cannot be one person. Pairs in neither weigh :data:`UNKNOWN`.
    """
    ordered = sorted(records)
    if len(ordered) <= EXACT_UP_TO:
        return _exact(ordered, weights, apart)
    return _heaviest_first(ordered, weights, apart)


def _exact(records: list[int], weights: Mapping[Pair, float], apart: set[Pair]) -> dict[int, int]:
    pairs = list(combinations(range(len(records)), 2))
    position = {pair: place for place, pair in enumerate(pairs)}
    names = [(records[one], records[two]) for one, two in pairs]
    gain = np.array([weights.get(name, UNKNOWN) for name in names])
    upper = np.array([0.0 if name in apart else 1.0 for name in names])
    rows, columns, values = [], [], []
    triples = 0
    for one, two, three in combinations(range(len(records)), 3):
        sides = (position[one, two], position[two, three], position[one, three])
        for odd in sides:  # two sides joined and the third not: forbidden
            rows += [triples] * 3
            columns += list(sides)
            values += [-1.0 if side == odd else 1.0 for side in sides]
            triples += 1
    rules = []
    if triples:
        rules = [LinearConstraint(coo_array((values, (rows, columns)), (triples, len(pairs))).tocsr(), -np.inf, 1.0)]
    solved = milp(-gain, integrality=np.ones(len(pairs)), bounds=(0, upper), constraints=rules)
    if solved.x is None:
        return _heaviest_first(records, weights, apart)
    person = {record: record for record in records}
    for joined, (one, two) in zip(solved.x > 0.5, names, strict=True):
        if joined:
            person[two] = min(person[two], one)
    return person


def _heaviest_first(records: list[int], weights: Mapping[Pair, float], apart: set[Pair]) -> dict[int, int]:
    members = {record: {record} for record in records}
    person = {record: record for record in records}
    strangers: dict[int, set[int]] = {record: set() for record in records}
    for one, two in apart:
        strangers[one].add(two)
        strangers[two].add(one)
    for (one, two), weight in sorted(weights.items(), key=lambda entry: (-entry[1], entry[0])):
        left, right = sorted((person[one], person[two]))
        if weight <= 0 or left == right or not strangers[left].isdisjoint(members[right]):
            continue
        for record in members[right]:
            person[record] = left
        members[left] |= members.pop(right)
        strangers[left] |= strangers.pop(right)
    return person
