"""The command `kampungkb`. Each command imports what it needs when it runs, so that `--help` is quick."""

import os
import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from kampungkb.errors import KampungkbError
from kampungkb.review.cli import app as review
from kampungkb.rights.cli import app as person
from kampungkb.rotation.cli import app as key
from kampungkb.run import SOURCES

_SAMPLE_FAMILIES = 32_000


class _Guarded(TyperGroup):
    """Ends an expected fault with its message and exit code 1, a signal with the code that a shell expects."""

    def invoke(self, ctx: Any) -> Any:
        """Run the chosen command."""
        from kampungkb.orchestration.processes import Interrupted, interruptible

        try:
            with interruptible():
                return super().invoke(ctx)
        except KampungkbError as fault:
            print(f"kampungkb: {fault}", file=sys.stderr)
            raise SystemExit(1) from None
        except Interrupted as stopped:
            print(f"kampungkb: {stopped}", file=sys.stderr)
            raise SystemExit(stopped.code) from None
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise SystemExit(0) from None


app = typer.Typer(
    cls=_Guarded,
    help="Family data for Kampung KB: load it every night, query it, make a sample of it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(review, name="review")
app.add_typer(person, name="person")
app.add_typer(key, name="key")

reports = typer.Typer(invoke_without_command=True)
app.add_typer(reports, name="reports")

linkage = typer.Typer(help="The model that finds the records of one person.", no_args_is_help=True)
app.add_typer(linkage, name="linkage")

Day = Annotated[
    datetime | None,
    typer.Option("--as-of", formats=["%Y-%m-%d"], help="Date of the state (default: today in Asia/Jakarta)."),
]
Families = Annotated[
    int, typer.Option("--families", min=1, envvar="KAMPUNGKB_SAMPLE_FAMILIES", help="Families of the sample.")
]

Purpose = Annotated[str, typer.Option("--purpose", help="What the list is for; it is recorded with the read.")]
VillageStart = Annotated[
    str, typer.Option("--village", help="Village code, or the beginning of one: a district, a regency.")
]


@app.command()
def run(
    as_of: Day = None,
    source: Annotated[
        list[str] | None, typer.Option("--source", help=f"Load only this source, repeatable: {', '.join(SOURCES)}.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Extract anew even what is landed for this date.")] = False,
    families: Families = _SAMPLE_FAMILIES,
) -> None:
    """Load once, end to end, through Airflow: your connections, or the sample where none is set."""
    from kampungkb.orchestration import nightly
    from kampungkb.reporting.screen import Screen
    from kampungkb.settings import load_settings

    settings = load_settings()
    unknown = sorted(set(source or ()) - set(SOURCES))
    if unknown:
        raise KampungkbError(f"Unknown source: {', '.join(unknown)}. Known are {', '.join(SOURCES)}.")
    order = nightly.Order(
        as_of=as_of.date() if as_of else None, sources=tuple(source or SOURCES), force=force, families=families
    )
    screen = Screen()
    try:
        nightly.load(settings, os.environ, order, screen.say, screen.progress, screen.moving, screen.summary)
    except nightly.LoadFailed as fault:
        screen.failed(fault.log)
        raise
    finally:
        screen.still()


@app.command()
def up(
    port: Annotated[int, typer.Option(min=1, max=65535, envvar="AIRFLOW__API__PORT", help="Port of the page.")] = 8080,
    families: Families = _SAMPLE_FAMILIES,
) -> None:
    """Keep Airflow's page and scheduler up on this machine until Ctrl-C."""
    from kampungkb.orchestration import up as airflow
    from kampungkb.reporting.screen import Screen
    from kampungkb.settings import load_settings

    screen = Screen()
    airflow.serve(load_settings(), os.environ, port, families, screen.say, screen.ready)


@app.command()
def sql(
    query: Annotated[str, typer.Argument(help="One SQL statement.")],
    role: Annotated[
        str, typer.Option("--as", help="Role of the warehouse to ask as: kkb_steward for vault and service.")
    ] = "kkb_analyst",
    purpose: Annotated[str, typer.Option(help="What personal data is read for; it is recorded with the read.")] = "",
) -> None:
    """Print the rows of a query to the warehouse (configured or embedded) as CSV, under a least-privileged role."""
    from kampungkb.connections import connections_from_environment
    from kampungkb.settings import load_settings
    from kampungkb.warehouse.acting import query_as
    from kampungkb.warehouse.connect import warehouse as reach

    with reach(load_settings(), connections_from_environment()) as engine:
        query_as(engine, query, sys.stdout, role, purpose)


@app.command()
def actions(
    purpose: Purpose,
    village: VillageStart = "",
    sector: Annotated[str | None, typer.Option(help="Only the needs that this sector can meet.")] = None,
) -> None:
    """Print which families need which service, by name, as CSV. Every read is recorded."""
    from kampungkb.connections import connections_from_environment
    from kampungkb.settings import load_settings
    from kampungkb.warehouse.connect import warehouse as reach
    from kampungkb.warehouse.service import export_actions

    with reach(load_settings(), connections_from_environment()) as engine:
        export_actions(engine, sys.stdout, village, sector, purpose)


@reports.callback()
def publish(context: typer.Context) -> None:
    """Write the workbooks for meetings and the village sheets, of the latest load and with small counts suppressed."""
    if context.invoked_subcommand:
        return
    from kampungkb.connections import connections_from_environment
    from kampungkb.reporting.publishing import publish_reports
    from kampungkb.reporting.screen import Screen
    from kampungkb.run import Run, today
    from kampungkb.settings import load_settings

    written = publish_reports(Run("reports", today(), load_settings(), connections_from_environment()))
    Screen().line("report_written", files=len(written.files), villages=written.villages, path=written.path)


@reports.command()
def action_lists(
    purpose: Purpose,
    village: VillageStart = "",
    sector: Annotated[str, typer.Option(help="Only the needs that this sector can meet.")] = "",
    out: Annotated[Path | None, typer.Option(help="Folder (default: KAMPUNGKB_HOME/action_lists/<as_of>).")] = None,
) -> None:
    """Write a workbook for each village and sector: which families need what, by name. The read is recorded."""
    from kampungkb.connections import connections_from_environment
    from kampungkb.reporting.action_lists import write_action_lists
    from kampungkb.reporting.screen import Screen
    from kampungkb.run import Run, today
    from kampungkb.settings import load_settings

    run = Run("action-lists", today(), load_settings(), connections_from_environment())
    written = write_action_lists(run, purpose, village, sector, out)
    Screen().line("action_lists_written", files=written.files, needs=written.needs, path=written.path)


@app.command()
def retention(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would go; delete nothing.")] = False,
    as_of: Day = None,
) -> None:
    """Delete what is over the limits of include/reference/retention.yaml, in the lake and in the warehouse."""
    from kampungkb.connections import connections_from_environment
    from kampungkb.reporting.screen import Screen
    from kampungkb.retention import apply_retention
    from kampungkb.run import Run, today
    from kampungkb.settings import load_settings

    day = as_of.date() if as_of else today()
    run = Run(f"retention-{day}", day, load_settings(), connections_from_environment())
    done, screen = apply_retention(run, dry_run), Screen()
    for each in done.deleted:
        screen.line(
            "retention_planned" if dry_run else "retention_done",
            subject=each.subject,
            before=each.before,
            deleted=each.deleted,
        )


@app.command()
def doctor() -> None:
    """Check folders, disk, versions, key, clock, warehouse and sources; exit code 1 where something must be done."""
    from kampungkb.connections import connections_from_environment
    from kampungkb.orchestration.doctor import examine
    from kampungkb.orchestration.environment import with_key
    from kampungkb.reporting.screen import Screen
    from kampungkb.run import Run, today
    from kampungkb.settings import load_settings

    connections = connections_from_environment()
    found = examine(Run("doctor", today(), with_key(load_settings(), connections), connections))
    Screen().findings(found)
    raise typer.Exit(int(any(each.state == "fault" for each in found)))


@app.command()
def data_docs(
    rebuild: Annotated[bool, typer.Option("--rebuild", help="Build it anew from the lake.")] = False,
    browse: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
) -> None:
    """Print where Data Docs stand: which rules were checked, how many rows break them, no value of anybody."""
    from kampungkb.settings import load_settings
    from kampungkb.validation import results

    settings = load_settings()
    index = results.site_folder(settings) / "index.html"
    if rebuild or not index.exists():
        from kampungkb.validation.data_docs import build

        index = build(settings)
    print(index)
    if browse:
        typer.launch(str(index))


@app.command()
def warehouse() -> None:
    """Keep the embedded warehouse up until Ctrl-C and print its address, for other tools."""
    import signal

    from kampungkb.reporting.screen import Screen
    from kampungkb.settings import load_settings
    from kampungkb.warehouse import embedded

    with embedded.running(load_settings()) as server:
        Screen().line("warehouse_url", url=server.uri())
        while True:
            signal.pause()


@app.command()
def sample(
    out: Annotated[Path, typer.Option(help="Folder to write, made where it is missing.")],
    families: Families = _SAMPLE_FAMILIES,
    seed: Annotated[int, typer.Option(help="The same seed gives the same sample.")] = 2104,
    error_scale: Annotated[float, typer.Option(min=0, help="Multiplies every error rate.")] = 1.0,
    as_of: Day = None,
) -> None:
    """Make sample sources with known truth."""
    from kampungkb.reporting.messages import number
    from kampungkb.reporting.screen import Screen
    from kampungkb.sample import generate

    made = generate(out, families=families, seed=seed, as_of=as_of.date() if as_of else None, error_scale=error_scale)
    Screen().line(
        "sample_made",
        families=number(made.families),
        persons=number(made.persons),
        villages=number(made.villages),
        path=out,
    )


@app.command()
def load_registry(
    folder: Annotated[Path, typer.Argument(help="Folder of a sample.")],
    url: Annotated[str, typer.Argument(help="SQLAlchemy URL, as in postgresql+psycopg://user:password@host/database.")],
    schema: Annotated[str | None, typer.Option(help="Schema (default: the connection's own).")] = None,
) -> None:
    """Fill a database with the civil registry of a sample, replacing what stands there."""
    from kampungkb.reporting.screen import Screen
    from kampungkb.sample import load_registry as fill

    fill(folder, url, schema)
    Screen().line("registry_filled")


@app.command()
def serve_insurance(
    entries: Annotated[Path, typer.Argument(help="A sample's folder, or a file of entries (Parquet, JSON lines).")],
    cons_id: Annotated[str, typer.Option(envvar="KAMPUNGKB_INSURANCE_CONS_ID")],
    user_key: Annotated[str, typer.Option(envvar="KAMPUNGKB_INSURANCE_USER_KEY")],
    secret: Annotated[
        str | None, typer.Option(envvar="KAMPUNGKB_INSURANCE_SECRET", help="Better set as variable.")
    ] = None,
    secret_file: Annotated[Path | None, typer.Option(help="Or better still: the file that holds the secret.")] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 0,
    port_file: Annotated[Path | None, typer.Option(help="Written with the port once connections are taken.")] = None,
    base_path: Annotated[str, typer.Option(help="Path before /peserta.")] = "",
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 in a container.")] = "127.0.0.1",
    faults: Annotated[
        Path | None, typer.Option(help='JSON list of faults to commit, such as [{"kind": "server_error"}].')
    ] = None,
) -> None:
    """Serve a sample as the health insurer's API until Ctrl-C."""
    import logging

    from pydantic import ValidationError

    from kampungkb.errors import ConfigurationError
    from kampungkb.sample import serve_insurance as serve
    from kampungkb.sample.insurance_faults import FAULTS

    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        planned = FAULTS.validate_json(faults.read_bytes()) if faults else []
    except (OSError, ValidationError) as fault:
        raise ConfigurationError(f"{faults} is no JSON list of faults: {fault}") from None
    try:
        secret = secret_file.read_text(encoding="utf-8").strip() if secret_file else secret
    except OSError as fault:
        raise ConfigurationError(f"The secret cannot be read from {secret_file}: {fault.strerror}.") from None
    if not secret:
        raise ConfigurationError("Signatures need a secret: --secret-file, or KAMPUNGKB_INSURANCE_SECRET.")
    serve(
        entries / "health_insurance" / "peserta.parquet" if entries.is_dir() else entries,
        cons_id=cons_id,
        secret=secret,
        user_key=user_key,
        port=port,
        port_file=port_file,
        faults=planned,
        base_path=base_path,
        host=host,
    )


@linkage.command()
def train(
    seed: Annotated[int | None, typer.Option(help="Seed of the random pairs (default: model.yaml's).")] = None,
) -> None:
    """Estimate the model's parameters anew from the newest accepted records of this installation."""
    from kampungkb.linkage.retraining import train_installation
    from kampungkb.reporting.messages import number
    from kampungkb.reporting.screen import Screen
    from kampungkb.settings import load_settings

    screen = Screen()
    screen.say("linkage_training")
    model, path = train_installation(load_settings(), seed)
    screen.line("linkage_trained", version=model.version, records=number(model.parameters.records), path=path)
