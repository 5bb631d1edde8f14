"""``bench pretrain``: make a method's checkpoint."""

from __future__ import annotations

from typing import Annotated

import typer

from bench.cli import options as o

EXAMPLES = "Example:  bench pretrain kmerl --corpus ptbxl --set pretrain.epochs=5"


def pretrain_command(
    method: Annotated[str, typer.Argument(help="The method.", autocompletion=o.complete("bench.methods"))],
    corpus: Annotated[
        str | None,
        typer.Option("--corpus", help="The dataset to learn from. [default: the paper's if at hand, else ptbxl]"),
    ] = None,
    data_root: o.DataRoot = None,
    profile: o.ProfileOption = None,
    set_: o.SetOption = None,
    text: o.TextOption = None,
    simulated_records: o.SimulatedRecords = None,
    on_bad_record: o.OnBadRecord = "error",
    workspace: o.WorkspaceOption = None,
) -> None:
    """Pretrain a method and keep the checkpoint. A run that was interrupted goes on from its last epoch."""
    from bench import registry
    from bench.errors import ConfigError
    from bench.progress import say
    from bench.runner.configure import check_overrides, parse_overrides
    from bench.runner.session import Session

    wanted = o.chosen_profile(profile)
    cls = registry.load(registry.METHODS, method)
    overrides = parse_overrides(o.overrides(set_, text), list(registry.entries(registry.METHODS)))
    check_overrides(overrides, [cls])
    source = o.data_source(data_root, workspace, simulated_records, on_bad_record)
    session = Session(source, wanted or ("paper" if source.kind == "real" else "smoke"), overrides, corpus)
    if not cls.implements("pretraining_loss"):
        raise ConfigError(f"{method} has no pretraining objective; it runs from its initial weights.")
    session.method_config(method)
    source.workspace.ensure_writable()
    default = next(iter(registry.entries(registry.DATASETS)))
    spec = session.checkpoint_spec(cls, "ptbxl" if "ptbxl" in registry.entries(registry.DATASETS) else default)
    assert spec is not None
    folder = session.checkpoint(spec)
    say(f"checkpoint {folder}")
