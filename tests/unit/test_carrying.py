"""What a folder says of its files is believed while they are the ones that were signed."""

import os
from datetime import date
from pathlib import Path

from kampungkb import carrying
from kampungkb.lake import sha256_of

AS_OF = date(2026, 11, 24)


def _signed(folder: Path, **known: str) -> Path:
    file = folder / "rows.txt"
    file.write_text("first")
    carrying.sign(folder, "recipe", AS_OF, {}, known=known)
    return file


def test_a_signed_file_need_not_be_read(tmp_path: Path) -> None:
    file = _signed(tmp_path, **{"rows.txt": "the checksum of a file that was carried over"})
    assert carrying.digest_told(file) == "the checksum of a file that was carried over"


def test_a_file_replaced_after_it_was_signed_is_read(tmp_path: Path) -> None:
    file = _signed(tmp_path)
    file.write_text("second")
    later = (tmp_path / carrying.MADE_OF).stat().st_mtime_ns + 1
    os.utime(file, ns=(later, later))
    assert carrying.digest_told(file) == sha256_of(file)


def test_a_file_that_nobody_signed_is_read(tmp_path: Path) -> None:
    _signed(tmp_path)
    other = tmp_path / "other.txt"
    other.write_text("other")
    assert carrying.digests_told([other]) == {"other.txt": sha256_of(other)}
