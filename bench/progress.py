"""Progress of long work: a bar with the time left on a terminal or in a notebook, otherwise a plain line at intervals."""

from __future__ import annotations

import contextlib
import html
import re
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

from bench.errors import printable

if TYPE_CHECKING:
    from rich.console import Console

LOG_EVERY_SECONDS = 15.0
NOTEBOOK_EVERY_SECONDS = 0.3
NARROW = 100
"""Columns of a terminal below which bars and descriptions are short."""
_quiet = False
_listener: Callable[[str], None] | None = None
_run: RunClock | None = None
_bars: Any = None  # of the terminal, while a run is shown


@runtime_checkable
class Progress(Protocol):
    """Called with what is done, what there is in all, and a few words (losses, ...)."""

    def __call__(self, done: int, total: int, note: str = "") -> None: ...


def set_quiet(quiet: bool) -> None:
    """Silence progress (``--json``, ``--quiet``)."""
    global _quiet
    _quiet = quiet


def hand_over(listener: Callable[[str], None]) -> None:
    """Send messages to another process and show nothing here: a worker has no terminal."""
    global _listener
    _listener = listener


def plain_console(**options: Any) -> Console:
    """A console that prints names and paths as they are; rich's own shows ``:x:`` as a picture."""
    from rich.console import Console

    return Console(emoji=False, **options)


def say(message: str, even_if_quiet: bool = False) -> None:
    """One line for the person at the terminal, on standard error, so that standard output stays for results.

    Args:
        even_if_quiet: for what went wrong, which ``--json`` and ``--quiet`` do not silence.
    """
    if _listener is not None:
        _listener(message)
    elif even_if_quiet or not _quiet:
        console = _bars.console if _bars else plain_console(stderr=True)  # bars move down for what theirs prints
        console.print(printable(message), markup=False, highlight=False, soft_wrap=True)


Unit = Literal["count", "bytes"]


class TimeLeft:
    """The time left at the pace since the first report.

    What happened before that report does not count, as it will not happen again: encoding before the first epoch, opening
    files, or the part that an earlier run finished.
    """

    def __init__(self) -> None:
        self._first: tuple[int, float] | None = None

    def __call__(self, done: int, total: int) -> str:
        """``about 12 s left``; empty while no pace is known."""
        now = time.monotonic()
        if self._first is None or done < self._first[0]:
            self._first = done, now
        before, since = self._first
        if done == before:
            return ""
        return f"about {time_span((now - since) / (done - before) * (total - done))} left"


def time_span(seconds: float) -> str:
    """``98 s``, ``12 min``, ``3.5 h``."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def counted(number: int, noun: str) -> str:
    """``1 cell``, ``2,000 cells``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def without_markup(text: str) -> str:
    """Text of a docstring as a terminal shows it: a role or a double backtick of reStructuredText is a single backtick."""
    named = re.sub(r":[a-z:]+:`~?(?:[\w.]*\.)?([^`]+)`", r"`\1`", text)
    return re.sub(r"``([^`]+)``", r"`\1`", named)


TRUSTED = 30.0
"""Seconds for which the estimates of a run are taken as they are: its first jobs also import what all of them need."""


class RunClock:
    """The cells of a run that are done, and the time that the others may take: at the pace so far, weighted by estimates.

    Args:
        cells: how many there are to compute.
        seconds: id of each job, shared ones included -> estimate.
    """

    def __init__(self, cells: int, seconds: Mapping[str, float]):
        self.cells, self.done = cells, 0
        self._waiting = dict(seconds)
        self._total = sum(seconds.values())
        self._started = self._last = time.monotonic()  # _last: when the latest job was done

    def finish(self, jobs: Iterable[str], cells: int = 0) -> None:
        """Some jobs, and as many cells, are done."""
        for job in jobs:
            self._waiting.pop(job, None)
        self.done += cells
        self._last = time.monotonic()
        if _bars:
            _bars.update(_bars.task_ids[0], completed=self.done, total=self.cells, left=self.left())

    def left(self) -> str:
        """``about 4 min left``; empty while no pace is known."""
        waiting = sum(self._waiting.values())
        passed = self._total - waiting
        if not passed or not waiting:
            return ""
        # The job under way does not count in the pace: after a short first job, a long one would make it ever slower.
        pace = (self._last - self._started + TRUSTED) / (passed + TRUSTED)
        under_way = time.monotonic() - self._last
        pace = max(pace, under_way / max(self._waiting.values()))  # it is not done yet
        return f"about {time_span(max(pace * waiting - under_way, 1.0))} left"

    def __str__(self) -> str:
        number = f"cell {min(self.done + 1, self.cells)} of {self.cells}"
        return ", ".join(part for part in (number, self.left()) if part)


