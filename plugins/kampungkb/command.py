"""What commands begin with and how they speak: a run from the environment, texts of the catalogue."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kampungkb.run import Run


def configured(run_id: str, *, key_of_sample: bool = False) -> "Run":
    """A run of today from the environment; with the sample's own key, where nothing is configured, if asked for."""
    from kampungkb.connections import connections_from_environment
    from kampungkb.orchestration.environment import with_key
    from kampungkb.run import Run, today
    from kampungkb.settings import load_settings

    connections, settings = connections_from_environment(), load_settings()
    return Run(run_id, today(), with_key(settings, connections) if key_of_sample else settings, connections)


def say(key: str, **values: object) -> None:
    """One text of the catalogue, in both languages."""
    from kampungkb.reporting.screen import Screen

    Screen().line(key, **values)


def in_both(key: str) -> str:
    """One text of the catalogue in one line, for a question."""
    from kampungkb.reporting.messages import both

    return both(key)
