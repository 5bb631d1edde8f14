"""The page on subgroups: stored predictions by age, sex, device and what else a dataset's records state."""

from __future__ import annotations

import functools
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench import registry
from bench.cells.result import Result
from bench.errors import BenchError
from bench.leaderboard.cell_groups import cell_groups
from bench.leaderboard.contamination import legend, marks
from bench.leaderboard.metric_names import metric_name
from bench.leaderboard.site.charts import Chart
from bench.leaderboard.site.matrix import DRAWN, Matrix, MatrixPage, estimate, kept_matrices, points, statuses_of
from bench.leaderboard.subgroups import SubgroupTable, subgroup_tables
from bench.reading.json_file import object_or_empty
from bench.signals.leads import LEADS

if TYPE_CHECKING:
    from bench.scoring.subgroups import GroupScore

LEAST = 10
"""Patients with and without a class that a group needs (``bench subgroups --min-positives``)."""


def subgroups_page(results: Sequence[Result], cache: Path | None = None) -> MatrixPage | None:
    """Tables per task and mode, of results with all labels and all leads whose dataset is prepared in their workspace.

    Returns:
        None where no dataset of a result states groups.
    """
    stores = _stores(results)
    chosen = [
        result
        for result in results
        if _recordings(result) in stores
        and (result.cell.fraction or 1.0) == 1
        and tuple(result.cell.leads or LEADS) == LEADS
        and _states_groups(result.tested_dataset)
    ]
    together: dict[tuple[str, str], list[Result]] = defaultdict(list)
    for group in cell_groups(chosen):
        together[group.title, group.split] += group.results
    matrices = []
    for members in together.values():
        path = stores[_recordings(members[0])]
        inputs = [_recordings(members[0]), sorted([result.key, result.contamination] for result in members)]
        matrices += kept_matrices(cache, __name__, inputs, functools.partial(_matrices, members, path))
    if not matrices:
        return None
    return MatrixPage(
        "subgroups",
        "Subgroups of patients and recordings",
        "Each group is compared with all other records, over the same classes. Intervals and p values of differences are "
        "corrected for all groups of a method, so that the worst group may be picked after looking. Groups with under "
        f"{LEAST} positives or negatives per class are listed and not scored.",
        "Stored predictions by age, sex, device and other groups, with the gap to all other records.",
        matrices,
    )


def _recordings(result: Result) -> str:
    """Digest of the store of a result's test records."""
    return str(result.dataset.get("tested_on", result.dataset).get("digest"))


def _states_groups(dataset: str) -> bool:
    try:
        return bool(registry.load(registry.DATASETS, dataset).subgroups)
    except BenchError:
        return False  # of a plugin that is not installed here


def _stores(results: Sequence[Result]) -> dict[str, Path]:
    """Digest -> prepared store, of the workspaces that the results lie in."""
    found: dict[str, Path] = {}
    for parent in {result.folder.parent.parent / "stores" for result in results if result.folder is not None}:
        for manifest in sorted(parent.glob("*/manifest.json")):
            found[str(object_or_empty(manifest).get("digest"))] = manifest.parent
    return found


def _matrices(results: Sequence[Result], path: Path) -> list[Matrix]:
    from bench.signals.store import SignalStore

    tables: list[SubgroupTable] = []
    for group in cell_groups(results):
        try:
            tables += subgroup_tables(group.results, lambda _: SignalStore.open(path), least=LEAST)
        except BenchError:
            continue  # predictions are not available, or the metric has no value per group
    tables = sorted((table for table in tables if table.worst is not None), key=_gap, reverse=True)
    if not tables:
        return []
    statuses = statuses_of(results)
    attributes = list(dict.fromkeys(g.attribute for table in tables for g in table.groups if g.scored))
    return [
        _overview(tables, statuses, attributes),
        *(_matrix(tables, statuses, attribute) for attribute in attributes),
    ]


def _gap(table: SubgroupTable) -> float:
    assert table.worst is not None
    return table.worst.difference


def _overview(tables: Sequence[SubgroupTable], statuses: dict[str, set[str]], scored: Sequence[str]) -> Matrix:
    rows = []
    for table in tables:
        worst = table.worst
        assert worst is not None
        cells = [
            [f"{worst.attribute}: {worst.group}", f"{worst.records:,} records, {worst.positives:,} positives"],
            estimate(worst.value, worst.interval).split(" ", 1),
            [f"{worst.rest:.3f}"],
            estimate(worst.difference, worst.difference_interval, "+").split(" ", 1),
            [_p(worst)],
        ]
        rows.append((f"{table.method}{marks(statuses[table.method])}", cells))
    notes = ["Methods with the smallest gap first."]
    unscored = [group for group in tables[0].groups if group.attribute not in scored]
    if unscored:
        notes.append(f"Not scored: {'; '.join(f'{group.attribute}: {_sized(group)}' for group in unscored)}.")
    notes += legend(set().union(*statuses.values()))
    heads = ["Method", "Worst group", "Value", "Other records", "Gap", "p"]
    title = f"{tables[0].cell}: {metric_name(tables[0].metric)}, worst group"
    return Matrix(title, heads, rows, notes, cell=tables[0].cell)


def _matrix(tables: Sequence[SubgroupTable], statuses: dict[str, set[str]], attribute: str) -> Matrix:
    of_attribute = [(t.method, {g.group: g for g in t.groups if g.attribute == attribute}) for t in tables]
    names = list(dict.fromkeys(name for _, groups in of_attribute for name in groups))
    sizes = of_attribute[0][1]
    heads = [_sized(sizes[name]) for name in names]
    rows = [
        (f"{method}{marks(statuses[method])}", [_cell(groups.get(name)) for name in names])
        for method, groups in of_attribute
    ]
    chart = _chart(metric_name(tables[0].metric), attribute, names, of_attribute)
    notes = legend(set().union(*statuses.values()))
    return Matrix(f"{tables[0].cell}: by {attribute}", ["Method", *heads], rows, notes, [chart], tables[0].cell)


def _sized(group: GroupScore) -> str:
    return f"{group.group} (n = {group.records:,}, positives {group.positives:,})"


def _cell(group: GroupScore | None) -> list[str]:
    if group is None or not group.scored:
        return ["not scored"]
    gap = estimate(group.difference, group.difference_interval, "+")
    return [estimate(group.value, group.interval), f"gap {gap}", f"p {_p(group)}"]


def _p(group: Any) -> str:
    return "—" if group.p != group.p else "< 0.001" if group.p < 0.001 else f"{group.p:.3f}"


def _chart(
    metric: str, attribute: str, names: list[str], of_attribute: Sequence[tuple[str, dict[str, GroupScore]]]
) -> Chart:
    """Groups side by side, methods a little apart so that their intervals do not overlap."""
    traces = []
    abreast = min(len(of_attribute), DRAWN)
    for number, (method, groups) in enumerate(of_attribute):
        shown = [(i, groups[name]) for i, name in enumerate(names) if name in groups and groups[name].scored]
        shift = 0.12 * (number % abreast - (abreast - 1) / 2)
        values = [(group.value, group.interval) for _, group in shown]
        traces.append(points(method, [round(i + shift, 2) for i, _ in shown], values, number, "markers"))
    return {
        "title": f"{metric} by {attribute}",
        "describe": f"{metric} of each group of {attribute}, a mark per method; the numbers are in the table.",
        "data": traces,
        "layout": {
            "xaxis": {"tickvals": list(range(len(names))), "ticktext": names, "range": [-0.5, len(names) - 0.5]},
            "yaxis": {"title": {"text": metric}},
        },
    }
