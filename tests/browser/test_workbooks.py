"""The workbook as people open it: in LibreOffice, without repair, and printed; its pages are kept as pictures."""

import re
import shutil
import subprocess
from pathlib import Path

import openpyxl
import pytest

from tests.browser.conftest import KEPT, REQUIRED, Airflow, kampungkb

OFFICE = shutil.which("soffice")


@pytest.fixture(scope="module")
def workbook(airflow: Airflow) -> Path:
    """The meeting workbook of the running warehouse."""
    if OFFICE is None or shutil.which("pdftoppm") is None:
        (pytest.fail if REQUIRED else pytest.skip)(
            "LibreOffice or poppler is not installed (Debian: apt-get install libreoffice-calc poppler-utils)"
        )
    kampungkb(airflow.environment, "reports")
    [found] = (airflow.home / "reports").rglob("coordination_meeting_*.xlsx")
    return found


def converted(source: Path, kind: str, folder: Path) -> Path:
    """The workbook as LibreOffice writes it anew; it refuses what it would have to repair."""
    profile = f"-env:UserInstallation=file://{folder}/profile"
    command = [str(OFFICE), profile, "--headless", "--convert-to", kind, "--outdir", str(folder), str(source)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=180, check=True)
    written = folder / f"{source.stem}.{kind}"
    assert written.exists(), done.stderr
    return written


def cells(book: Path) -> dict[str, list[list[object]]]:
    """The values of each sheet row by row; numbers to 12 digits, as LibreOffice writes 15."""
    return {
        sheet.title: [
            found for row in sheet.iter_rows(values_only=True) if (found := [*map(_digits, filter(_given, row))])
        ]
        for sheet in openpyxl.load_workbook(book).worksheets
    }


def _given(value: object) -> bool:
    return value is not None


def _digits(value: object) -> object:
    return float(f"{value:.12g}") if isinstance(value, float) else value


def test_libreoffice_reads_every_cell_as_it_was_written(workbook: Path, tmp_path: Path) -> None:
    written, read = cells(workbook), cells(converted(workbook, "xlsx", tmp_path))
    assert read == written


def test_every_sheet_prints_on_a4_landscape_with_its_heading(workbook: Path, tmp_path: Path) -> None:
    pdf = converted(workbook, "pdf", tmp_path)
    told = subprocess.run(["pdfinfo", pdf], capture_output=True, text=True, check=True).stdout
    pages = int(re.search(r"Pages:\s+(\d+)", told)[1])  # type: ignore[index]
    assert "A4" in told
    width, height = map(float, re.search(r"Page size:\s+([\d.]+) x ([\d.]+)", told).groups())  # type: ignore[union-attr]
    assert width > height
    texts = subprocess.run(["pdftotext", "-layout", pdf, "-"], capture_output=True, text=True, check=True).stdout
    for sheet in openpyxl.load_workbook(workbook).worksheets:
        assert str(sheet["A1"].value) in texts
    assert "###" not in texts, "no column is too narrow for its figures"
    assert pages < 40
    subprocess.run(["pdftoppm", "-r", "60", "-png", pdf, KEPT / "workbook"], check=True)
    assert len(list(KEPT.glob("workbook-*.png"))) == pages
