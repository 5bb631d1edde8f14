"""Rows that a board's author could not know, below the others: the user's own encoders, and methods of other packages."""

from __future__ import annotations

from collections.abc import Sequence

from bench import registry
from bench.cells.result import Result
from bench.leaderboard.board import Board, Row
from bench.leaderboard.match_results import CellCoordinates, coordinates_of, wanted_coordinates

BUILT_IN = registry.DISTRIBUTION
"""The distribution whose own methods appear on a board only where a row names them."""
GROUP = "From other packages (not reviewed)"
OWN = "Your own"


def with_third_party_rows(board: Board, results: Sequence[Result]) -> Board:
    """The board, with a row for each named encoder and each method of another package that has a result in a column.

    A method that is not installed here (its results came from a team's server) is one of another package too.
    """
    named = {row.method for row in board.rows}
    own_rows = {(row.method, row.config.get("name")) for row in board.rows}
    places: dict[tuple[str, str | None], set[CellCoordinates]] = {}
    rows: dict[tuple[str, str | None], Row] = {}
    shown: dict[tuple[str, str | None], Row] = {}
    for result in results:
        name = (result.cell.method, result.own_name)
        if name not in places:
            row = rows[name] = row_of(result)
            wanted = name not in own_rows if row.config else _foreign(row, named)
            places[name] = {
                coordinates
                for column in board.columns
                if wanted and not column.mean_of
                for coordinates in wanted_coordinates(row, column)
            }
        if coordinates_of(result) in places[name]:
            shown[name] = rows[name]
    added = sorted(shown.values(), key=lambda row: (row.group != OWN, row.label))
    return board.model_copy(update={"rows": [*board.rows, *added]}) if added else board


def row_of(result: Result) -> Row:
    """The row of a result on a board that does not name its method."""
    method = result.cell.method
    if result.own_name:
        return Row(label=result.own_name, group=OWN, method=method, config={"name": result.own_name})
    return Row(label=method, group=OWN if result.provenance.get("method_file") else GROUP, method=method)


def _foreign(row: Row, named: set[str | None]) -> bool:
    known = registry.entries(registry.METHODS).get(str(row.method))
    return row.method not in named and (known is None or known.distribution != BUILT_IN)
