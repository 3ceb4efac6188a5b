"""The sources behind one protocol: workbooks of the family survey, the civil registry, the health insurance API.

`MODULES` names the module of each source id; the module is imported only when its source is extracted.
"""

from importlib import import_module
from typing import cast

from kampungkb.connections import CIVIL_REGISTRY, HEALTH_INSURANCE
from kampungkb.run import FAMILY_SURVEY
from kampungkb.sources.protocol import Source

MODULES = {
    FAMILY_SURVEY: "kampungkb.sources.workbooks",
    CIVIL_REGISTRY: "kampungkb.sources.registry",
    HEALTH_INSURANCE: "kampungkb.sources.insurance",
}


def source_module(source: str) -> Source:
    """The module that extracts a source."""
    return cast(Source, import_module(MODULES[source]))
