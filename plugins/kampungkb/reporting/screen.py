"""What a run shows on the terminal: one line a step, then the summary or where to look."""

from collections.abc import Iterable
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from kampungkb.orchestration.doctor import Finding
from kampungkb.orchestration.journal import Entry
from kampungkb.orchestration.nightly import Loaded
from kampungkb.reporting.messages import both, message, number
from kampungkb.reporting.summary import render
from kampungkb.run import SOURCES

_WIDTH_WITHOUT_TERMINAL = 120


class Screen:
    """The terminal (or the file that stands for it)."""

    def __init__(self, console: Console | None = None) -> None:
        found = console or Console(highlight=False)
        if not found.is_terminal:
            found.width = _WIDTH_WITHOUT_TERMINAL
        self._console = found

    def line(self, key: str, **values: object) -> None:
        """One text of the catalogue in both languages, English below and dimmed."""
        text = message(key, **values)
        self._console.print(Text(text.id), soft_wrap=True)
        if text.en != text.id:
            self._console.print(Text(text.en, style="dim"), soft_wrap=True)

    def say(self, key: str) -> None:
        """Something that takes a while begins."""
        self._console.print(Text.assemble("… ", both(key)), soft_wrap=True)

    def progress(self, entry: Entry) -> None:
        """A step has ended; its start is not shown."""
        if entry.event != "finished":
            return
        good = entry.outcome == "ok"
        rows = entry.rows_out if entry.rows_out is not None else entry.rows_in
        figures = [f"{number(rows)} baris / rows"] if rows is not None else []
        figures.append(f"{number(entry.seconds, 1)} s")
        what = both(f"step_{entry.step}") + (f" · {both(f'source_{entry.source}')}" if entry.source else "")
        mark = ("✓", "green") if good else ("✗", "red")
        self._console.print(Text.assemble(mark, " ", f"{what:<62}", ", ".join(figures)), soft_wrap=True)
        if entry.error:
            self._console.print(Text(f"  {entry.error}", style="red"), soft_wrap=True)

    def summary(self, loaded: Loaded) -> None:
        """The summary of a load that ended well."""
        for part in render(loaded):
            self._console.print(part, soft_wrap=isinstance(part, Text))

    def findings(self, found: Iterable[Finding]) -> None:
        """A table with one line a finding: what was checked, how it is, and what to do, Indonesian first."""
        table = Table(box=None, pad_edge=False)
        for column in ("check", "state", "what"):
            table.add_column(both(f"doctor_{column}"), no_wrap=column != "what")
        style = {"ok": "green", "warning": "yellow", "fault": "red"}
        for each in found:
            text = message(each.key, **each.values)
            what = Text(text.id)
            if text.en != text.id:
                what.append(f"\n{text.en}", style="dim")
            title = both(f"{'source' if each.check in SOURCES else 'doctor_check'}_{each.check}")
            table.add_row(title, Text(both(f"doctor_state_{each.state}"), style=style[each.state]), what)
        self._console.print(table)

    def failed(self, log: Path) -> None:
        """A load that did not end well; the reason follows on the error stream."""
        self.line("failed")
        self.line("log", path=log)

    def ready(self, url: str, passwords: Path) -> None:
        """Airflow's page answers."""
        self.line("up_ready", url=url)
        self.line("up_login", path=passwords)
        self.line("up_stop")
