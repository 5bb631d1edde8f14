"""Rows for methods of other packages, which a board's author could not know: separate, below the others."""

from __future__ import annotations

from collections.abc import Sequence

from bench import registry
from bench.cells.result import Result
from bench.leaderboard.board import Board, Row
from bench.leaderboard.match_results import coordinates_of, wanted_coordinates

BUILT_IN = "ecg-bench"
"""The distribution whose own methods stand on a board only where a row names them."""
GROUP = "From other packages"


def with_third_party_rows(board: Board, results: Sequence[Result]) -> Board:
    """The board, with a row for each method of another package that has a result in one of its columns.

    A method that is not installed here (its results came from a team's server) is one of another package too.
    """
    known = registry.entries(registry.METHODS)
    named = {row.method for row in board.rows}
    added: list[Row] = []
    for method in sorted({result.cell.method for result in results} - named):
        if method in known and known[method].distribution == BUILT_IN:
            continue
        row = Row(label=method, group=GROUP, method=method)
        places = {
            coordinates
            for column in board.columns
            if not column.mean_of
            for coordinates in wanted_coordinates(row, column)
        }
        if any(coordinates_of(result) in places for result in results if result.cell.method == method):
            added.append(row)
    return board.model_copy(update={"rows": [*board.rows, *added]}) if added else board
