"""One nightly run: for which date, on which sources, with which keys and connections."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from zoneinfo import ZoneInfo

from kampungkb.connections import CIVIL_REGISTRY, FAMILY_WORKBOOKS, HEALTH_INSURANCE, Connection
from kampungkb.errors import ConfigurationError
from kampungkb.progress import Tell, silent
from kampungkb.settings import Settings

FAMILY_SURVEY = "family_survey"
SOURCES = (FAMILY_SURVEY, CIVIL_REGISTRY, HEALTH_INSURANCE)
CONNECTION_OF_SOURCE = {
    FAMILY_SURVEY: FAMILY_WORKBOOKS,
    CIVIL_REGISTRY: CIVIL_REGISTRY,
    HEALTH_INSURANCE: HEALTH_INSURANCE,
}
JAKARTA = ZoneInfo("Asia/Jakarta")


def today() -> date:
    """Today in Asia/Jakarta, the default `as_of`."""
    return datetime.now(JAKARTA).date()


@dataclass(frozen=True)
class Run:
    """What every step is told. Connections and the pseudonym key stay in memory and out of `repr`.

    `sources` are the source ids to load; a source without a connection is absent. `force` extracts anew even
    where `as_of` already has a landed snapshot. `attended`: a person can be asked about a suspicious delivery and the
    run waits; else the default is taken at once. `tell` hears how far a long step is.
    """

    run_id: str
    as_of: date
    settings: Settings
    connections: Mapping[str, Connection] = field(repr=False, default_factory=dict)
    sources: Sequence[str] = SOURCES
    force: bool = False
    attended: bool = False
    tell: Tell = field(default=silent, repr=False, compare=False)

    def connection(self, source: str) -> Connection:
        """The connection of a source; raises :class:`ConfigurationError` where it is not set."""
        conn_id = CONNECTION_OF_SOURCE[source]
        if conn_id not in self.connections:
            raise ConfigurationError(
                f"The connection `{conn_id}` of source {source} is not set: set AIRFLOW_CONN_{conn_id.upper()}."
            )
        return self.connections[conn_id]

    @property
    def pseudonym_key(self) -> bytes:
        """The secret of the keyed pseudonyms; raises :class:`ConfigurationError` where it is missing."""
        key = self.settings.pseudonym_key
        if key is None or not key.get_secret_value():
            raise ConfigurationError(
                "KAMPUNGKB_PSEUDONYM_KEY is not set. Real sources need a secret key of your own: "
                "create one with `openssl rand -hex 32`, keep it safe, and set the variable."
            )
        return key.get_secret_value().encode()


def present_sources(connections: Mapping[str, Connection], wanted: Sequence[str] = SOURCES) -> tuple[str, ...]:
    """The wanted sources that have a connection, in pipeline order.

    Raises :class:`ConfigurationError` for an unknown source, and where the family survey, the base of
    everything, is absent.
    """
    unknown = sorted(set(wanted) - set(SOURCES))
    if unknown:
        raise ConfigurationError(f"Unknown source: {', '.join(unknown)}. Known are {', '.join(SOURCES)}.")
    present = tuple(s for s in SOURCES if s in wanted and CONNECTION_OF_SOURCE[s] in connections)
    if FAMILY_SURVEY not in present:
        raise ConfigurationError(
            "The family survey is the base of the load and is absent: set AIRFLOW_CONN_FAMILY_WORKBOOKS "
            "to the folder of workbooks (or unset every source connection to load the sample)."
        )
    return present
