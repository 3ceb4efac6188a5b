"""What a step spills goes with it, also where it was killed; what others spill stays."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from kampungkb.engine.working_folder import working_folder

pytestmark = pytest.mark.integration

SPILLING = """
import sys, time
from pathlib import Path
from kampungkb.engine.working_folder import working_folder

with working_folder(Path(sys.argv[1])) as folder:
    (folder / "spilled").write_text("rows")
    print(folder, flush=True)
    time.sleep(600)
"""


def _spilling(scratch: Path) -> tuple[subprocess.Popen[str], Path]:
    process = subprocess.Popen([sys.executable, "-c", SPILLING, str(scratch)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, Path(process.stdout.readline().strip())


def test_it_is_gone_at_the_end_of_the_step_and_after_a_fault(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="a fault"), working_folder(tmp_path) as folder:
        (folder / "spilled").write_text("rows")
        raise ValueError("a fault")
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_process_left_goes_with_the_next_step_and_a_living_ones_stays(tmp_path: Path) -> None:
    killed, left = _spilling(tmp_path)
    living, held = _spilling(tmp_path)
    try:
        killed.send_signal(signal.SIGKILL)
        killed.wait()
        assert (left / "spilled").exists()
        with working_folder(tmp_path):
            assert not left.exists()
            assert (held / "spilled").read_text() == "rows"
    finally:
        living.kill()
        living.wait()
        for each in (killed, living):
            if each.stdout:
                each.stdout.close()


def test_nothing_but_working_folders_is_removed(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    with working_folder(tmp_path):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]
