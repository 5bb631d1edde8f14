"""``bench checkpoints``: import published weights, and register checkpoints as models of MLflow."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.cli import options as o

if TYPE_CHECKING:
    from bench.storage.workspace import Workspace

app = typer.Typer(no_args_is_help=True, help="Import published weights, and register checkpoints as models of MLflow.")


@app.command(
    "import", epilog="Example:  bench checkpoints import merl res18_best_ckpt.pth --set merl.text.model=medcpt"
)
def import_command(
    method: o.MethodName,
    file: Annotated[Path, typer.Argument(help="The published file: safetensors, or a saved state dict.")],
    part: Annotated[
        str,
        typer.Option(
            "--part", help="Content of the file: the whole model, or the encoder (then zero-shot is not available)."
        ),
    ] = "model",
    corpus: Annotated[
        list[str] | None,
        typer.Option(
            "--corpus",
            help="The pretraining corpus: datasets, or collections that they overlap with (cinc2021), separated by commas. "
            "other:NAME for a collection that shares no recordings with them. The contamination stamp uses it. "
            "[default: the paper's]",
        ),
    ] = None,
    lead_order: Annotated[
        str | None,
        typer.Option(
            "--lead-order",
            help="The order in which the weights learned the leads, separated by commas. [default: that of the "
            "authors' file]",
        ),
    ] = None,
    set_: o.SetOption = None,
    json_output: o.Json = False,
    workspace: o.WorkspaceOption = None,
) -> None:
    """Map every name in a file to a name in the method and store the weights as a checkpoint. A file with missing or extra
    names is refused."""
    from bench import progress, registry
    from bench.contamination.declared import declared_corpus
    from bench.progress import say
    from bench.runner.overrides import check_overrides, method_config, parse_overrides
    from bench.storage.workspace import Workspace
    from bench.training.import_checkpoint import import_checkpoint

    progress.set_quiet(json_output)
    cls = registry.load(registry.METHODS, method)
    overrides = parse_overrides(set_ or [], list(registry.entries(registry.METHODS)))
    check_overrides(overrides, [cls], in_modes=())
    own = Workspace.at(workspace)
    own.ensure_writable()
    config = method_config(cls, "paper", overrides)
    corpora = declared_corpus(o.split_commas(corpus)) if corpus else None
    leads = o.split_commas([lead_order]) if lead_order else None
    folder, report = import_checkpoint(cls, config, file, own.checkpoints, part, corpora, leads)
    if json_output:
        from dataclasses import asdict

        o.print_json({"checkpoint": str(folder), **asdict(report)})
        return
    for what, names in (("unused", report.unused), ("keeps its initial weights", report.initial)):
        for name in names:
            say(f"{what}: {name}")
    say(f"{len(report.matched)} tensors matched, {len(report.unused)} unused, none missing, none of another shape")
    say(f"checkpoint {folder}")
    say(f"run it with: bench run --method {method} --checkpoint {method}={folder.name} --task TASK --mode MODE")


@app.command("register", epilog="Example:  bench checkpoints register ecg-encoder --checkpoint kmerl-eb08712fbd025a34")
def register_command(
    name: Annotated[str, typer.Argument(help="Name of the registered model; a new one or that of earlier versions.")],
    checkpoint: Annotated[
        str,
        typer.Option(
            "--checkpoint",
            metavar="FOLDER|METHOD=FILE",
            help="A checkpoint: a folder, its name in the workspace, or a method and a file that its authors published, which "
            "is imported.",
        ),
    ],
    task: Annotated[
        str | None,
        typer.Option(
            "--task",
            metavar="NAME",
            help="Return scores of this task's classes, from their names in words (methods with zeroshot). [default: features]",
            autocompletion=o.complete("bench.tasks"),
        ),
    ] = None,
    fs: Annotated[float, typer.Option("--fs", metavar="HZ", min=1, help="Rate of the model's input.")] = 500.0,
    uri: Annotated[
        str | None,
        typer.Option(
            "--uri", help="MLflow tracking URI. Also MLFLOW_TRACKING_URI. [default: mlflow.db in the workspace]"
        ),
    ] = None,
    workspace: o.WorkspaceOption = None,
) -> None:
    """Make a version of a registered model from a checkpoint. It maps recordings in mV, [record, lead, time], to features
    or class scores; open it with mlflow.pyfunc.load_model."""
    from bench.model_registry.register import register
    from bench.progress import say
    from bench.storage.workspace import Workspace
    from bench.training.find_checkpoint import find_checkpoint

    own = Workspace.at(workspace)
    folder = _of_file(checkpoint, own) or find_checkpoint(checkpoint, own.checkpoints, f"--checkpoint {checkpoint}")
    registered = register(name, folder.absolute(), own, uri or own.tracking_uri, fs, task or "")
    say(f"registered {registered.name}, version {registered.version}: {registered.output}")
    say(f'open it with: mlflow.pyfunc.load_model("{registered.uri}")')


def _of_file(checkpoint: str, workspace: Workspace) -> Path | None:
    """The checkpoint folder of ``METHOD=FILE``, imported with the method's default settings; None for a folder."""
    from bench import registry
    from bench.training.find_checkpoint import published_file
    from bench.weights.checkpoint import checkpoint_of_file

    method, separator, written = checkpoint.partition("=")
    file = published_file(written, f"--checkpoint {checkpoint}") if separator and written else None
    if file is None:
        return None
    workspace.ensure_writable()
    cls = registry.load(registry.METHODS, registry.named(registry.METHODS, method))
    return checkpoint_of_file(cls, cls.Config(), workspace.checkpoints, file)
