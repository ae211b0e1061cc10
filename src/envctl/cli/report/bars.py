"""The bars themselves; the one module that loads the terminal library."""

from __future__ import annotations

import sys
from collections.abc import Mapping

from rich.console import Console
from rich.progress import BarColumn, ProgressColumn, Task, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as RichProgress
from rich.table import Column
from rich.text import Text

from envctl.cli.console import printable
from envctl.cli.report.progress import TITLES, PhaseProgress
from envctl.cli.show.words import size
from envctl.model.events import Phase

#: Characters of a subject that are shown.
_WIDE = 40


class _Amount(ProgressColumn):
    """How much is done, of how much, and for bytes how fast."""

    def render(self, task: Task) -> Text:
        """Render one task's amount."""
        if task.fields["unit"] != "bytes":
            of = f"/{int(task.total):,}" if task.total is not None else ""
            return Text(f"{int(task.completed):,}{of}")
        of = f"/{size(int(task.total))}" if task.total is not None else ""
        rate = f"  {size(int(task.speed))}/s" if task.speed else ""
        return Text(f"{size(int(task.completed))}{of}{rate}")


class Bars:
    """One bar for each running phase, on stderr."""

    def __init__(self, *, colored: bool) -> None:
        # Written to the real stream: rich's own escape codes are wanted here, and all else that it is
        # given is made printable first.
        # Without a colour system it writes no attribute either, `dim` and `bold` included, and still redraws.
        self._console = Console(
            file=sys.stderr, color_system="auto" if colored else None, highlight=False, markup=False
        )
        self._display: RichProgress | None = None
        self._tasks: dict[Phase, TaskID] = {}

    def draw(self, phases: Mapping[Phase, PhaseProgress]) -> None:
        """Show the phases as they are now."""
        if not phases:
            self.clear()
            return
        display = self._display or self._begin()
        for phase in self._tasks.keys() - phases.keys():
            display.remove_task(self._tasks.pop(phase))
        for phase, state in phases.items():
            if phase not in self._tasks:
                self._tasks[phase] = display.add_task(
                    TITLES[phase], total=state.total, unit=state.unit, subject=""
                )
            display.update(
                self._tasks[phase],
                total=state.total,
                completed=state.done,
                subject=printable(state.subject)[:_WIDE],
            )

    def clear(self) -> None:
        """Take the bars from the screen."""
        if self._display is not None:
            self._display.stop()
        self._display = None
        self._tasks.clear()

    def _begin(self) -> RichProgress:
        self._display = RichProgress(
            TextColumn("{task.description:<11}", markup=False),
            BarColumn(bar_width=24),
            _Amount(table_column=Column(no_wrap=True)),
            TimeElapsedColumn(table_column=Column(no_wrap=True)),
            TextColumn(
                "{task.fields[subject]}",
                style="dim",
                markup=False,
                table_column=Column(no_wrap=True, overflow="ellipsis"),
            ),
            console=self._console,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._display.start()
        return self._display
