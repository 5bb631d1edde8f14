"""``bench replay`` and ``bench rescore``: verify finished cells."""

from __future__ import annotations

from typing import Annotated

import typer

from bench.cli import options as o
from bench.errors import DataError
from bench.progress import counted

REPLAY_EXAMPLES = "Example:  bench replay 3f9c   # bench runs --verbose lists the keys"
RESCORE_EXAMPLES = o.examples("bench rescore", "bench rescore 3f9c --write")


def replay_command(
    run: Annotated[list[str], typer.Argument(help="Keys of results, or their first characters.")],
    data_root: o.DataRoot = None,
    json_output: o.Json = False,
    simulated_records: o.SimulatedRecords = None,
    on_bad_record: o.OnBadRecord = "error",
    workspace: o.WorkspaceOption = None,
) -> None:
    """Compute finished cells again from their recorded inputs and compare the predictions. Exit code 1 if any differ."""
    from bench import progress
    from bench.cells.result import named_results

    progress.set_quiet(json_output)
    source = o.data_source(data_root, workspace, simulated_records, on_bad_record)
    results = named_results(source.workspace, run)
    from bench.runner.replay import replay

    replays = []
    for result in results:
        comparison = replay(result, source)
        replays.append({"key": result.key, "cell": result.title, **comparison.__dict__})
        if not json_output:
            outcome = (
                "the same predictions, bit for bit"
                if comparison.identical
                else "the scored records differ"
                if comparison.largest is None
                else f"predictions differ by {comparison.largest:.3g} at most"
            )
            since = f"; changed since: {', '.join(comparison.changed)}" if comparison.changed else ""
            typer.echo(f"{result.key[:12]}  {result.title}: {outcome}{since}")
    if json_output:
        o.print_json(replays)
    if not all(row["identical"] for row in replays):
        raise typer.Exit(1)


def rescore_command(
    run: Annotated[
        list[str] | None, typer.Argument(help="Keys of results, or their first characters. [default: all]")
    ] = None,
    write: Annotated[bool, typer.Option("--write", help="Replace the stored metrics with the new metrics.")] = False,
    json_output: o.Json = False,
    workspace: o.WorkspaceOption = None,
) -> None:
    """Compute the metrics of stored predictions again and report results that differ. Exit code 1 if any still differ."""
    import json

    from bench.cells.result import named_results
    from bench.storage.workspace import Workspace

    results = named_results(Workspace.at(workspace), run or ())
    from bench.runner.rescore import differences, rescored, with_score

    differing, damaged = [], 0
    for result in results:
        try:
            now = rescored(result)
        except DataError as error:
            if run:
                raise
            typer.echo(f"left out: {error}", err=True)
            damaged += 1
            continue
        changes = differences(json.loads(json.dumps(result.score)), json.loads(json.dumps(now)))
        if changes:
            differing.append({"key": result.key, "cell": result.title, "differences": changes})
            if write:
                with_score(result, now)
        if changes and not json_output:
            typer.echo(
                f"{result.key[:12]}  {result.title}: {'; '.join(changes[:4])}{'; ...' if len(changes) > 4 else ''}"
            )
    if json_output:
        o.print_json(differing)
    else:
        stored = ", and stored" if write and differing else ""
        left_out = f", {damaged:,} that cannot be scored again" if damaged else ""
        typer.echo(
            f"{counted(len(results), 'result')}, {len(differing):,} with other metrics than stored{stored}{left_out}"
        )
    if damaged or (differing and not write):
        raise typer.Exit(1)


recompute_command = o.old_name_of(rescore_command, "bench recompute", "bench rescore")
