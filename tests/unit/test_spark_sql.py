"""DuckDB's dialect in Spark's words: the rules beside sqlglot's own, and statements that no rule may guess at."""

import pytest

from kampungkb.engine.spark_sql import macro, parsed, spark_sql


def spark(query: str, parameters: object = None, *macros: str) -> str:
    known = dict[str, object]()
    for each in macros:
        name, meaning = macro(parsed(each), known)  # type: ignore[arg-type]
        known[name] = meaning
    return spark_sql(parsed(query, parameters), known)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("duckdb", "expected"),
    [
        ("regexp_full_match(a, '[0-9]{3}')", r"(a RLIKE '^(?:[0-9]{3})\\z')"),
        (r"regexp_extract(a, '^0*([0-9]+)(\.0+)?$', 1)", r"REGEXP_EXTRACT(a, '^0*([0-9]+)(\\.0+)?\\z')"),
        (r"regexp_replace(a, '^(\d)-(\d)', '\2-\1')", r"REGEXP_REPLACE(a, '^(\\d)-(\\d)', '$2-$1')"),
        ("regexp_replace(a, ' +', ' ', 'g')", "REGEXP_REPLACE(a, ' +', ' ')"),
        ("timezone('Asia/Jakarta', try_cast(a as timestamp))", "TRY_CAST(a AS TIMESTAMP)"),
        ("cast(timezone('Asia/Jakarta', moment) as date)", "CAST(moment AS DATE)"),
        ("strlen(a)", "OCTET_LENGTH(a)"),
        ("chr(8192)", "'\u2000'"),
        ("printf('%02d', a)", "FORMAT_STRING('%02d', a)"),
        ("hash(a, b)", "XXHASH64(a, b)"),
        ("map_extract_value(map {'a': '1'}, b)", "TRY_ELEMENT_AT(MAP('a', '1'), b)"),
        ("list_has_all(a, b)", "SIZE(ARRAY_EXCEPT(b, a)) = 0"),
        ("cast(a as ubigint)", "CAST(a AS DECIMAL(20, 0))"),
        (
            "regexp_extract(left(timezone('Asia/Jakarta', a), strlen(b)), 'x$', 0)",
            r"REGEXP_EXTRACT(LEFT(a, OCTET_LENGTH(b)), 'x\\z', 0)",
        ),
        ("a // 10", "a DIV 10"),
        ('"K.04"', "`K.04`"),
    ],
)
def test_what_means_something_else_in_spark_is_said_otherwise(duckdb: str, expected: str) -> None:
    assert spark(f"select {duckdb} as x") == f"SELECT {expected} AS x"


def test_nulls_stand_where_duckdb_puts_them() -> None:
    assert spark("select a from t order by a") == "SELECT a FROM t ORDER BY a NULLS LAST"


@pytest.mark.parametrize(
    "query",
    ["select regexp_replace(a, ' +', ' ')", "select timezone('UTC', a)", "select regexp_full_match(a, b)"],
)
def test_what_no_rule_knows_is_refused(query: str) -> None:
    with pytest.raises(ValueError, match=r"translated|needs the option g"):
        spark(query)


def test_macros_are_written_out_with_their_arguments_and_the_macros_within() -> None:
    older = "create macro older(years, day, other) as year(other) - year(day) > years"
    much_older = "create macro much_older(day) as older(100, day, as_of())"
    as_of = "create macro as_of() as date '2026-11-24'"
    assert spark("select much_older(a.born) from a", None, as_of, older, much_older) == (
        "SELECT (YEAR(CAST('2026-11-24' AS DATE)) - YEAR(a.born) > 100) FROM a"
    )


def test_an_argument_that_is_a_sum_stays_one() -> None:
    assert spark("select twice(a + b)", None, "create macro twice(x) as x * 2") == "SELECT ((a + b) * 2)"


def test_parameters_become_literals() -> None:
    assert spark("select ?, ?, ?", ["it's", None, 3]) == r"SELECT 'it\'s', NULL, 3"
    assert spark("select $day", {"day": "x"}) == "SELECT 'x'"


def test_a_parquet_file_is_read_by_its_path_and_its_rows_numbered() -> None:
    query = "select file_row_number as row_id, * from read_parquet('/lake/a.parquet', file_row_number = true)"
    assert spark(query) == "SELECT _metadata.row_index AS row_id, * FROM `parquet`.`file:///lake/a.parquet`"
