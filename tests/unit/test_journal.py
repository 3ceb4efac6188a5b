"""The journal of a run: what is written, when, for whom to read, and what never stands in it."""

import stat
from datetime import date
from pathlib import Path

import pytest

from kampungkb.errors import ContractError
from kampungkb.orchestration.journal import Entry, append, journal_path, read_journal, recording, sentence
from kampungkb.refs import Linked, Published, Scored, Snapshot, Validated
from kampungkb.settings import Settings

pytestmark = pytest.mark.unit

RUN_ID = "manual__2026-11-24T22:12:01.396207+00:00"
SNAPSHOT = Snapshot(
    source="family_survey",
    path=Path("/lake/s"),
    snapshot_id="2026-11-24.1",
    as_of=date(2026, 11, 24),
    read={"keluarga": 2, "anggota": 5},
)
VALIDATED = Validated(
    source="family_survey",
    path=Path("/lake/a"),
    read={"keluarga": 2, "anggota": 5},
    accepted={"keluarga": 2, "anggota": 4},
    rejected={"keluarga": 0, "anggota": 1},
    nulled={},
)


def test_a_step_leaves_a_line_at_its_start_and_one_at_its_end(settings: Settings) -> None:
    with recording(settings, RUN_ID, "extract", "family_survey") as step:
        [started] = read_journal(journal_path(settings, RUN_ID))
        step.done(SNAPSHOT)
    _, finished = read_journal(journal_path(settings, RUN_ID))
    assert (started.event, started.step, started.source) == ("started", "extract", "family_survey")
    assert (finished.event, finished.outcome, finished.rows_out) == ("finished", "ok", 7)
    assert finished.seconds is not None and finished.seconds >= 0
    assert Snapshot.model_validate(finished.result) == SNAPSHOT


@pytest.mark.parametrize(
    ("result", "rows_in", "rows_out"),
    [
        (SNAPSHOT, None, 7),
        (VALIDATED, 7, 6),
        (Linked(path=Path("/p"), records={"a": 4, "b": 3}, linked={}, persons=5), 7, 5),
        (Scored(path=Path("/s"), families=2, rows=4), 2, 4),
        (Published(as_of=date(2026, 11, 24), latest=True, changed={"x": 1, "y": 2}), None, 3),
        (["family_survey"], None, None),
    ],
)
def test_rows_in_and_out_are_read_from_the_reference(
    settings: Settings, result: object, rows_in: int | None, rows_out: int | None
) -> None:
    with recording(settings, RUN_ID, "step") as step:
        step.done(result)
    finished = read_journal(journal_path(settings, RUN_ID))[-1]
    assert (finished.rows_in, finished.rows_out) == (rows_in, rows_out)


def test_an_expected_fault_is_kept_with_its_words_and_passes_through(settings: Settings) -> None:
    with pytest.raises(ContractError), recording(settings, RUN_ID, "extract", "civil_registry"):
        raise ContractError("biodata_wni lacks nik.")
    finished = read_journal(journal_path(settings, RUN_ID))[-1]
    assert (finished.outcome, finished.error, finished.expected) == ("failed", "biodata_wni lacks nik.", True)


def test_an_unforeseen_fault_is_kept_by_its_kind_alone(settings: Settings) -> None:
    with pytest.raises(ValueError, match="Siti"), recording(settings, RUN_ID, "validate"):
        raise ValueError("cannot convert 'Siti Rahayu'")
    finished = read_journal(journal_path(settings, RUN_ID))[-1]
    assert (finished.error, finished.expected) == ("ValueError", False)
    assert "Siti" not in journal_path(settings, RUN_ID).read_text()


def test_the_journal_and_its_folder_are_for_the_owner_alone(settings: Settings) -> None:
    with recording(settings, RUN_ID, "prepare"):
        pass
    path = journal_path(settings, RUN_ID)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_the_file_is_named_after_the_run_without_characters_that_a_file_name_dislikes(settings: Settings) -> None:
    path = journal_path(settings, "manual__../../2026 11:24")
    assert path.parent == settings.root / "runs"
    assert path.name == "manual__..-..-2026-11-24.jsonl"


def test_a_line_that_is_being_written_is_not_read_yet(settings: Settings) -> None:
    path = journal_path(settings, RUN_ID)
    append(path, Entry(run_id=RUN_ID, step="extract", event="started"))
    with path.open("a", encoding="utf-8") as file:
        file.write('{"run_id": "manu')
    assert [entry.step for entry in read_journal(path)] == ["extract"]


def test_each_step_has_its_own_peak_of_memory(settings: Settings) -> None:
    with recording(settings, RUN_ID, "large"):
        block = bytearray(300 * 2**20)
        block[::4096] = b"x" * len(block[::4096])
        del block
    with recording(settings, RUN_ID, "small"):
        pass
    large, small = (entry for entry in read_journal(journal_path(settings, RUN_ID)) if entry.event == "finished")
    if large.peak_mib is None or small.peak_mib is None:
        pytest.skip("this system does not tell a process its peak of memory")
    assert large.peak_mib >= small.peak_mib + 200


def test_a_finished_step_is_one_readable_line(settings: Settings) -> None:
    entry = Entry(
        run_id=RUN_ID,
        step="validate",
        source="civil_registry",
        event="finished",
        seconds=3.21,
        rows_in=98123,
        rows_out=97001,
        peak_mib=512.4,
    )
    assert sentence(entry) == "validate civil_registry: 98,123 rows in, 97,001 rows out, 3.2 s, peak 512 MiB"
