"""The page ECG-C: finished cells under corrupted recordings, from scores that ``bench run --corrupt`` stored."""

from __future__ import annotations

import functools
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from bench.cells.result import Result
from bench.corruptions import LEVELS, Condition, corruptions
from bench.errors import BenchError
from bench.leaderboard.cell_groups import cell_groups
from bench.leaderboard.contamination import legend, marks
from bench.leaderboard.corrupted import FOLDER, CorruptedTable, corrupted_tables, kept_scores
from bench.leaderboard.metric_names import metric_name
from bench.leaderboard.site.charts import Chart
from bench.leaderboard.site.matrix import Matrix, MatrixPage, estimate, kept_matrices, points, statuses_of


def corrupted_page(results: Sequence[Result], cache: Path | None = None) -> MatrixPage | None:
    """A table per task, mode, labelled share and lead subset; None without stored scores."""
    results = [result for result in results if not result.level]  # no check covers scores that lie next to cards
    together: dict[tuple[str, str], list[tuple[Result, list[str]]]] = defaultdict(list)
    folders = _folders(results)
    for group in cell_groups(result for result in results if result.key in folders):
        together[group.title, group.split] += [(result, folders[result.key]) for result in group.results]
    matrices = []
    for members in together.values():
        chosen = [result for result, _ in members]
        inputs = sorted([result.key, result.contamination, *names] for result, names in members)
        matrices += kept_matrices(cache, __name__, inputs, functools.partial(_matrices, chosen))
    if not matrices:
        return None
    return MatrixPage(
        "ecg_c",
        "ECG-C: corrupted recordings",
        "Probes that were trained on clean recordings, and their test records under corruptions of five levels each. "
        "Corrupted is the mean over all conditions. The mean corruption error is relative to the best untrained encoder of "
        "the table, which has 100; less is better. 95 % intervals over patients.",
        "Test records with noise, exchanged electrodes, missing leads and other faults.",
        matrices,
    )


def _folders(results: Sequence[Result]) -> dict[str, list[str]]:
    """Key of a result -> the names of the folders with its scores under corruptions."""
    names: dict[str, list[str]] = defaultdict(list)
    for parent in {result.folder.parent.parent / FOLDER for result in results if result.folder is not None}:
        for folder in sorted(parent.glob("*-*")):
            names[folder.name.partition("-")[0]].append(folder.name)
    return names


def _matrices(results: Sequence[Result]) -> list[Matrix]:
    scored = [
        scores
        for result in results
        if result.folder is not None
        and (scores := kept_scores(result.folder.parent.parent / FOLDER, result)) is not None
    ]
    try:
        tables = corrupted_tables(scored, untrained=True)
    except BenchError:
        return []  # predictions are not available, or the methods share no condition
    statuses = statuses_of(scores.result for scores in scored)
    return [_matrix(table, statuses) for table in tables]


def _matrix(table: CorruptedTable, statuses: dict[str, set[str]]) -> Matrix:
    heads = ["Method", "Clean", "Corrupted"]
    heads += ["Mean corruption error"] if table.reference else []
    rows = []
    for row in table.rows:
        cells = [estimate(*row.clean).split(" ", 1), estimate(*row.mean).split(" ", 1)]
        if row.error is not None:
            value, (low, high) = row.error
            cells.append([f"{value:.0f}", f"[{low:.0f}, {high:.0f}]"])
        cells += [[f"{row.of_corruption(name):.3f}"] for name in table.corruptions]
        rows.append((f"{row.method}{marks(statuses[row.method])}", cells))
    notes = ["A column of a corruption is the mean over its levels; the charts show each level."]
    if table.reference:
        notes.append(f"Mean corruption error relative to {table.reference}.")
    if table.noise != "model":
        notes.append(f"Recorded noise: {table.noise}.")
    notes += legend(set().union(*statuses.values()))
    charts = [_chart(table, name) for name in table.corruptions]
    title = f"{table.title}: {metric_name(table.metric)}"
    return Matrix(title, [*heads, *table.corruptions], rows, notes, charts, table.title)


def _chart(table: CorruptedTable, name: str) -> Chart:
    known, metric = corruptions()[name], metric_name(table.metric)
    levels = [level for level in LEVELS if Condition(name, level) in table.rows[0].conditions]
    traces = [
        points(
            row.method,
            [0.0, *levels],
            [row.clean, *(row.conditions[Condition(name, level)] for level in levels)],
            number,
            "lines+markers",
        )
        for number, row in enumerate(table.rows)
    ]
    x_axis = {
        "tickvals": [0, *levels],
        "ticktext": ["clean", *(known.at(level).replace(" and ", "<br>") for level in levels)],
    }
    return {
        "title": f"{name}: {known.summary}",
        "describe": f"{metric} at each level of {name}, a line per method; see bench robustness --format csv.",
        "data": traces,
        "layout": {"xaxis": x_axis, "yaxis": {"title": {"text": metric}}},
    }
