"""Expected faults. A message says what happened, where, and what to do next; it never holds personal data."""


class KampungkbError(Exception):
    """An expected fault: its message is meant for the person who runs the load, no traceback needed."""


class ConfigurationError(KampungkbError):
    """A setting, connection, contract, reference or methodology file is missing or wrong."""


class ContractError(KampungkbError):
    """A source has another shape than its contract (a table or needed column is missing): the run fails."""


class SourceRefused(KampungkbError):
    """A source refuses our credentials or signature: the run fails."""


class SourceUnavailable(KampungkbError):
    """A source cannot be reached or answers with faults: its last good snapshot may stand in."""


class GateClosed(KampungkbError):
    """A delivery was held back and nothing can stand in for it: the run fails, the warehouse stays as it was."""


class ReconciliationError(KampungkbError):
    """Counts that must agree do not: the run fails before anything is published."""


class WarehouseError(KampungkbError):
    """The warehouse cannot be reached, started, migrated or written."""


class WarehouseUnreachable(WarehouseError):
    """The warehouse cannot be reached, or the connection to it was lost: it may be back in some minutes."""


class AuditError(KampungkbError):
    """The audit suites found the staged tables wrong: nothing is published."""


class DecisionError(KampungkbError):
    """A steward's decision cannot be recorded: it contradicts others, or its pair is not known."""
