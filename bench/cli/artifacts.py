"""``bench artifacts``: list, verify and remove what the workspace holds."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from bench.cli import options as o
from bench.errors import ConfigError

app = typer.Typer(
    no_args_is_help=True, help="List, verify and remove a workspace's stores, checkpoints, features and results."
)

Kinds = Annotated[
    list[str] | None,
    typer.Option(
        "--kind",
        help="simulated, store, fingerprints, signals, images, text, checkpoint, features, result, unfinished. "
        "Commas, repeats. [default: all]",
    ),
]


@app.command("list", epilog="Example:  bench artifacts list --kind checkpoint,features")
def list_command(kind: Kinds = None, json_output: o.Json = False, workspace: o.WorkspaceOption = None) -> None:
    """List artifacts: kind, key, size, age, and the number of users."""
    from bench.cells.artifact_index import artifacts
    from bench.storage.workspace import Workspace

    found = artifacts(Workspace.at(workspace), _kinds(kind))
    if json_output:
        o.print_json([_facts(one) for one in found])
        return
    if not found:
        typer.echo("nothing yet")
        return
    from rich.table import Table
    from rich.text import Text

    from bench.cli.terminal import WIDE, console

    out = console()
    if out.width < WIDE:  # keys stay whole: what they are of stands beneath
        for one in found:
            used = f", used by {len(one.used_by)}" if one.used_by else ""
            facts = f"  {_size(one.bytes)}, {_age(one.age_days)} old{used}"
            out.print(Text.assemble(f"{one.kind:12} ", (one.key, "bold"), (facts, "dim")), soft_wrap=True)
            if _of(one):
                out.print(Text(f"{'':13}{_of(one)}"))
        typer.echo(_total(found))
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("kind", "key", "of", "size", "age", "used by"):
        right = name in ("size", "age", "used by")
        table.add_column(name, overflow="fold", no_wrap=right, justify="right" if right else "left")
    for one in found:
        table.add_row(one.kind, one.key, _of(one), _size(one.bytes), _age(one.age_days), str(len(one.used_by) or "-"))
    out.print(table)
    typer.echo(_total(found))


def _total(found: list[Any]) -> str:
    return f"{o.counted(len(found), 'artifact')}, {_size(sum(one.bytes for one in found))}"


@app.command(epilog="Example:  bench artifacts show kmerl-0123")
def show(
    key: Annotated[str, typer.Argument(help="The key, or how it begins.")], workspace: o.WorkspaceOption = None
) -> None:
    """Show an artifact with its inputs and its users, as JSON."""
    from bench.cells.artifact_index import artifacts
    from bench.storage.workspace import Workspace

    found = [one for one in artifacts(Workspace.at(workspace)) if one.key.startswith(key)]
    if len(found) != 1:
        how = f"{len(found)} artifacts have" if found else "no artifact has"
        raise ConfigError(f"{how} a key that begins with {key!r}. bench artifacts list shows the keys.")
    o.print_json(_facts(found[0]))


@app.command(epilog="Example:  bench artifacts verify --kind checkpoint,result")
def verify(kind: Kinds = None, json_output: o.Json = False, workspace: o.WorkspaceOption = None) -> None:
    """Read every byte that has a digest and list altered artifacts; a run makes them again. Exit code 1 if any."""
    from bench.cells.artifact_index import NoDigest, artifacts, verify
    from bench.storage.workspace import Workspace

    damaged, intact, unchecked = [], 0, 0
    for one in artifacts(Workspace.at(workspace), _kinds(kind)):
        try:
            wrong = verify(one)
        except NoDigest:
            unchecked += 1
            continue
        intact += wrong is None
        if wrong:
            damaged.append({"kind": one.kind, "path": str(one.path), "wrong": wrong})
    if json_output:
        o.print_json({"intact": intact, "unchecked": unchecked, "damaged": damaged})
    else:
        for each in damaged:
            typer.echo(f"damaged: {each['kind']} {each['path']}: {each['wrong']}")
        if damaged:
            typer.echo("Run the commands again that made them: they are made again. Or delete their folders.")
        typer.echo(f"{intact:,} intact, {len(damaged):,} damaged, {unchecked:,} without a separate digest")
    if damaged:
        raise typer.Exit(1)


@app.command(
    epilog=o.examples(
        "bench artifacts prune --kind features --older-than 30", "bench artifacts prune --unreferenced --yes"
    )
)
def prune(
    kind: Kinds = None,
    older_than: Annotated[float, typer.Option("--older-than", min=0, metavar="DAYS", help="Older than this.")] = 0.0,
    unreferenced: Annotated[
        bool,
        typer.Option("--unreferenced", help="Stores and checkpoints that nothing else was made from, and leftovers."),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Remove the artifacts; by default they are only listed.")] = False,
    workspace: o.WorkspaceOption = None,
) -> None:
    """List artifacts to remove, and remove them with --yes. Artifacts of running processes are kept."""
    from bench.cells.artifact_index import removable, remove
    from bench.storage.workspace import Workspace

    if not (kind or older_than or unreferenced):
        raise ConfigError("say what is to go: --kind KIND, --older-than DAYS, --unreferenced, or several of them.")
    place = Workspace.at(workspace)
    chosen = removable(place, _kinds(kind), older_than, unreferenced)
    if not yes:
        for one in chosen:
            typer.echo(f"would remove {one.kind} {one.path} ({_size(one.bytes)}, {_age(one.age_days)} old)")
        typer.echo(f"{len(chosen):,} artifacts, {_size(sum(one.bytes for one in chosen))}; --yes removes them")
        return
    left = remove(place, chosen, lambda one: typer.echo(f"removed {one.kind} {one.path} ({_size(one.bytes)})"))
    for one in left:
        typer.echo(f"left: {one.kind} {one.path}: a process is writing it, or is on another machine", err=True)


def _kinds(values: list[str] | None) -> list[str]:
    from bench.cells.artifact_index import KINDS

    chosen = o.split_commas(values)
    for one in chosen:
        o.choice(one, "--kind", KINDS)
    return chosen


def _facts(one: Any) -> dict[str, Any]:
    from dataclasses import asdict

    return asdict(one) | {"key": one.key, "path": str(one.path), "age_days": round(one.age_days, 2)}


def _of(one: Any) -> str:
    inputs = one.inputs
    if one.kind == "result" and inputs.get("cell"):
        from bench.cells.cell import Cell

        return str(Cell.from_dict(inputs["cell"]))
    if one.kind == "checkpoint":
        return f"{inputs.get('method')} on {(inputs.get('corpus') or {}).get('dataset')}"
    return " ".join(str(inputs[name]) for name in ("method", "dataset") if inputs.get(name))


def _size(count: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def _age(days: float) -> str:
    return f"{days:.0f} d" if days >= 1 else f"{days * 24:.0f} h" if days >= 1 / 24 else f"{days * 1440:.0f} min"
