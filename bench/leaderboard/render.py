"""Boards as files: markdown to read, LaTeX to paste, CSV to compute with."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from bench.errors import UnknownName
from bench.leaderboard import latex, markdown, table_csv
from bench.leaderboard.board import Board, load_board
from bench.leaderboard.collect import Table, collect
from bench.runner.results import Result

FORMATS: dict[str, tuple[str, Callable[[Board, Sequence[Table]], str]]] = {
    "markdown": (".md", markdown.write),
    "latex": (".tex", latex.write),
    "csv": (".csv", table_csv.write),
}


def render(
    board_name: str, results: Iterable[Result], destination: Path, formats: Sequence[str] = ("markdown",)
) -> list[Path]:
    """Write a board, filled with whatever results there are, as ``destination/BOARD.md`` and the like.

    Args:
        board_name: a name in :func:`bench.leaderboard.board.boards`, or a path that ends in ``.yaml``.
        results: those that do not belong to the board are ignored.

    Returns:
        the files written, one a format.

    Raises:
        UnknownName: there is no such board or format. ConfigError: the board's file is malformed.
    """
    for name in formats:
        if name not in FORMATS:
            raise UnknownName("format", name, FORMATS)
    board = load_board(board_name)
    tables = collect(board, results)
    destination.mkdir(parents=True, exist_ok=True)
    written = []
    for name in dict.fromkeys(formats):
        suffix, write = FORMATS[name]
        path = destination / f"{board.name}{suffix}"
        temporary = path.with_name(f".{path.name}.{os.getpid()}")
        temporary.write_text(write(board, tables), encoding="utf-8")
        os.replace(temporary, path)
        written.append(path)
    return written
