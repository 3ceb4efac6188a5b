"""A folder of the lake is there whole or not at all, whatever happens to the process that writes it."""

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from kampungkb import lake
from kampungkb.errors import KampungkbError
from kampungkb.settings import PROJECT_ROOT


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def _write(target: Path, text: str) -> None:
    with lake.replacing(target) as folder:
        (folder / "rows.txt").write_text(text)


def test_new_folders_are_for_the_owner_alone_and_existing_ones_stay_as_they_are(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    made = lake.private_folder(tmp_path / "lake" / "landing")
    assert [oct(path.stat().st_mode & 0o777) for path in (tmp_path, made.parent, made)] == ["0o755", "0o700", "0o700"]


def test_a_finished_folder_takes_the_place_of_the_old_one(tmp_path: Path) -> None:
    target = tmp_path / "scores" / "2026-11-24"
    _write(target, "first")
    _write(target, "second")
    assert (target / "rows.txt").read_text() == "second"
    assert target.stat().st_mode & 0o777 == 0o700
    assert _names(target.parent) == ["2026-11-24"]


def test_a_carried_file_is_the_same_in_both_folders_until_one_of_them_is_written_anew(tmp_path: Path) -> None:
    before, tonight = tmp_path / "before", tmp_path / "tonight"
    _write(before, "first")
    with lake.replacing(tonight) as folder:
        lake.carry(before / "rows.txt", folder)
    assert (tonight / "rows.txt").samefile(before / "rows.txt")
    _write(tonight, "second")
    assert (before / "rows.txt").read_text() == "first"


def test_where_a_file_cannot_stand_in_two_folders_its_bytes_are_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError("no links here")

    _write(tmp_path / "before", "first")
    monkeypatch.setattr(os, "link", refuse)
    lake.carry(tmp_path / "before" / "rows.txt", tmp_path)
    assert (tmp_path / "rows.txt").read_text() == "first"


def test_a_failure_leaves_the_old_folder_and_no_trace(tmp_path: Path) -> None:
    target = tmp_path / "scores"
    _write(target, "first")
    with pytest.raises(RuntimeError, match="half way"), lake.replacing(target) as folder:
        (folder / "rows.txt").write_text("second")
        raise RuntimeError("half way")
    assert (target / "rows.txt").read_text() == "first"
    assert _names(tmp_path) == ["scores"]


def test_folders_whose_names_begin_alike_do_not_disturb_each_other(tmp_path: Path) -> None:
    with lake.replacing(tmp_path / "night-2") as other:
        (other / "rows.txt").write_text("other")
        _write(tmp_path / "night", "one")
        _write(tmp_path / "[night]*", "odd")
    assert _names(tmp_path) == ["[night]*", "night", "night-2"]
    assert (tmp_path / "night-2" / "rows.txt").read_text() == "other"


KILLED = """
import os, signal, sys
from pathlib import Path
from kampungkb import lake
from kampungkb.errors import KampungkbError

target, moment = Path(sys.argv[1]), sys.argv[2]
rename = os.rename

def dying(source, destination):
    rename(source, destination)
    if moment == "between the renames":
        os.kill(os.getpid(), signal.SIGKILL)

os.rename = dying
with lake.replacing(target) as folder:
    (folder / "rows.txt").write_text("second")
    if moment == "inside the block":
        os.kill(os.getpid(), signal.SIGKILL)
"""


def _kill(target: Path, moment: str) -> None:
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, str(target), moment],
        env=os.environ | {"PYTHONPATH": str(PROJECT_ROOT / "plugins")},
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL


def test_a_process_killed_inside_the_block_leaves_the_old_folder(tmp_path: Path) -> None:
    target = tmp_path / "scores"
    _write(target, "first")
    _kill(target, "inside the block")
    assert (target / "rows.txt").read_text() == "first"
    _write(target, "third")
    assert (target / "rows.txt").read_text() == "third"
    assert _names(tmp_path) == ["scores"]


def test_a_process_killed_between_the_renames_loses_nothing(tmp_path: Path) -> None:
    target = tmp_path / "scores"
    _write(target, "first")
    _kill(target, "between the renames")
    with pytest.raises(RuntimeError, match="again"), lake.replacing(target):
        raise RuntimeError("again")
    assert (target / "rows.txt").read_text() == "first"
    assert _names(tmp_path) == ["scores"]


def test_two_at_once_replace_a_folder_one_after_the_other(tmp_path: Path) -> None:
    target = tmp_path / "scores"

    def write(text: str) -> None:
        with lake.replacing(target) as folder:
            for number in range(20):
                (folder / f"{number}.txt").write_text(text)

    texts = [str(number) for number in range(8)]
    with ThreadPoolExecutor(len(texts)) as pool:
        list(pool.map(write, texts))
    assert len({path.read_text() for path in target.iterdir()}) == 1
    assert len(_names(target)) == 20
    assert _names(tmp_path) == ["scores"]


def test_who_waits_too_long_for_a_folder_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lake, "WAIT_SECONDS", 0.0)
    with (
        lake.replacing(tmp_path / "scores"),
        pytest.raises(KampungkbError, match="Another load has been working on scores"),
        lake.replacing(tmp_path / "scores"),
    ):
        pass
