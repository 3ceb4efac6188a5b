"""What a run shows on the terminal: one line a step, then the summary or where to look."""

from collections.abc import Iterable
from pathlib import Path

from rich import progress as bars
from rich.console import Console
from rich.table import Table
from rich.text import Text

from kampungkb.orchestration.doctor import Finding
from kampungkb.orchestration.journal import Entry
from kampungkb.orchestration.nightly import Loaded
from kampungkb.progress import Progress
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
        self._bar: bars.Progress | None = None

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
        self.still()
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

    def moving(self, told: Progress) -> None:
        """How far the step is that is going on: a bar on a terminal, nothing in a file."""
        if not self._console.is_terminal:
            return
        if self._bar is None:
            shown = (bars.BarColumn(), bars.TextColumn("{task.description}"), bars.TimeElapsedColumn())
            self._bar = bars.Progress(*shown, console=self._console, transient=True)
            self._bar.add_task("")
        of = "source" if told.subject in SOURCES else "step"
        whole = f" / {number(told.total)}" if told.total else ""
        text = f"{both(f'{of}_{told.subject}')} · {number(told.done)}{whole}"
        self._bar.update(self._bar.task_ids[0], description=text, completed=told.done, total=told.total)
        self._bar.start()

    def still(self) -> None:
        """Take the bar away, where there is one."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

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
