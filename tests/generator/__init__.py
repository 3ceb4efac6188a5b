"""A second, independent generator of the three sources, with known faults, for tests only.

It is written from the description of the sources and shares no code with the product, so that a misreading in one
of them shows as a difference. `make_scenario` plants a known number of each fault and says what must come of it.
"""

from tests.generator.expectation import Counts, Expectation, Quarantined
from tests.generator.insurance import InsuranceApi
from tests.generator.registry import PROFILES, Profile
from tests.generator.scenario import Scenario, make_scenario

__all__ = [
    "PROFILES",
    "Counts",
    "Expectation",
    "InsuranceApi",
    "Profile",
    "Quarantined",
    "Scenario",
    "make_scenario",
]
