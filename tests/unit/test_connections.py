"""Connections are read as Airflow reads them, and their secrets stay out of every message."""

import json
import re

import pytest
from airflow.sdk import Connection as AirflowConnection
from hypothesis import given
from hypothesis import strategies as st

from kampungkb.connections import connections_from_environment, parse_connection
from kampungkb.errors import ConfigurationError
from kampungkb.settings import PROJECT_ROOT


@pytest.mark.parametrize(
    "text",
    [
        "fs://?path=%2Fdata%2Fsurvey",
        '{"conn_type": "fs", "extra": {"path": "/data/survey"}}',
        '{"conn_type": "fs", "extra": "{\\"path\\": \\"/data/survey\\"}"}',
        "fs:///?__extra__=%7B%22path%22%3A+%22%2Fdata%2Fsurvey%22%7D",
        '  {"conn_type": "fs", "host": "", "port": null, "login": "", "extra": {"path": "/data/survey"}}',
    ],
)
def test_a_folder_of_workbooks_is_its_extra_path(text: str) -> None:
    connection = parse_connection("family_workbooks", text)
    assert connection.conn_type == "fs"
    assert connection.extra == {"path": "/data/survey"}
    assert (connection.host, connection.port, connection.login, connection.password) == (None, None, None, None)


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://siak:p%40ss%2Fw%3Ard%25@db.example:5433/adminduk?schema=siak",
        "postgres://siak:p%40ss%2Fw%3Ard%25@db.example:5433/adminduk?schema=siak",
        json.dumps(
            {
                "conn_type": "postgresql",
                "host": "db.example",
                "port": "5433",
                "login": "siak",
                "password": "p@ss/w:rd%",
                "schema": "adminduk",
                "extra": {"schema": "siak"},
            }
        ),
    ],
)
def test_a_database_says_the_same_as_uri_and_as_json(text: str) -> None:
    connection = parse_connection("civil_registry", text)
    assert connection.conn_type == "postgres"
    assert (connection.host, connection.port, connection.schema_) == ("db.example", 5433, "adminduk")
    assert (connection.login, connection.secret()) == ("siak", "p@ss/w:rd%")
    assert connection.extra == {"schema": "siak"}


@pytest.mark.parametrize(
    ("text", "host", "database"),
    [
        ("sqlite:////data/registry.db", None, "/data/registry.db"),
        ("sqlite://%2Fdata%2Fregistry.db", "/data/registry.db", None),
        ('{"conn_type": "sqlite", "host": "/data/registry.db"}', "/data/registry.db", None),
        ("mysql://root@127.0.0.1/adminduk", "127.0.0.1", "adminduk"),
        ("mysql://root:@[::1]:3307/adminduk", "::1", "adminduk"),
        ("postgresql://test@%2Fvar%2Frun%2Fpostgresql/adminduk", "/var/run/postgresql", "adminduk"),
    ],
)
def test_files_sockets_and_addresses_of_databases(text: str, host: str | None, database: str | None) -> None:
    connection = parse_connection("civil_registry", text)
    assert (connection.host, connection.schema_) == (host, database)
    assert connection.secret() == ""


def test_a_web_service_with_a_numeric_login_and_a_base_path() -> None:
    text = json.dumps(
        {
            "conn_type": "http",
            "host": "jkn.example",
            "schema": "https",
            "port": 8443,
            "login": 17245,
            "password": 99071,
            "extra": {"user_key": "k", "base_path": "/vclaim", "regency_code": "2104"},
        }
    )
    connection = parse_connection("health_insurance", text)
    assert (connection.schema_, connection.host, connection.port) == ("https", "jkn.example", 8443)
    assert (connection.login, connection.secret()) == ("17245", "99071")
    assert connection.extra["base_path"] == "/vclaim"


def test_a_host_may_carry_its_protocol() -> None:
    connection = parse_connection("health_insurance", "http://https://jkn.example:8443/?user_key=k")
    assert (connection.conn_type, connection.host, connection.port) == ("http", "https://jkn.example", 8443)


_WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=12)
_HOSTS = st.from_regex(r"[a-z][a-z0-9-]{0,10}(\.[a-z]{2,5})?", fullmatch=True)


