"""What a load on this machine needs around it: the embedded warehouse, the sample sources, the pseudonym key.

Three cases. No connection is set: the sample is made and loaded into the embedded warehouse. Any source connection is
set: nothing is sampled. Only the warehouse is set: the sample is written into it with `KAMPUNGKB_ALLOW_SAMPLE=1`,
else refused.
"""

import hashlib
import logging
import secrets
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import psycopg
from psycopg import sql

from kampungkb.connections import (
    CIVIL_REGISTRY,
    FAMILY_WORKBOOKS,
    HEALTH_INSURANCE,
    WAREHOUSE,
    Connection,
    connections_from_environment,
)
from kampungkb.errors import ConfigurationError, SourceUnavailable
from kampungkb.lake import private_folder, replacing
from kampungkb.orchestration.environment import connection_variable, kept_secret
from kampungkb.orchestration.processes import running
from kampungkb.run import SOURCES, present_sources
from kampungkb.settings import Settings
from kampungkb.warehouse import embedded

log = logging.getLogger(__name__)

INSURANCE_START_SECONDS = 60.0
Say = Callable[[str], None]


@dataclass(frozen=True)
class Need:
    """What the environment asks for: the connections it sets, and whether the sample stands in for sources."""

    connections: Mapping[str, Connection]
    sampled: bool


def need(settings: Settings, environ: Mapping[str, str], wanted: Sequence[str] = SOURCES) -> Need:
    """Decide between the three cases.

    Raises :class:`ConfigurationError` for a missing pseudonym key, for sources without the family survey among them,
    and for a sample that would go into a configured warehouse unasked.
    """
    connections = connections_from_environment(environ)
    sources = connections.keys() - {WAREHOUSE}
    if connections and not (settings.pseudonym_key and settings.pseudonym_key.get_secret_value()):
        raise ConfigurationError(
            "KAMPUNGKB_PSEUDONYM_KEY is not set, but "
            + ", ".join(f"AIRFLOW_CONN_{name.upper()}" for name in connections)
            + (" is. " if len(connections) == 1 else " are. ")
            + "Create a secret key with `openssl rand -hex 32`, keep it safe, and set the variable."
        )
    if connections and not sources and not settings.allow_sample:
        raise ConfigurationError(
            "AIRFLOW_CONN_WAREHOUSE is set and no source connection is: the sample is not written into your warehouse "
            "unasked. Set AIRFLOW_CONN_FAMILY_WORKBOOKS (and the other sources), or KAMPUNGKB_ALLOW_SAMPLE=1."
        )
    if sources:
        present_sources(connections, wanted)
    return Need(connections, sampled=not sources)


@dataclass(frozen=True)
class Surroundings:
    """What was started: the variables that lead to it, and the warehouse that they name.

    `embedded` tells that the warehouse is the embedded one, `new_sample` that a sample was made just now.
    """

    variables: dict[str, str] = field(repr=False)
    warehouse: Connection
    embedded: bool
    new_sample: bool


@contextmanager
def surroundings(
    settings: Settings,
    environ: Mapping[str, str],
    as_of: date,
    families: int,
    say: Say,
    wanted: Sequence[str] = SOURCES,
) -> Iterator[Surroundings]:
    """Start what is needed and yield what leads to it; everything is stopped at the end of the block.

    `as_of` and `families` are for a sample that has to be made; `say` is told (by message key) what takes a while.
    Raises the errors of :func:`need`, and what keeps a part from starting.
    """
    needed = need(settings, environ, wanted)
    with ExitStack() as stack:
        variables: dict[str, str] = {}
        for conn_id, connection in needed.connections.items():
            if not environ.get(f"AIRFLOW_CONN_{conn_id.upper()}"):  # it stands in the file of connections
                variables |= _variable(conn_id, connection)
        new_sample = False
        if not needed.connections and settings.pseudonym_key is None:
            variables["KAMPUNGKB_PSEUDONYM_KEY"] = kept_secret(settings, "sample_pseudonym_key")
        warehouse = needed.connections.get(WAREHOUSE)
        if warehouse is None or needed.sampled:
            server = stack.enter_context(embedded.running(settings))
            if warehouse is None:
                warehouse = server.connection()
                variables |= _variable(WAREHOUSE, warehouse)
            if needed.sampled:
                folder = sample_folder(settings)
                new_sample = _generate_once(folder, families, as_of, say)
                _load_registry_once(folder, server, say)
                insurance = stack.enter_context(_insurance_server(settings, environ, folder))
                variables |= _sample_variables(folder, server, insurance)
        yield Surroundings(variables, warehouse, WAREHOUSE not in needed.connections, new_sample)


