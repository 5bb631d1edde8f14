"""Boards as files: markdown and HTML to read, LaTeX to paste, CSV to compute with, a picture, the diagram of mean ranks."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from bench.cells.ledger import Counts
from bench.cells.result import Result
from bench.errors import ConfigError, UnknownName
from bench.leaderboard.board import Board, load_board
from bench.leaderboard.collect import Table, collect, compared
from bench.leaderboard.formats import latex, markdown, table_csv
from bench.leaderboard.scored_splits import with_scored
from bench.leaderboard.site import picture, render_html
from bench.leaderboard.statistics.mean_ranks import FEWEST_BLOCKS, FEWEST_LINES, diagram
from bench.leaderboard.statistics.ranking import ranked

FORMATS: dict[str, tuple[str, Callable[[Board, Sequence[Table]], str] | None]] = {
    "markdown": (".md", markdown.write),
    "html": (".html", None),
    "latex": (".tex", latex.write),
    "csv": (".csv", table_csv.write),
    "picture": (".svg", picture.write),
    "diagram": (".svg", None),
}
"""Name -> suffix and writer; ``html`` also reads results, and ``diagram`` is an SVG and a PNG for each table with ranks."""


def render(
    board_name: str,
    results: Iterable[Result],
    destination: Path,
    formats: Sequence[str] = ("markdown",),
    *,
    compare: bool = False,
    cache: Path | None = None,
    counts: Counts | None = None,
) -> list[Path]:
    """Write a board, filled with whatever results there are, as ``destination/BOARD.md`` and the like.

    Args:
        board_name: a name in :func:`bench.leaderboard.board.boards`, or a path that ends in ``.yaml``.
        results: those that do not belong to the board are ignored.
        compare: whether rows are tested against each other, which reads stored predictions.
        cache: a folder that keeps what the tests found.
        counts: how often the test splits were scored.

    Returns:
        the files written.

    Raises:
        UnknownName: there is no such board or format. ConfigError: the board's file is malformed, or no table has the
            mean ranks that ``diagram`` draws.
    """
    for name in formats:
        if name not in FORMATS:
            raise UnknownName("format", name, FORMATS)
    board = load_board(board_name)
    results = list(results)
    tables = collect(board, results)
    if compare or "diagram" in formats:
        tables = compared(tables, results, cache)
    if compare and "html" in formats:
        tables = ranked(tables, results)
    tables = with_scored(tables, counts or {})
    destination.mkdir(parents=True, exist_ok=True)
    written = []
    for name in dict.fromkeys(formats):
        suffix, write = FORMATS[name]
        if write is not None:
            written.append(_write(destination / f"{board.name}{suffix}", write(board, tables).encode()))
        elif name == "html":
            text = render_html.write(board, tables, {result.key: result for result in results}, cache)
            written.append(_write(destination / f"{board.name}{suffix}", text.encode()))
        else:
            if all(table.mean_ranks is None for table in tables):
                raise ConfigError(
                    f"--format diagram: no table of {board.name} has mean ranks, so there is nothing to draw. They need at "
                    f"least {FEWEST_LINES} rows with a number in every column, and {FEWEST_BLOCKS} tasks."
                )
            for number, table in enumerate(tables):
                if table.mean_ranks is not None:
                    stem = f"{board.name}-ranks" + (f"-{number + 1}" if number else "")
                    written += [
                        _write(destination / f"{stem}.{form}", diagram(table.mean_ranks, form))
                        for form in ("svg", "png")
                    ]
    return written


def _write(path: Path, content: bytes) -> Path:
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_bytes(content)
    os.replace(temporary, path)
    return path