@given(
    conn_type=st.sampled_from(["postgres", "mysql", "sqlite", "http", "fs", "google-cloud-platform"]),
    host=st.one_of(st.none(), _HOSTS, st.just("/var/run/postgresql")),
    port=st.one_of(st.none(), st.integers(1, 65535)),
    login=_WORDS,
    password=_WORDS,
    schema=_WORDS,
    extra=st.dictionaries(st.from_regex(r"[a-z_]{1,8}", fullmatch=True), st.one_of(_WORDS, st.integers()), max_size=3),
)
def test_what_airflow_writes_is_read_back_as_airflow_reads_it(
    conn_type: str,
    host: str | None,
    port: int | None,
    login: str,
    password: str,
    schema: str,
    extra: dict[str, str | int],
) -> None:
    written = AirflowConnection(
        conn_id="c",
        conn_type=conn_type,
        host=host,
        port=port if host else None,
        login=login,
        password=password,
        schema=schema,
        extra=json.dumps(extra),
    )
    for text, reread in (
        (written.get_uri(), AirflowConnection.from_uri(written.get_uri(), conn_id="c")),
        (written.as_json(), AirflowConnection.from_json(written.as_json(), conn_id="c")),
    ):
        ours = parse_connection("c", text)
        assert ours.conn_type == reread.conn_type
        assert (ours.host or "") == (reread.host or "")
        assert ours.port == reread.port
        assert (ours.login or "") == (reread.login or "")
        assert ours.secret() == (reread.password or "")
        assert (ours.schema_ or "") == (reread.schema or "")
        assert ours.extra == reread.extra_dejson


@pytest.mark.parametrize(
    "text",
    [
        "s3cret",
        "/data/s3cret",
        "://host/s3cret",
        "{s3cret",
        '{"host": "s3cret"}',
        '{"conn_type": "", "host": "s3cret"}',
        '{"conn_type": "http", "port": "s3cret"}',
        '{"conn_type": "http", "extra": ["s3cret"]}',
        '{"conn_type": "http", "extra": "s3cret"}',
        '{"conn_type": {"a": "s3cret"}}',
        "mysql://root:s3cret/word@host:3306/db",
        "mysql://root:s3cret@host:99999/db",
        "http://[s3cret",
        "fs://?__extra__=s3cret",
    ],
)
def test_an_unreadable_connection_is_named_and_not_shown(text: str) -> None:
    with pytest.raises(ConfigurationError) as fault:
        parse_connection("civil_registry", text)
    assert "AIRFLOW_CONN_CIVIL_REGISTRY" in str(fault.value)
    assert "s3cret" not in str(fault.value)
    assert fault.value.__suppress_context__


def test_secrets_stay_out_of_the_printed_connection() -> None:
    connection = parse_connection("health_insurance", "http://17245:s3cret@jkn.example/?user_key=s3cret")
    assert "s3cret" not in repr(connection)
    assert "s3cret" not in str(connection)


def test_only_connections_that_are_set_and_not_empty_count() -> None:
    environment = {
        "AIRFLOW_CONN_FAMILY_WORKBOOKS": "fs://?path=%2Fdata",
        "AIRFLOW_CONN_CIVIL_REGISTRY": "",
        "AIRFLOW_CONN_WAREHOUSE": "  ",
        "AIRFLOW_CONN_SOMETHING_ELSE": "not read",
    }
    assert set(connections_from_environment(environment)) == {"family_workbooks"}


def test_every_example_of_the_reference_page_can_be_read_and_both_forms_say_the_same() -> None:
    page = (PROJECT_ROOT / "docs" / "reference" / "configuration.md").read_text(encoding="utf-8")
    # Airflow alone reads the connections of notices and of lineage
    examples = re.findall(r"^export AIRFLOW_CONN_(?!\w+_NOTICES|OPENLINEAGE)(\w+)='(.*)'$", page, flags=re.MULTILINE)
    assert {name for name, _ in examples} == {"FAMILY_WORKBOOKS", "CIVIL_REGISTRY", "HEALTH_INSURANCE", "WAREHOUSE"}
    for (name, uri), (same_name, written) in zip(examples[::2], examples[1::2], strict=True):
        as_uri, as_json = parse_connection(name, uri), parse_connection(same_name, written)
        assert written.startswith("{")
        assert (as_uri.conn_type, as_uri.login, as_uri.secret(), as_uri.port) == (
            as_json.conn_type,
            as_json.login,
            as_json.secret(),
            as_json.port,
        )
        if as_uri.conn_type == "sqlite":  # a file has two customary places: the path of a URI, the host of JSON
            assert as_uri.schema_ == as_json.host
        else:
            assert (as_uri.host, as_uri.schema_) == (as_json.host, as_json.schema_)
