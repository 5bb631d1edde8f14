"""``bench runs``: list finished and failed cells."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from bench.cli import options as o
from bench.cli.show import show_command, three_decimals

EXAMPLES = o.examples("bench runs", "bench runs --failed --verbose", "bench runs show 3f2a --classes")

app = typer.Typer(invoke_without_command=True, help="List finished cells, or failures with their reasons.")
app.command("show", epilog="Example:  bench runs show 3f2a --classes")(show_command)


@app.callback(epilog=EXAMPLES)
def runs_command(
    context: typer.Context,
    failed: Annotated[bool, typer.Option("--failed", help="List recorded failures instead of results.")] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Also show tracebacks (failures) or keys (results).")
    ] = False,
    json_output: o.Json = False,
    workspace: o.WorkspaceOption = None,
) -> None:
    """List finished cells, with the settings that --set changed; or failures with their reasons."""
    if context.invoked_subcommand is not None:
        return None
    from bench.cells.result import read_results
    from bench.storage.workspace import Workspace

    current = Workspace.at(workspace)
    if failed:
        return _failures(current, verbose, json_output)
    results = sorted(read_results(current.results), key=lambda r: (r.data, r.profile, r.cell))
    if json_output:
        from bench.cells.changed_settings import set_by_hand

        o.print_json(
            [
                {
                    "key": r.key,
                    "cell": r.cell.to_dict(),
                    "name": r.method_name,
                    "profile": r.profile,
                    "data": r.data,
                    "overrides": set_by_hand(r),
                    "score": r.score,
                }
                for r in results
            ]
        )
        return None
    if not results:
        typer.echo(
            f"no finished cells in {current.results}. Start with: bench run --method kmerl --task ptbxl-super --mode zeroshot"
        )
        return None
    from rich.table import Table
    from rich.text import Text

    from bench.cli.terminal import WIDE, console

    out = console()
    if out.width < WIDE:  # a column each would break names in the middle: the facts stand beneath the cell
        for r in results:
            out.print(Text(r.title, "bold"))
            facts = _facts(r)
            number = f"  {facts['metric']} {facts['value']} {facts['interval']}  n {facts['n']}"
            out.print(Text.assemble(number, (f"  {facts['data']}, {facts['profile']}, {facts['started']}", "dim")))
            if facts["set"]:
                out.print(Text(f"  {facts['set']}", "yellow"))
            if verbose:
                out.print(Text(f"  {r.key}", "dim"))
        return None
    columns = ("data", "profile", "metric", "value", "interval", "n", "started", *(["key"] if verbose else []))
    table = Table("cell", box=None, header_style="bold", pad_edge=False)
    for column in columns:
        table.add_column(column, no_wrap=True)
    for r in results:
        facts = _facts(r)
        title = Text.assemble(r.title, (f"\n  {facts['set']}" if facts["set"] else "", "yellow"))
        table.add_row(title, *(facts[column] for column in columns))
    out.print(table)
    return None


def _facts(result: Any) -> dict[str, str]:
    from bench.cells.changed_settings import set_by_hand

    metric, estimate = next(iter(result.score["metrics"].items()))
    return {
        "data": result.data,
        "profile": result.profile,
        "metric": metric,
        "value": three_decimals(estimate["value"]),
        "interval": f"[{three_decimals(estimate['low'])}, {three_decimals(estimate['high'])}]",
        "n": f"{result.counts['test']:,}",
        "started": result.provenance.get("started", "-").replace("T", " ")[:16],
        "set": " ".join(f"--set {text}" for text in set_by_hand(result)),
        "key": result.key,
    }


def _failures(workspace: Any, verbose: bool, json_output: bool) -> None:
    from bench.runner.failures import recorded

    failures = recorded(workspace)
    if json_output:
        o.print_json(failures)
        return
    from bench.cells.cell import Cell

    for failure in failures:
        typer.echo(f"{failure['time']}  {Cell.from_dict(failure['cell'])}: {failure['error']}")
        if verbose:
            typer.echo(failure["traceback"])
    if not failures:
        typer.echo("no failures recorded")
