"""``bench pretrain``: pretrain a method and store its checkpoint."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from bench.cli import options as o

EXAMPLES = """Examples:

bench pretrain kmerl --corpus ptbxl --set pretrain.epochs=5

bench pretrain merl --corpus mimic-iv-ecg --devices 8 --precision bf16-mixed

bench pretrain simclr --corpus ptbxl --probe ptbxl-super --probe-every 2

torchrun --nnodes 2 --nproc-per-node 8 --rdzv-backend c10d --rdzv-endpoint HOST:29500 -m bench.cli.main pretrain merl
--corpus mimic-iv-ecg --devices 8 --nodes 2
"""
PROBE_EVERY = 5
PRECISIONS = ("auto", "32-true", "bf16-mixed", "16-mixed")


def pretrain_command(
    method: o.MethodName,
    corpus: o.CorpusOption = None,
    devices: Annotated[
        str,
        typer.Option(
            "--devices",
            metavar="N|auto",
            help="Devices per machine: GPUs, or processes on a machine without GPUs. They share each batch; "
            "pretrain.batch_size is the batch of all devices. auto: all GPUs.",
        ),
    ] = "1",
    nodes: Annotated[
        int, typer.Option("--nodes", min=1, help="Number of machines; start the command on each with torchrun or srun.")
    ] = 1,
    strategy: Annotated[
        str,
        typer.Option(
            "--strategy", help="ddp: all weights on each device; fsdp: weights and optimiser in parts. auto: ddp."
        ),
    ] = "auto",
    precision: Annotated[
        str | None,
        typer.Option(
            "--precision",
            help="32-true, bf16-mixed, 16-mixed (GPUs only) or auto; same as --set pretrain.precision=, for all stages. "
            "[default: auto: bf16-mixed on a GPU that has it, else 32-true]",
        ),
    ] = None,
    probe: Annotated[
        str | None,
        typer.Option(
            "--probe",
            metavar="TASK",
            help="Measure the weights on this task while they are trained: a linear probe on its training records, scored on "
            "its validation records. Weights do not change, and no test record is read.",
            callback=o.registered("bench.tasks"),
            autocompletion=o.complete("bench.tasks"),
        ),
    ] = None,
    probe_every: Annotated[
        int | None,
        typer.Option("--probe-every", metavar="N", min=1, help="Epochs from one probe to the next. [default: 5]"),
    ] = None,
    data_root: o.DataRoot = None,
    profile: o.ProfileOption = None,
    set_: o.SetOption = None,
    text: o.TextOption = None,
    simulated_records: o.SimulatedRecords = None,
    on_bad_record: o.OnBadRecord = "error",
    no_track: Annotated[
        bool, typer.Option("--no-track", help="Do not log the pretraining to MLflow while it trains.")
    ] = False,
    log_models: o.LogModels = False,
    workspace: o.WorkspaceOption = None,
    artifacts: o.ArtifactsOption = None,
) -> None:
    """Pretrain a method and store the checkpoint. An interrupted run continues from its last epoch."""
    from bench import registry
    from bench.errors import ConfigError
    from bench.progress import say
    from bench.runner.multi_process_pretraining import pretrain_as_one_of_many
    from bench.runner.overrides import check_overrides, fields_of, parse_overrides
    from bench.runner.probe import ProbeOptions
    from bench.runner.session import Session
    from bench.tracking.follow import followed
    from bench.training.devices import Devices
    from bench.training.launch import is_first, started_by_others

    wanted = o.chosen_profile(profile)
    spread = Devices.of(devices, nodes, strategy)
    started = int(os.environ.get("WORLD_SIZE", "1"))
    if started > 1 and spread.total == 1:  # each would wait for the first, which would train alone
        raise ConfigError(
            f"{started} processes were started, but --devices 1 --nodes 1 expects one. State the devices per machine "
            "with --devices and the number of machines with --nodes."
        )
    cls = registry.load(registry.METHODS, method)
    settings = o.overrides(set_, text)
    if o.choice(precision, "--precision", PRECISIONS) is not None:
        stages = [field for field in fields_of(cls.Config) if field.endswith("pretrain.precision")]
        settings = [*(f"{field}={precision}" for field in stages), *settings]
    overrides = parse_overrides(settings, list(registry.entries(registry.METHODS)))
    check_overrides(overrides, [cls], in_modes=())
    source = o.data_source(data_root, workspace, simulated_records, on_bad_record, artifacts=artifacts)
    chosen = wanted or ("paper" if source.kind == "real" else "smoke")
    if probe_every and not probe:
        raise ConfigError("--probe-every has no effect without --probe TASK. Add --probe, or leave it out.")
    if probe and spread.total > 1:
        raise ConfigError("--probe measures in one process. Leave it out, or use --devices 1 --nodes 1.")
    measured = ProbeOptions(probe, probe_every or PROBE_EVERY) if probe else None
    session = Session(source, chosen, overrides, corpus, devices=spread, probe=measured)
    if not cls.implements("pretraining_loss"):
        raise ConfigError(f"{method} has no pretraining objective; it starts from its initial weights.")
    session.method_config(method)
    source.workspace.ensure_writable()
    if (shared := source.workspace.shared) is not None:
        shared.check()
    default = next(iter(registry.entries(registry.DATASETS)))
    dataset = "ptbxl" if "ptbxl" in registry.entries(registry.DATASETS) else default
    many = spread.total > 1 and started_by_others()
    with followed(source.workspace, not no_track and (not many or is_first()), log_models) as log:
        if many:
            folder = pretrain_as_one_of_many(session, method, dataset)
        else:
            spec = session.checkpoint_spec(cls, dataset)
            assert spec is not None
            if measured and spec.folder(source.workspace.checkpoints).is_dir():
                say("--probe has no effect: the checkpoint is finished")
            folder = session.checkpoint(spec)
        log(folder)
    say(f"checkpoint {folder}")
