"""The tables of ``bench leaderboard rank``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import typer

from bench.cli.finished_cells import check_format, write_csv
from bench.errors import ConfigError


def rank_and_show(
    board: str | None,
    read: Callable[[Any, Path | None], list[Any]],
    cards: Path | None,
    workspace: str | None,
    format_: str,
    out: Path | None,
    **options: str,
) -> None:
    """Print the ranking of each of a board's tables, or of all results.

    Args:
        read: gives the results of a workspace and of cards.
        format_: ``table``, or ``csv``, which goes to ``out`` or to standard output.
        options: of :func:`bench.leaderboard.statistics.ranking.options_from`.
    """
    from bench.cli.terminal import print_table
    from bench.leaderboard import load_board
    from bench.leaderboard.collect import collect, collect_all, compared
    from bench.leaderboard.formats.markdown import heading
    from bench.leaderboard.formats.ranking_text import HEADS, cells, ranking_csv, sentences
    from bench.leaderboard.statistics.ranking import options_from, ranking_of
    from bench.storage.workspace import Workspace

    check_format(format_, out)
    chosen = options_from(**options)
    current = Workspace.at(workspace)
    results = read(current, cards)
    tables = collect(load_board(board), results) if board else collect_all(results)
    tables = compared([table for table in tables if table.stamp is not None], results, current.cache / "comparisons")
    by_key = {result.key: result for result in results}
    rankings = [(heading(table), ranking) for table in tables if (ranking := ranking_of(table, by_key, chosen))]
    if not rankings:
        of_board = f"of {board} " if board else ""
        run = f"bench run --board {board} runs what is missing" if board else "bench run makes results"
        raise ConfigError(
            f"no two results {of_board}can be ranked: expected two methods with a score on one task; {run}."
        )
    if format_ == "csv":
        write_csv(ranking_csv(rankings), out)
        return
    for title, ranking in rankings:
        print_table(HEADS, (cells(ranking, ranked) for ranked in ranking.each), title)
        for sentence in sentences(ranking):
            typer.echo(sentence)
