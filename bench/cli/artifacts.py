"""``bench artifacts``: list, verify and remove what the workspace holds."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from bench.cli import options as o
from bench.errors import ConfigError
from bench.progress import counted

app = typer.Typer(
    no_args_is_help=True, help="List, verify and remove a workspace's stores, checkpoints, features and results."
)

Kinds = Annotated[
    list[str] | None,
    typer.Option(
        "--kind",
        help="simulated, store, fingerprints, signals, images, text, checkpoint, features, result, corrupted, other cache, "
        "unfinished. Commas, repeats. [default: all]",
    ),
]


@app.command("list", epilog="Example:  bench artifacts list --kind checkpoint,features")
def list_command(kind: Kinds = None, json_output: o.Json = False, workspace: o.WorkspaceOption = None) -> None:
    """List artifacts: kind, key, size, age, and the number of users."""
    from bench.cells.artifact_index import artifacts
    from bench.storage.workspace import Workspace

    listed = artifacts(Workspace.at(workspace), _kinds(kind))
    if json_output:
        o.print_json([_facts(artifact) for artifact in listed])
        return
    if not listed:
        typer.echo("nothing yet")
        return
    from rich.table import Table
    from rich.text import Text

    from bench.cli.terminal import WIDE, console

    out = console()
    if out.width < WIDE:  # keys stay whole: what they are of stands beneath
        for artifact in listed:
            used = f", used by {len(artifact.used_by)}" if artifact.used_by else ""
            facts = f"  {_size(artifact.bytes)}, {_age(artifact.age_days)} old{used}"
            out.print(Text.assemble(f"{artifact.kind:12} ", (artifact.key, "bold"), (facts, "dim")), soft_wrap=True)
            if _of(artifact):
                out.print(Text(f"{'':13}{_of(artifact)}"))
        typer.echo(_total(listed))
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("kind", "key", "of", "size", "age", "used by"):
        right = name in ("size", "age", "used by")
        table.add_column(name, overflow="fold", no_wrap=right, justify="right" if right else "left")
    for artifact in listed:
        table.add_row(
            artifact.kind,
            artifact.key,
            _of(artifact),
            _size(artifact.bytes),
            _age(artifact.age_days),
            str(len(artifact.used_by) or "-"),
        )
    out.print(table)
    typer.echo(_total(listed))


def _total(listed: list[Any]) -> str:
    return f"{counted(len(listed), 'artifact')}, {_size(sum(artifact.bytes for artifact in listed))}"


@app.command(epilog="Example:  bench artifacts show kmerl-0123")
def show(
    key: Annotated[str, typer.Argument(help="The key, or its first characters.")], workspace: o.WorkspaceOption = None
) -> None:
    """Show an artifact with its inputs and its users, as JSON."""
    from bench.cells.artifact_index import artifacts
    from bench.storage.workspace import Workspace

    matches = [artifact for artifact in artifacts(Workspace.at(workspace)) if artifact.key.startswith(key)]
    if len(matches) != 1:
        how = f"{len(matches)} artifacts have" if matches else "no artifact has"
        raise ConfigError(f"{how} a key that begins with {key!r}. bench artifacts list shows the keys.")
    o.print_json(_facts(matches[0]))


@app.command(epilog="Example:  bench artifacts verify --kind checkpoint,result")
def verify(kind: Kinds = None, json_output: o.Json = False, workspace: o.WorkspaceOption = None) -> None:
    """Read every byte that has a digest and list altered artifacts; a run computes them again. Exit code 1 if any are altered."""
    from bench.cells.artifact_index import NoDigest, artifacts, verify
    from bench.storage.workspace import Workspace

    current = Workspace.at(workspace)
    if not current.root.exists():
        raise ConfigError(
            f"the workspace {current.root} does not exist. Name another with --workspace FOLDER or BENCH_WORKSPACE."
        )
    damaged, intact, unchecked = [], 0, 0
    for artifact in artifacts(current, _kinds(kind)):
        try:
            wrong = verify(artifact)
        except NoDigest:
            unchecked += 1
            continue
        intact += wrong is None
        if wrong:
            damaged.append({"kind": artifact.kind, "path": str(artifact.path), "wrong": wrong})
    if json_output:
        o.print_json({"intact": intact, "unchecked": unchecked, "damaged": damaged})
    else:
        for each in damaged:
            typer.echo(f"damaged: {each['kind']} {each['path']}: {each['wrong']}")
        if damaged:
            typer.echo(
                "Run the commands that made them: damaged artifacts are computed again. Or delete their folders."
            )
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
    older_than: Annotated[
        float, typer.Option("--older-than", min=0, metavar="DAYS", help="Only artifacts older than this.")
    ] = 0.0,
    unreferenced: Annotated[
        bool,
        typer.Option("--unreferenced", help="Only stores and checkpoints that nothing else uses, and leftovers."),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Remove the artifacts; by default they are only listed.")] = False,
    workspace: o.WorkspaceOption = None,
) -> None:
    """List artifacts to remove; --yes removes them. Artifacts of running processes are kept."""
    from bench.cells.artifact_index import removable, remove
    from bench.storage.workspace import Workspace

    if not (kind or older_than or unreferenced):
        raise ConfigError(
            "name the artifacts to remove: --kind KIND, --older-than DAYS, --unreferenced, or several of these."
        )
    opened = Workspace.at(workspace)
    chosen = removable(opened, _kinds(kind), older_than, unreferenced)
    if not yes:
        for artifact in chosen:
            typer.echo(
                f"would remove {artifact.kind} {artifact.path} ({_size(artifact.bytes)}, {_age(artifact.age_days)} old)"
            )
        typer.echo(
            f"{len(chosen):,} artifacts, {_size(sum(artifact.bytes for artifact in chosen))}; --yes removes them"
        )
        return
    left = remove(
        opened,
        chosen,
        lambda artifact: typer.echo(f"removed {artifact.kind} {artifact.path} ({_size(artifact.bytes)})"),
    )
    for artifact in left:
        typer.echo(
            f"left: {artifact.kind} {artifact.path}: a process is writing it, or is on another machine", err=True
        )


def _kinds(values: list[str] | None) -> list[str]:
    from bench.cells.artifact_index import KINDS

    chosen = o.split_commas(values)
    for name in chosen:
        o.choice(name, "--kind", KINDS)
    return chosen


def _facts(artifact: Any) -> dict[str, Any]:
    from dataclasses import asdict

    return asdict(artifact) | {"key": artifact.key, "path": str(artifact.path), "age_days": round(artifact.age_days, 2)}


def _of(artifact: Any) -> str:
    inputs = artifact.inputs
    if artifact.kind == "result" and inputs.get("cell"):
        from bench.cells.cell import Cell

        return str(Cell.from_dict(inputs["cell"]))
    if artifact.kind == "checkpoint":
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
