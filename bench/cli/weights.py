"""``bench weights``: the weights that methods' authors have published."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.cli import options as o

if TYPE_CHECKING:
    from bench.method import Method, MethodConfig
    from bench.storage.workspace import Workspace

app = typer.Typer(
    no_args_is_help=True, help="Fetch the weights that authors have published, or take files that you fetched."
)
_ACCEPT = "Accept a licence that restricts use, such as a non-commercial one."


@app.command("list", epilog="Example:  bench weights list")
def list_command(json_output: o.Json = False, workspace: o.WorkspaceOption = None) -> None:
    """List the methods with released weights: file, licence, what the weights have seen, and whether the file is here."""
    from bench import registry
    from bench.cli.terminal import console
    from bench.method.released import released_files
    from bench.storage.workspace import Workspace
    from bench.weights.files import present

    own = Workspace.at(workspace)
    rows = []
    for name, entry in registry.entries(registry.METHODS).items():
        for variant, released in released_files(entry.attributes).items():
            existing = present(name, released, own)
            rows.append(
                {
                    "method": name,
                    "weights": variant,
                    "file": released.file,
                    "licence": released.licence,
                    "pretrained on": ", ".join(released.corpora),
                    "assumed": released.assumed,
                    "here": "yes" if existing else "no" if released.hub or released.url else "no, by hand",
                    "page": released.page,
                }
            )
    if json_output:
        o.print_json(rows)
    else:
        for row in rows:
            console().print(
                f"{row['method']} ({row['file']}): licence {row['licence']}; pretrained on {row['pretrained on']}; "
                f"here: {row['here']}\n  {row['page']}" + f"\n  assumed: {row['assumed']}" * bool(row["assumed"]),
                highlight=False,
                soft_wrap=True,
            )


@app.command("fetch", epilog="Example:  bench weights fetch ecgfounder")
def fetch_command(
    method: o.MethodName,
    accept: Annotated[bool, typer.Option("--accept-licence", help=_ACCEPT)] = False,
    set_: o.SetOption = None,
    workspace: o.WorkspaceOption = None,
) -> None:
    """Fetch a method's released weights into the workspace, check that they fit, and import them as a checkpoint."""
    from bench.weights.checkpoint import released_checkpoint
    from bench.weights.files import fetch, released_weights

    cls, config, own = _chosen(method, set_, workspace)
    fetch(cls.name, released_weights(cls, config), own, _accepted(cls, config, accept))
    _imported(cls.name, released_checkpoint(cls, config, own))


@app.command("import", epilog="Example:  bench weights import st-mem-released st_mem_vit_base_encoder.pth")
def import_command(
    method: o.MethodName,
    file: Annotated[Path, typer.Argument(help="The file as the authors publish it.")],
    accept: Annotated[bool, typer.Option("--accept-licence", help=_ACCEPT)] = False,
    set_: o.SetOption = None,
    workspace: o.WorkspaceOption = None,
) -> None:
    """Take a released file that you fetched: copy it into the workspace, check that it fits, and import it as a
    checkpoint."""
    from bench.weights.checkpoint import take

    cls, config, own = _chosen(method, set_, workspace)
    _imported(cls.name, take(cls, config, own, file, _accepted(cls, config, accept)))


def _accepted(cls: type[Method], config: MethodConfig, accept: bool) -> bool:
    """Whether the user accepts the licence: by option, or when asked at a terminal."""
    import sys

    from bench.progress import say
    from bench.weights.files import released_weights

    released = released_weights(cls, config)
    if accept or not released.needs_acceptance or not sys.stdin.isatty():
        return accept
    say(f"The weights of {cls.name} have the licence {released.licence}: {released.page}")
    return typer.confirm("Do you accept it?")


def _chosen(method: str, set_: list[str] | None, workspace: str | None) -> tuple[type[Method], MethodConfig, Workspace]:
    from bench import registry
    from bench.runner.overrides import check_overrides, method_config, parse_overrides
    from bench.storage.workspace import Workspace

    cls = registry.load(registry.METHODS, method)
    overrides = parse_overrides(set_ or [], list(registry.entries(registry.METHODS)))
    check_overrides(overrides, [cls], in_modes=())
    own = Workspace.at(workspace)
    own.ensure_writable()
    return cls, method_config(cls, "paper", overrides), own


def _imported(method: str, folder: Path) -> None:
    from bench.progress import say

    say(f"checkpoint {folder}")
    say(f"run it with: bench run --method {method} --task TASK --mode linear")
