"""`kampungkb key`: another pseudonym key takes over. No key stands on the command line."""

from typing import TYPE_CHECKING, Annotated

import typer

from kampungkb.command import configured, in_both, say

if TYPE_CHECKING:
    from kampungkb.rotation.rotation import Renamed

app = typer.Typer(help="The secret behind the pseudonyms.", no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def key() -> None:
    """The secret behind the pseudonyms."""


@app.command()
def rotate(
    by: Annotated[str, typer.Option("--by", envvar="KAMPUNGKB_STEWARD", help="Who orders it.")] = "",
    because: Annotated[str, typer.Option("--because", help="Why; it stays on record.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be renamed; change nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask again.")] = False,
) -> None:
    """Let the key in KAMPUNGKB_NEW_PSEUDONYM_KEY take over: links and histories stay. Ends a killed one, too."""
    from kampungkb.reporting.messages import number
    from kampungkb.rotation import rotation

    run = configured("key-rotate")
    if not dry_run and rotation.finish(run):
        say("key_finished")
        say("key_next")
        return
    _tell(rotation.plan(run))
    if dry_run:
        return
    if not yes and not typer.confirm(in_both("key_confirm")):
        say("key_kept")
        return
    done = rotation.rotate(run, by, because)
    say("key_rotated", lake=number(sum(done.lake.values())), warehouse=number(sum(done.warehouse.values())))
    say("key_next")


def _tell(planned: "Renamed") -> None:
    from kampungkb.reporting.messages import number

    for place, rows in {**planned.lake, **planned.warehouse}.items():
        say("key_planned", place=place, rows=number(rows))
