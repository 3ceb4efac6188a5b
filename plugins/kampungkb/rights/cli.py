"""`kampungkb person`: everything about one person, handed out or erased. Who it is never stands on the command line."""

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kampungkb.command import configured, in_both, say

if TYPE_CHECKING:
    from kampungkb.rights.erasure import Erased, Found
    from kampungkb.rights.subject import Wanted

app = typer.Typer(
    help="Hand out everything that is held about one person, or erase it. Correction is the source's.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


class SourceOption(StrEnum):
    """The sources of records."""

    FAMILY_SURVEY = "family_survey"
    CIVIL_REGISTRY = "civil_registry"
    HEALTH_INSURANCE = "health_insurance"


Key = Annotated[str | None, typer.Option("--key", help="Person key; without it a NIK is asked for.")]
Record = Annotated[
    SourceOption | None, typer.Option("--record", help="Ask for the key of a record of this source instead of a NIK.")
]
By = Annotated[str, typer.Option("--by", envvar="KAMPUNGKB_STEWARD", help="Who orders it.", show_default=False)]
Because = Annotated[str, typer.Option("--because", help="Why; without the person, it stays.", show_default=False)]


@app.command()
def export(
    out: Annotated[Path, typer.Option(help="Folder for the files; only you can read them.")],
    by: By,
    because: Because,
    key: Key = None,
    record: Record = None,
) -> None:
    """Write everything that is held about a person as JSON and as a workbook; the read is recorded."""
    from kampungkb.reporting.messages import number
    from kampungkb.rights import export as writing

    held = writing.export(configured("person", key_of_sample=True), _wanted(key, record), out, by, because)
    say("person_exported", places=number(len(held)), path=out)


@app.command()
def erase(
    by: By,
    because: Because,
    key: Key = None,
    record: Record = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask again.")] = False,
) -> None:
    """Erase a person from the lake and the warehouse, and keep the person out of later loads."""
    from kampungkb.rights import erasure

    run, wanted = configured("person", key_of_sample=True), _wanted(key, record)
    found = erasure.look(run, wanted)
    _tell(found)
    if not yes and not typer.confirm(in_both("person_confirm")):
        say("person_kept")
        return
    _done(erasure.erase(run, wanted, by, because))
    for file, sheet, row in found.places:
        say("person_workbook", file=file, sheet=sheet, row=row)
    say("person_at_the_source")


@app.command()
def resume() -> None:
    """Finish erasures that did not end."""
    from kampungkb.rights import erasure

    done = erasure.resume(configured("person", key_of_sample=True))
    _done(done)
    if not done:
        say("person_nothing_to_resume")


def _wanted(key: str | None, record: SourceOption | None) -> "Wanted":
    from kampungkb.errors import ConfigurationError
    from kampungkb.rights.subject import Wanted

    if key is not None and record is not None:
        raise ConfigurationError("Name the person by --key or by --record, not by both.")
    if key is not None:
        return Wanted(person_key=key.strip().lower())
    typed = _typed("person_ask_record" if record else "person_ask_nik")
    return Wanted(source=record.value, source_key=typed) if record else Wanted(nik=typed)


def _typed(question: str) -> str:
    """What the user types unseen, or the first line of the standard input: never an argument, which others can see."""
    from kampungkb.errors import ConfigurationError

    typed = typer.prompt(in_both(question), hide_input=True) if sys.stdin.isatty() else sys.stdin.readline()
    if not typed.strip():
        raise ConfigurationError("Nobody was named: type the number, or hand it over on the standard input.")
    return str(typed).strip()


def _tell(found: "Found") -> None:
    from kampungkb.reporting.messages import message

    for source, records in found.records.items():
        say("person_records", source=message(f"source_{source}"), records=records)
    if not found.records:
        say("person_rejected_only")
    if found.families_alone:
        say("person_family_alone", families=found.families_alone)
    if found.shared_nik:
        say("person_shared_nik", numbers=found.shared_nik)


def _done(done: "list[Erased]") -> None:
    from kampungkb.reporting.messages import number

    for each in done:
        rows = {"lake": number(sum(each.lake.values())), "warehouse": number(sum(each.warehouse.values()))}
        say("person_erased", number=each.erasure_id, **rows)