@contextlib.contextmanager
def running(cells: int, seconds: Mapping[str, float]) -> Iterator[RunClock]:
    """Show a line for a run, above that of its current cell, until the block ends."""
    global _run, _bars
    clock = RunClock(cells, seconds)
    if _quiet or _listener is not None or _run is not None or not cells:
        yield clock
        return
    _run = clock
    try:
        if sys.stderr.isatty() and not _in_notebook():
            with _new_bars("count") as bars:
                bars.add_task("cells of this run", total=cells, note="", left="")
                _bars = bars
                yield clock
        else:
            yield clock
    finally:
        _run = _bars = None


def byte_size(n: float) -> str:
    """``3.2 GB``; powers of ten, as publishers and disks count."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if abs(n) < 1000:
            return f"{n:,.0f} {unit}" if unit == "bytes" else f"{n:.1f} {unit}"
        n /= 1000
    return f"{n:.2f} TB"


@contextlib.contextmanager
def track(description: str, unit: Unit = "count") -> Iterator[Progress]:
    """Report progress under ``description`` until the block ends; ``bytes`` are shown as megabytes and with their
    speed."""
    if _quiet or _listener is not None:
        yield lambda done, total, note="": None
    elif _in_notebook():
        yield from _notebook(description, unit)
    elif sys.stderr.isatty():
        yield from _bar(description, unit)
    else:
        yield from _lines(description, unit)


def _bar(description: str, unit: Unit) -> Iterator[Progress]:
    with contextlib.nullcontext(_bars) if _bars else _new_bars(unit) as bars:
        task = bars.add_task(description, total=None, note="")

        def report(done: int, total: int, note: str = "") -> None:
            bars.update(task, completed=done, total=total, note=note)

        try:
            yield report
        finally:
            bars.remove_task(task)


def _new_bars(unit: Unit) -> Any:
    """Bars on standard error. A long description or note is cut, so that the bar keeps its place at 80 columns."""
    from rich import progress as rich_progress
    from rich.table import Column
    from rich.text import Text

    class _Left(rich_progress.TimeRemainingColumn):
        """The time left; of a run, as its clock states it."""

        def render(self, task: Any) -> Text:
            left = task.fields.get("left")
            return super().render(task) if left is None else Text(left, style="progress.remaining")

    console = plain_console(stderr=True)
    narrow = console.width < NARROW
    description, bar = (30, 10) if narrow else (70, 30)

    def cut(width: int) -> Column:
        return Column(no_wrap=True, overflow="ellipsis", max_width=width)

    amount: list[Any] = [rich_progress.MofNCompleteColumn()]
    if unit == "bytes":
        amount = [rich_progress.DownloadColumn(), rich_progress.TransferSpeedColumn()]
    return rich_progress.Progress(
        rich_progress.TextColumn("{task.description}", markup=False, table_column=cut(description)),
        rich_progress.BarColumn(bar),
        *amount,
        _Left(),
        rich_progress.TextColumn(
            "{task.fields[note]}", markup=False, table_column=cut(max(console.width - description - bar - 30, 8))
        ),
        console=console,
        transient=True,
    )


def _in_notebook() -> bool:
    """Whether this is a Jupyter kernel, whose standard error is no terminal but which can show a bar."""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    return type(shell).__name__ == "ZMQInteractiveShell"


def _notebook(description: str, unit: Unit) -> Iterator[Progress]:
    """One output that is replaced a few times a second, and is empty at the end as on a terminal."""
    from IPython.display import HTML, display

    last, left = time.monotonic(), TimeLeft()
    shown = display(HTML(_html(description, 0, 0, unit, "")), display_id=True)

    def report(done: int, total: int, note: str = "") -> None:
        nonlocal last
        now, remaining = time.monotonic(), left(done, total)
        if now - last >= NOTEBOOK_EVERY_SECONDS:
            last = now
            run = f"{_run}: " if _run else ""
            shown.update(HTML(_html(run + description, done, total, unit, f"{remaining} {note}".strip())))

    try:
        yield report
    finally:
        shown.update(HTML(""))


def _html(description: str, done: int, total: int, unit: Unit, note: str) -> str:
    amount = f"{byte_size(done)} of {byte_size(total)}" if unit == "bytes" else f"{done}/{total}"
    bar = f'<progress value="{done}" max="{total}"></progress> {amount}' if total else "<progress></progress>"
    return f"<span>{html.escape(description)} {bar} {html.escape(note)}</span>"


def _lines(description: str, unit: Unit) -> Iterator[Progress]:
    last, left = time.monotonic(), TimeLeft()
    shown = byte_size if unit == "bytes" else str

    def report(done: int, total: int, note: str = "") -> None:
        nonlocal last
        now, remaining = time.monotonic(), left(done, total)
        if now - last >= LOG_EVERY_SECONDS:
            last = now
            notes = f"{remaining} {note}".strip()
            run = f"{_run}: " if _run else ""
            amount = f"{shown(done)}/{shown(total)}"
            print(f"{run}{description}: {amount}{', ' * bool(notes)}{notes}", file=sys.stderr, flush=True)

    yield report
