"""What one task receives from another by XCom: checked before it is used, since Airflow keeps it longer than it holds.

A task that is cleared weeks later, or after an upgrade, gets what was handed over then.
"""

from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from kampungkb import lake
from kampungkb.errors import KampungkbError
from kampungkb.refs import Linked, Scored, Validated
from kampungkb.run import Run

_AGAIN = "Nothing was changed. Clear the run from its first task, with all that follows it."


def received(run: Run, name: str, kind: Any, value: Any) -> Any:
    """The value as the type that the task asks for.

    Raises :class:`KampungkbError` where it has another form, or leads to the results of another date than the run's.
    """
    try:
        reference = TypeAdapter(kind).validate_python(value)
    except ValidationError as fault:
        raise KampungkbError(
            f"What an earlier task handed over as `{name}` has another form than this release knows "
            f"({fault.error_count()} fields). {_AGAIN}"
        ) from None
    for each in reference if isinstance(reference, list | tuple) else [reference]:
        if isinstance(each, Validated | Linked | Scored) and each.path != _place(run, each):
            raise KampungkbError(
                f"What an earlier task handed over as `{name}` leads to {each.path}, which are not the results of "
                f"{run.as_of} in {run.settings.lake}. {_AGAIN}"
            )
    return reference


def _place(run: Run, reference: Validated | Linked | Scored) -> Path:
    match reference:
        case Validated(source=source):
            return lake.accepted(run.settings, run.as_of, source)
        case Linked():
            return lake.persons(run.settings, run.as_of)
        case _:
            return lake.scores(run.settings, run.as_of)
