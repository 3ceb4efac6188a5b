"""The crosswalk: person keys that last. Each night's keys come from the latest crosswalk before it.

- A person whose records carried a key keeps it, whatever records join or leave.
- A merge keeps the older key, a split leaves the key with one part (`link_award.sql`); the others get new ones.
- A record that vanished is remembered in `retired_link.parquet` and takes its key back when it returns, provided
  that nobody carried the key in between. No key ever stands for another person.
"""

from datetime import date
from pathlib import Path

from duckdb import DuckDBPyConnection

from kampungkb import lake
from kampungkb.engine.duckdb import sql_text
from kampungkb.linkage.output import Output
from kampungkb.settings import Settings

PERSON_LINK = "person_link.parquet"
RETIRED_LINK = "retired_link.parquet"
FAMILY_LINK = "family_link.parquet"

_PREVIOUS = """
create temp table previous (
    source varchar, source_key varchar, person_key varchar, linked_since date, came_back boolean
)
"""


def latest_before(settings: Settings, as_of: date) -> Path | None:
    """The folder of the latest crosswalk strictly before `as_of`; None on the first night."""
    folders = lake.persons(settings, as_of).parent.glob("????-??-??")
    earlier = [folder for folder in folders if folder.name < as_of.isoformat() and (folder / PERSON_LINK).exists()]
    return max(earlier, default=None)


def read_previous(connection: DuckDBPyConnection, folder: Path | None, *, reopened: bool = False) -> None:
    """Make `previous`: the last known key of every record of an earlier night; empty where `folder` is None.

    With `reopened` only of the records in the table `reopened`, and of those that had vanished: a person decided anew
    has no other records.
    """
    connection.execute(_PREVIOUS)
    if folder is None:
        return
    only = "semi join reopened using (source, source_key)" if reopened else ""
    for file, came_back in ((folder / PERSON_LINK, False), (folder / RETIRED_LINK, True)):
        if file.exists():
            connection.execute(
                "insert into previous select source, source_key, person_key, linked_since, ? "
                f"from read_parquet(?) {'' if came_back else only}",
                [came_back, str(file)],
            )


def assign_keys(connection: DuckDBPyConnection, as_of: date) -> None:
    """From `record_label`, `person_record` and `previous` make `label_key` (`label, person_key`).

    Rounds until nobody is refused a key (deferred acceptance, Gale and Shapley 1962): no person is left without a
    key that it has a better claim to than the one who got it.
    """
    connection.execute(f"create temp table claim as {sql_text('link_claim')}")
    refused = 1
    while refused:
        connection.execute(f"create or replace temp table award as {sql_text('link_award')}")
        deleted = connection.execute(
            "delete from claim using award "
            "where claim.label = award.label and claim.person_key = award.person_key and award.precedence > 1"
        ).fetchone()
        refused = int(deleted[0]) if deleted else 0
    connection.execute(f"create temp table label_key as {sql_text('link_person_key')}", {"as_of": as_of})


def write_crosswalk(connection: DuckDBPyConnection, as_of: date, output: Output) -> None:
    """Make `person_link` and write the three files of the crosswalk, then make `every_link` of what was written."""
    connection.execute(f"create temp table person_link as {sql_text('link_person')}", {"as_of": as_of})
    output.write("from person_link", PERSON_LINK, "source", "source_key")
    output.write(sql_text("link_retired"), RETIRED_LINK)
    output.write(sql_text("link_family"), FAMILY_LINK)
    connection.read_parquet(str(output.folder / PERSON_LINK)).create_view("every_link")