def _variable(conn_id: str, connection: Connection) -> dict[str, str]:
    return {f"AIRFLOW_CONN_{conn_id.upper()}": connection_variable(connection)}


def sample_folder(settings: Settings) -> Path:
    """Where the sample of this home stands."""
    return settings.root / "sample"


def _sample_variables(folder: Path, server: embedded.ServerInfo, insurance: Connection) -> dict[str, str]:
    """The three connections, each marked as leading to the sample, and the regions of a sample beyond Lingga."""
    connections = {
        FAMILY_WORKBOOKS: Connection(conn_type="fs", extra={"path": str(folder / "family_survey")}),
        CIVIL_REGISTRY: server.connection(embedded.SAMPLE_DATABASE),
        HEALTH_INSURANCE: insurance,
    }
    variables: dict[str, str] = {}
    for conn_id, connection in connections.items():
        marked = connection.model_copy(update={"extra": {**connection.extra, "sample": True}})
        variables |= _variable(conn_id, marked)
    if (folder / "reference").is_dir():
        variables["KAMPUNGKB_SAMPLE_REFERENCE"] = str(folder / "reference")
    return variables


def _generate_once(folder: Path, families: int, as_of: date, say: Say) -> bool:
    """Make the sample where there is none of the wanted size, and tell whether; later nights read what is there."""
    from kampungkb.sample import SampleManifest, generate

    manifest = folder / "manifest.json"
    if manifest.exists():
        present = SampleManifest.model_validate_json(manifest.read_text(encoding="utf-8"))
        if present.families == families:
            return False
    say("sample_generate")
    with replacing(folder) as partial:
        generate(partial, families=families, as_of=as_of)
    return True


def _load_registry_once(folder: Path, server: embedded.ServerInfo, say: Say) -> None:
    """Fill the registry's database where it does not hold this very sample (a comment on the table says which)."""
    from kampungkb.sample import load_registry

    embedded.ensure_database(server, embedded.SAMPLE_DATABASE)
    mark = "sample " + hashlib.sha256((folder / "manifest.json").read_bytes()).hexdigest()
    with psycopg.connect(server.uri(embedded.SAMPLE_DATABASE), autocommit=True) as connection:
        found = connection.execute("select obj_description(to_regclass('biodata_wni'))").fetchone()
        if found == (mark,):
            return
        say("sample_registry")
        load_registry(folder, server.url(embedded.SAMPLE_DATABASE).render_as_string(hide_password=False))
        connection.execute(sql.SQL("comment on table biodata_wni is {}").format(sql.Literal(mark)))


@contextmanager
def _insurance_server(settings: Settings, environ: Mapping[str, str], folder: Path) -> Iterator[Connection]:
    """The sample's insurance API as a process of its own, with credentials made for this start."""
    cons_id, secret, user_key = "sample", secrets.token_hex(16), secrets.token_hex(16)
    port_file = private_folder(settings.root / "tmp") / f"insurance-{secrets.token_hex(4)}.port"
    log_file = settings.root / "runs" / "insurance.log"
    command = [sys.executable, "-m", "kampungkb", "serve-insurance", "--port-file", str(port_file)]
    credentials = {
        "KAMPUNGKB_INSURANCE_CONS_ID": cons_id,
        "KAMPUNGKB_INSURANCE_SECRET": secret,
        "KAMPUNGKB_INSURANCE_USER_KEY": user_key,
    }
    entries = folder / "health_insurance" / "peserta.parquet"
    try:
        with running([*command, str(entries)], {**environ, **credentials}, log_file) as process:
            deadline = time.monotonic() + INSURANCE_START_SECONDS
            while not port_file.exists():
                if process.poll() is not None or time.monotonic() > deadline:
                    raise SourceUnavailable(f"The sample's insurance server did not start; see {log_file}.")
                time.sleep(0.05)
            yield Connection(
                conn_type="http",
                host=embedded.HOST,
                port=int(port_file.read_text(encoding="ascii")),
                login=cons_id,
                password=secret,
                schema="http",
                extra={"user_key": user_key},
            )
    finally:
        port_file.unlink(missing_ok=True)
