"""What can be known to be wrong before an hour of work: settings, connections, the engine, the warehouse."""

import logging

from kampungkb.engine import interface
from kampungkb.key_guard import guard_key
from kampungkb.run import Run, present_sources
from kampungkb.warehouse import connect

log = logging.getLogger(__name__)


def check(run: Run) -> list[str]:
    """The sources to load, in pipeline order.

    Raises :class:`~kampungkb.errors.ConfigurationError` for a missing or another key, a missing family survey, an
    unknown source or an engine that is not installed, :class:`~kampungkb.errors.WarehouseError` where the warehouse is
    out of reach.
    """
    interface.check(run.settings)
    present = present_sources(run.connections, run.sources)
    guard_key(run)
    with connect.warehouse(run.settings, run.connections):
        pass
    log.info("Load as of %s of %s", run.as_of, ", ".join(present))
    return list(present)
