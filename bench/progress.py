"""Progress of long work: a bar with the time left on a terminal or in a notebook, otherwise a plain line at intervals."""

from __future__ import annotations

import contextlib
import html
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any, Literal, Protocol, runtime_checkable

from bench.errors import printable

LOG_EVERY_SECONDS = 15.0
NOTEBOOK_EVERY_SECONDS = 0.3
_quiet = False
_listener: Callable[[str], None] | None = None


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


def say(message: str) -> None:
    """One line for the person at the terminal, on standard error, so that standard output stays for results."""
    if _listener is not None:
        _listener(message)
    elif not _quiet:
        from rich.console import Console

        Console(stderr=True, highlight=False, soft_wrap=True).print(printable(message), markup=False)


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
        return f"about {(now - since) / (done - before) * (total - done):.0f} s left"


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
    from rich import progress as rich_progress
    from rich.console import Console

    amount: list[Any] = [rich_progress.MofNCompleteColumn()]
    if unit == "bytes":
        amount = [rich_progress.DownloadColumn(), rich_progress.TransferSpeedColumn()]
    with rich_progress.Progress(
        rich_progress.TextColumn("{task.description}"),
        rich_progress.BarColumn(),
        *amount,
        rich_progress.TimeRemainingColumn(),
        rich_progress.TextColumn("{task.fields[note]}"),
        console=Console(stderr=True),
        transient=True,
    ) as bar:
        task = bar.add_task(description, total=None, note="")

        def report(done: int, total: int, note: str = "") -> None:
            bar.update(task, completed=done, total=total, note=note)

        yield report


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
            shown.update(HTML(_html(description, done, total, unit, f"{remaining} {note}".strip())))

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
            print(
                f"{description}: {shown(done)}/{shown(total)}{', ' * bool(notes)}{notes}", file=sys.stderr, flush=True
            )

    yield report
