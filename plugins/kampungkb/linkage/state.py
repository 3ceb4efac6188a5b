"""What a night leaves for the next one about every record, and whether the next one may build on it.

`record_state.parquet`, one row a record: `source`, `source_key`; `digest` of what was read of it; `component`, a number
of the records that are decided together; `label`, whom it was thought to be before families were asked; what a decision
asks of the record: `household`, a number of its family, the key columns of :mod:`~kampungkb.linkage.blocks`, `rule_1`…
(its exact groups), `exclusive_key` and `rival_key`; and of its person: `linked` (known to another source too), `leads`
(this is its first record), `repeated` (a source has several records of it); and of a record held against the
registry's: `village`, `checked`, `missing` and `failed`, its verdict (:mod:`~kampungkb.linkage.accuracy`). It names
people by their source keys, so it is personal data like the crosswalk beside it, and is deleted with that folder.
`made_of.json` beside it (:mod:`kampungkb.carrying`) tells the recipe and the inputs.
"""

import hashlib
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from kampungkb import carrying, validation
from kampungkb.carrying import MadeOf, digests_told
from kampungkb.engine.accepted import SOURCE_OF_PERSONS, files_in
from kampungkb.engine.duckdb import sql_text
from kampungkb.linkage.blocks import KEYS, key_columns
from kampungkb.linkage.crosswalk import FAMILY_LINK, PERSON_LINK, RETIRED_LINK
from kampungkb.linkage.decisions import Decision
from kampungkb.linkage.model import Definition, Model
from kampungkb.linkage.names import FOLDER
from kampungkb.linkage.prediction import CANDIDATE_PAIR, TABLE
from kampungkb.linkage.review import DECISIONS, MATCH_REVIEW
from kampungkb.linkage.rules import rule_columns
from kampungkb.linkage.splink_model import EXCLUSIVE, RIVAL
from kampungkb.refs import Validated
from kampungkb.run import Run
from kampungkb.validation.suites import Suite

STATE = "record_state.parquet"
VERDICT = ("village", "checked", "missing", "failed")
_NEEDED = (STATE, PERSON_LINK, FAMILY_LINK, RETIRED_LINK, CANDIDATE_PAIR, MATCH_REVIEW, DECISIONS)


def recipe(run: Run, model: Model, suite: Suite) -> str:
    """A digest of all that makes tonight's links and verdicts from the sources: code, SQL, tables, libraries.

    The key is none of it: a lake has one, and a rotation renames what the earlier night left. Where the recipe differs
    from that of the earlier night, nothing of that night is kept but the person keys.
    """
    told = [model.version, suite.model_dump_json()]
    told += [f"{library} {version(library)}" for library in ("splink", "great_expectations")]
    files = [
        run.settings.reference("regions.csv"),
        *Path(validation.__file__).parent.glob("*.py"),
        *FOLDER.glob("*.csv"),
    ]
    return carrying.recipe(run, Path(__file__).parent, ("link*", "stage*"), told, files)


def inputs_of(validated: Sequence[Validated], decisions: Sequence[Decision]) -> dict[str, str]:
    """Digests of what tonight's links are made of: the accepted tables of the present sources, and the decisions."""
    folders = {reference.source: reference.path for reference in validated}
    files = files_in(folders, "keluarga", *SOURCE_OF_PERSONS)
    return {**digests_told(files.values()), "decisions": hashlib.sha256(repr(decisions).encode()).hexdigest()}


def usable(earlier: Path | None, recipe: str) -> MadeOf | None:
    """What an earlier night was made of, where it left all that can be carried over, made by the same recipe."""
    if earlier is None or not all((earlier / name).exists() for name in _NEEDED):
        return None
    made = carrying.read(earlier)
    return made if made is not None and made.recipe == recipe else None


def known_columns(definition: Definition) -> list[str]:
    """The columns of the state that follow from the record alone: they stay while its digest stays."""
    return [*key_columns(definition), *rule_columns(), "household", EXCLUSIVE, RIVAL]


def opened_columns(definition: Definition) -> list[str]:
    """The columns of the state that a decision anew needs: what follows from the record, and what was settled alone."""
    return ["source", "source_key", "digest", "component", "label", *known_columns(definition)]


def state_of(definition: Definition) -> str:
    """SQL: the state of the records that were decided tonight."""
    columns = [f"{KEYS}.{name}" for name in key_columns(definition)]
    columns += [f"rule_group.{name}" for name in rule_columns()]
    columns += [f"{TABLE}.{name}" for name in (EXCLUSIVE, RIVAL)]
    columns += [f"verdict.{name}" for name in VERDICT]
    return (
        f"with settled as ({sql_text('link_settled')}) "
        f"select settled.* exclude (record_id), {', '.join(columns)} from settled "
        f"inner join {KEYS} using (record_id) inner join {TABLE} using (record_id) "
        "left join rule_group using (record_id) "
        "left join verdict on settled.source = verdict.source and settled.source_key = verdict.source_key"
    )
