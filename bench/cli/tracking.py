"""``bench tracking``: copy results to and from an MLflow server."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from bench.cli import options as o

app = typer.Typer(
    no_args_is_help=True, help="Copy results between the result store, which is authoritative, and MLflow."
)

Uri = Annotated[
    str | None,
    typer.Option("--uri", help="MLflow tracking URI. Also MLFLOW_TRACKING_URI. [default: mlflow.db in the workspace]"),
]


@app.command(epilog="Example:  bench tracking push --uri http://127.0.0.1:5000")
def push(uri: Uri = None, log_models: o.LogModels = False, workspace: o.WorkspaceOption = None) -> None:
    """Log every stored result and pretraining that the server does not have yet."""
    from bench.storage.workspace import Workspace
    from bench.tracking import mirror
    from bench.tracking.pages import where_to_look

    current = Workspace.at(workspace)
    store = uri or current.tracking_uri
    _report(mirror.push(current.results, store, log_models=log_models), "logged")
    for line in where_to_look(store):
        typer.echo(line)


@app.command(epilog="Example:  bench tracking pull --uri http://127.0.0.1:5000")
def pull(uri: Uri = None, workspace: o.WorkspaceOption = None) -> None:
    """Fetch every result that the store does not have yet; digests are checked."""
    from bench.storage.workspace import Workspace
    from bench.tracking import mirror

    current = Workspace.at(workspace)
    current.ensure_writable()
    _report(mirror.pull(uri or current.tracking_uri, current.results), "fetched")


def _report(transfer: Any, verb: str) -> None:
    typer.echo(f"{transfer.moved:,} {verb}, {transfer.present:,} there already")
    for reason in transfer.refused:
        typer.echo(f"refused: {reason}", err=True)
    if transfer.refused:
        raise typer.Exit(1)
