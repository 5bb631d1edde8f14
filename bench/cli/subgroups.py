"""``bench subgroups``: finished cells by age, sex, device and other groups of recordings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from bench.cli import finished_cells as cells
from bench.cli import options as o
from bench.progress import counted

if TYPE_CHECKING:
    from bench.leaderboard.subgroups import SubgroupTable

EXAMPLES = o.examples(
    "bench subgroups --task ptbxl-super --by age,sex",
    "bench subgroups --method merl --task 'ptbxl-*' --format csv --out groups.csv --data-root ptbxl=FOLDER",
)


def subgroups_command(
    task: cells.Tasks = None,
    method: cells.Methods = None,
    by: Annotated[
        list[str] | None,
        typer.Option(
            "--by",
            metavar="NAMES",
            help="Attributes, separated by commas: age, sex; of PTB-XL also device, site, pacemaker, quality. [default: all that "
            "the dataset has]",
        ),
    ] = None,
    min_positives: Annotated[
        int,
        typer.Option(
            "--min-positives",
            metavar="N",
            min=2,
            help="Patients with, and without, a class that a group and the other records need for the class to be scored. "
            "Groups without such a class are listed and not scored.",
        ),
    ] = 10,
    format_: cells.Format = "table",
    out: cells.Out = None,
    data_root: o.DataRoot = None,
    simulated_records: o.SimulatedRecords = None,
    workspace: o.WorkspaceOption = None,
) -> None:
    """Show how finished cells do in groups of recordings, and whether a group differs from the others by more than chance.

    Nothing is trained: the stored predictions are scored group by group."""
    from bench import registry
    from bench.leaderboard.subgroups import subgroup_tables, table_csv

    cells.check_format(format_, out)
    source = o.data_source(data_root, workspace, simulated_records, "error")

    tasks = registry.match(registry.TASKS, o.split_commas(task))
    methods = registry.match(registry.METHODS, o.split_commas(method))
    results = cells.finished_here(source, tasks, methods)
    tables = subgroup_tables(results, source.store, o.split_commas(by), min_positives)
    if format_ == "csv":
        return cells.write_csv(table_csv(tables), out)
    for table in tables:
        _show(table, min_positives)
    return None


def _show(table: SubgroupTable, least: int) -> None:
    from bench.cli.terminal import estimate, print_table

    rows, unscored = [], 0
    for group in table.groups:
        name = f"{group.attribute}: {group.group}"
        sizes = [f"{group.records:,}", f"{group.positives:,}"]
        if not group.scored:
            unscored += 1
            rows.append((name, *sizes, "-", "-", "-", "-"))
            continue
        value = estimate(group.value, group.interval)
        difference = estimate(group.difference, group.difference_interval, "+")
        p = "<0.001" if group.p < 0.001 else f"{group.p:.3f}"
        rows.append((name, *sizes, value, f"{group.rest:.3f}", difference, p))
    heads = ("group", "n", "positives", "value", "others", "difference", "p")
    print_table(heads, rows, f"{table.title}: {table.metric}", left=("group",))
    worst = table.worst
    lines = [] if worst is None else [_sentence(worst)]
    if unscored:
        lines.append(f"{counted(unscored, 'group')} with under {least} positives or negatives per class: not scored.")
    lines.append(
        "difference: from the other records, over the same classes; intervals and p are corrected for all groups."
    )
    typer.echo("\n".join(lines))


def _sentence(worst: Any) -> str:
    low, high = worst.difference_interval
    proven = "lower than" if high < 0 else "not shown to differ from"
    return f"Worst group: {worst.attribute} {worst.group}, {worst.difference:+.3f} [{low:+.3f}, {high:+.3f}], {proven} the others."
