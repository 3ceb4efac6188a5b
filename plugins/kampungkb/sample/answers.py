"""The true answers of each family to the questions P.01 to P.26, under the codes of the form."""

import numpy as np
from numpy.random import Generator

from kampungkb.sample.frames import Array, Frame, Ints, Mask, ages
from kampungkb.sample.households import CHILD, HEAD, SPOUSE
from kampungkb.sample.parameters import HouseQuestion, Parameters
from kampungkb.sample.persons import MARRIED, SINGLE, good

YES, NO, NOT_APPLICABLE = 1, 2, 3
_PLAIN = {
    "P.01": "worship",
    "P.04": "income",
    "P.05": "varied_food",
    "P.06": "savings",
    "P.08": "online_media",
    "P.09": "family_interaction",
    "P.11": "family_recreation",
    "P.12": "social_participation",
    "P.13": "living_environment",
}
_CONFLICT = {"P.03A": "no_conflict_a", "P.03B": "no_conflict_b", "P.03C": "no_conflict_c", "P.03D": "no_conflict_d"}
QUESTIONS = (
    *("P.01", "P.02", "P.03A", "P.03B", "P.03C", "P.03D"),
    *(f"P.{number:02d}" for number in range(4, 27)),
)


def _yes_no(holds: Mask, applies: Mask | bool = True) -> Ints:
    return np.asarray(np.where(applies, np.where(holds, YES, NO), NOT_APPLICABLE)).astype(np.int64)


def _house(rng: Generator, question: HouseQuestion, standard: Array) -> Ints:
    cumulated = np.cumsum(np.array(question.shares) / sum(question.shares))[:-1]
    limits = np.log(cumulated) - np.log1p(-cumulated)
    place = rng.logistic(0, 1, len(standard)) - question.slope * standard
    return np.asarray(np.searchsorted(limits, place) + 1).astype(np.int64)


def _families_with(members: Frame, which: Mask, count: int) -> Mask:
    held = np.zeros(count, dtype=bool)
    held[members["family"][which]] = True
    return held


def true_answers(rng: Generator, parameters: Parameters, families: Frame, members: Frame, on: int) -> Frame:
    """One column a question, one row a family; a question that does not apply is answered 3."""
    standard, count, age = families["standard"], len(families["standard"]), ages(members["birth"], on)

    def holds(answer: str) -> Mask:
        return good(rng, parameters, answer, standard)

    married = _families_with(members, (members["relation"] == HEAD) & (members["marital"] == MARRIED), count)
    couple = _families_with(members, members["relation"] == SPOUSE, count)
    several = np.bincount(members["family"], minlength=count) > 1
    young_child = _families_with(members, (members["relation"] == CHILD) & (age < 18), count)
    adolescent = _families_with(members, (age >= 10) & (age <= 24) & (members["marital"] == SINGLE), count)
    income, savings = holds("income"), holds("savings")
    answers = {column: _yes_no(holds(answer)) for column, answer in _PLAIN.items()}
    answers |= {column: _yes_no(~holds(answer), several) for column, answer in _CONFLICT.items()}
    answers |= {column: _house(rng, question, standard) for column, question in parameters.house.items()}
    return {
        **answers,
        "P.02": _yes_no(holds("marriage_document"), married),
        "P.04": _yes_no(income),
        "P.06": _yes_no(savings),
        "P.07": _yes_no(~holds("health")),
        "P.10": _yes_no(holds("shared_parenting"), couple & young_child),
        "P.14": _yes_no(holds("bkb"), _families_with(members, age <= 4, count)),
        "P.15": _yes_no(holds("bkr"), adolescent),
        "P.16": _yes_no(holds("pikr"), adolescent),
        "P.17": _yes_no(holds("bkl"), _families_with(members, age >= 60, count)),
        "P.18": _yes_no(holds("uppka"), ~income | ~savings),
    }
