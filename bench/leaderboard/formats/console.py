"""Results as tables for the terminal."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING, Any

from bench.cells.result import Result
from bench.contamination.text_ceiling import states_labels
from bench.leaderboard import number_format, text_ceilings
from bench.leaderboard.collect import Table, collect_all, compared
from bench.leaderboard.contrast_tables import contrast_sentences
from bench.leaderboard.footnotes import IN_CSV, Note
from bench.progress import counted

if TYPE_CHECKING:
    from rich.table import Table as RichTable

MAX_COLUMNS = 4
"""With more, or where they are wider than the terminal, each place gets a separate line."""
SHOWN_NOTES = 5
MANY_RESULTS = 200
"""With more, reading their predictions would take long."""
WIDER = (
    "Intervals over several seeds or replicates are wider here than on a board (bench leaderboard render), which reads the "
    "predictions for what they have in common"
)
UNBOUND = 10_000
"""Columns: more than any table has."""


@dataclass(frozen=True)
class ConsoleTable:
    """A table between its title and its footnotes, which are as wide as the terminal and not as narrow as the table.

    ``table`` has a column for each place of a method; ``lines`` a line, and stands in where the terminal is too narrow.
    ``contrasts`` are results, and shown whole. Of the footnotes, the most important :data:`SHOWN_NOTES` are shown in one
    line each, cut at the terminal's edge; with ``all_notes`` all of them, whole. Output that is no terminal has no edge.
    """

    title: str
    table: RichTable
    lines: RichTable
    footnotes: list[str]
    all_notes: bool = False
    contrasts: tuple[str, ...] = ()

    def __rich_console__(self, console: Any, options: Any) -> Iterable[Any]:
        from rich.measure import Measurement
        from rich.text import Text

        yield Text(f"\n{self.title}", style="bold")
        needed = Measurement.get(console, options.update(max_width=UNBOUND), self.table).maximum
        yield self.table if needed <= options.max_width else self.lines
        for contrast in self.contrasts:
            yield Text(_wrapped(contrast, options.max_width), style="dim")
        if self.all_notes:
            for note in self.footnotes:
                yield Text(_wrapped(note, options.max_width), style="dim")
            return
        ranked = sorted(self.footnotes, key=lambda note: getattr(note, "rank", 0))
        width = options.max_width if console.is_terminal else UNBOUND
        # notes that differ only behind the edge share a line
        in_one_line = list(dict.fromkeys(_one_line(note, width) for note in ranked))[:SHOWN_NOTES]
        for line in in_one_line:
            yield Text(line, style="dim", no_wrap=True, overflow="ignore")
        whole = sum(note in in_one_line for note in self.footnotes)
        cut = sum(line not in self.footnotes for line in in_one_line)
        if whole < len(self.footnotes):
            more = len(self.footnotes) - whole - cut
            rest = [counted(more, "more note")] * bool(more) + ["the cut ones whole"] * bool(cut)
            yield Text(f"({', '.join(rest)}: --notes)", style="dim")


def console_tables(results: Iterable[Result], all_notes: bool = False, cache: Path | None = None) -> list[ConsoleTable]:
    """One table for each kind of result that must not be mixed: rows are methods, columns task, mode and fraction.

    Intervals over several replicates are those of boards, which read stored predictions; of many results a note says that
    they are wider. Notes state the contrasts with untrained networks and with the best supervised result. All pairs of rows
    are tested on boards alone.

    Args:
        all_notes: show every footnote.
        cache: a folder that keeps what was computed from predictions.
    """
    results = list(results)
    tables, notes = collect_all(results), []
    contrasts: list[tuple[str, ...]] = [() for _ in tables]
    if any(summary.replicates > 1 for table in tables for line in table.lines for summary in line.summaries):
        if len(results) <= MANY_RESULTS:
            tables = compared(tables, results, cache)
            contrasts = [tuple(contrast_sentences(table)) for table in tables]
            tables = [replace(table, ranks={}, mean_ranks=None) for table in tables]
        else:
            notes = [Note(f"{WIDER}.", 5)]
    return [
        ConsoleTable(
            f"{table.board.title}: {table.stamp}",
            _wide(table) if _columns(table) <= MAX_COLUMNS else _long(table),
            _long(table),
            [
                *(note for note in table.footnotes if note != IN_CSV),
                *(f"{reason}." for reason in number_format.reasons(table)),
                *notes,
            ],
            all_notes,
            differences,
        )
        for table, differences in zip(tables, contrasts, strict=True)
        if table.stamp
    ]


def _wrapped(text: str, width: int) -> str:
    return fill(text, width, subsequent_indent="  ", break_on_hyphens=False)


def _one_line(note: str, width: int) -> str:
    """A note that is cut after a word where it is longer than a line."""
    return note if len(note) <= width else f"{note[: width - 1].rpartition(' ')[0].rstrip(',;:')} …"


def _columns(table: Table) -> int:
    return len(number_format.visible(table)[1])


def _wide(table: Table) -> RichTable:
    from rich import box
    from rich.table import Table as RichTable
    from rich.text import Text

    view = RichTable(box=box.SIMPLE_HEAD)
    lines, columns, _, _ = number_format.visible(table)
    texts = any(line.text_ceilings for line in lines)
    view.add_column("method")
    if texts:
        view.add_column("text\nceiling", justify="right")
    for index in columns:
        column = table.board.columns[index]
        metric = column.metric or table.board.metric
        head = "\n".join(part for part in (column.group, column.label, metric) if part)
        view.add_column(Text(head), justify="right", footer=Text(f"n = {number_format.records(table, index)}"))
    view.show_footer = True
    for line in lines:
        ceiling = [Text(text_ceilings.shown(line.text_ceilings))] * texts
        view.add_row(
            Text(table.name(line)), *ceiling, *[Text(number_format.format_cell(table, line, i)) for i in columns]
        )
    return view


def _long(table: Table) -> RichTable:
    from rich import box
    from rich.table import Table as RichTable
    from rich.text import Text

    view = RichTable(box=box.SIMPLE_HEAD)
    lines, columns, _, _ = number_format.visible(table)
    view.add_column("method", overflow="fold")
    for head in ("value [95 % interval]", "records"):
        view.add_column(head, justify="right", no_wrap=True)
    for index in columns:
        column = table.board.columns[index]
        heading = " · ".join(part for part in (column.group, column.label) if part)
        view.add_row(Text(heading, style="bold"), Text(column.metric or table.board.metric, style="bold"), "")
        for line in lines:
            summary = line.summaries[index]
            if summary.keys:
                shown = Text(number_format.format_cell(table, line, index))
                ceiling = number_format.text_ceiling(table, line, index)
                name = f"{table.name(line)} {text_ceilings.MARK}" if states_labels(dict(ceiling)) else table.name(line)
                view.add_row(Text(f"  {name}"), shown, f"{summary.n_records:,}")
        view.add_section()
    return view
