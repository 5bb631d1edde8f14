"""``bench publish``: put a checkpoint where others find it."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated

import typer

from bench.cli import options as o

app = typer.Typer(no_args_is_help=True)


@app.callback()  # without it a group of one command is that command
def _group() -> None:
    """Publish a checkpoint with a page that states what it is."""


@app.command(
    "hub",
    epilog="Example:  bench publish hub my-lab/kmerl-ptbxl --checkpoint kmerl-eb08712fbd025a34 --licence cc-by-4.0 --dry-run",
)
def hub_command(
    repository: Annotated[str, typer.Argument(help="The repository on the hub; made if absent.", metavar="OWNER/NAME")],
    checkpoint: Annotated[
        str,
        typer.Option("--checkpoint", metavar="FOLDER", help="A checkpoint: a folder, or its name in the workspace."),
    ],
    licence: Annotated[
        str, typer.Option("--licence", help="Licence of the weights, as the hub spells it: cc-by-4.0, mit, ...")
    ],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the page and the files; send nothing.")] = False,
    private: Annotated[bool, typer.Option("--private", help="Make a new repository private.")] = False,
    terms_allow: Annotated[
        bool,
        typer.Option(
            "--terms-allow",
            help="The terms of a credentialed corpus allow weights that were trained on it to be published.",
        ),
    ] = False,
    workspace: o.WorkspaceOption = None,
) -> None:
    """Upload a checkpoint to a model hub. Its page is a model card with the results in this workspace as a model-index,
    the input that the weights expect, and the commands that use them. HF_ENDPOINT names another hub than huggingface.co."""
    from bench.model_registry.hub import upload, write_publication
    from bench.progress import byte_size, say
    from bench.storage.workspace import Workspace
    from bench.training.find_checkpoint import find_checkpoint

    own = Workspace.at(workspace)
    folder = find_checkpoint(checkpoint, own.checkpoints, f"--checkpoint {checkpoint}")
    with tempfile.TemporaryDirectory() as made:
        files = write_publication(folder.absolute(), repository, licence, own, Path(made), terms_allow)
        if dry_run:
            typer.echo(files[0].read_text(encoding="utf-8"))
        for file in files:
            say(f"{byte_size(file.stat().st_size):>9}  {file.name}")
        if dry_run:
            say(f"nothing was sent; without --dry-run these {len(files)} files go to {repository}")
            return
        say(f"published: {upload(Path(made), repository, private)}")
