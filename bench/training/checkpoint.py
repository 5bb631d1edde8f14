"""Checkpoints: ``checkpoints/METHOD-KEY/`` with ``model.safetensors``, ``config.yaml``, ``provenance.json``, ``history.csv``,
``training.jsonl``, and ``concepts.json`` where pretraining had words.

The key is a digest of what determines the weights: method source and config, corpus digest, input. A checkpoint
appears whole and sealed; a run in progress lies next to it in ``.METHOD-KEY.partial`` and is continued by the next run.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.processes.energy import measured_energy
from bench.progress import counted, say, track
from bench.seeding import derive, seed_global
from bench.signals.input_code import input_digest
from bench.storage.artifacts import (
    INPUTS,
    digest,
    file_digest,
    lock_of,
    locked,
    seal,
    write_json,
    writing,
)
from bench.storage.code_digest import method_digest, module_digest
from bench.training.checkpoint_files import CONCEPTS, WEIGHTS, read_provenance
from bench.training.collapse import collapse_line, collapse_of
from bench.training.threads import fixed_threads, unused_cores

if TYPE_CHECKING:
    from bench.data.batches import BatchSource
    from bench.method import Corpus, Method, MethodConfig
    from bench.training.devices import Devices
    from bench.training.loop import Probe

SCHEMA = 1
LOOP = ("loop", "schedule", "micro_batches", "distributed", "batch_norm", "method_calls", "clipping")
"""Modules of the training loop, whose change makes other weights. What they run on is not among them."""


@dataclass(frozen=True)
class CheckpointSpec:
    """What determines a checkpoint, known before it is made."""

    method: type[Method]
    config: MethodConfig
    corpus: dict[str, Any]  # dataset, store digest, partition and text source, as JSON
    given: Path | None = None  # the folder of a checkpoint that was named, not derived from all this
    fs: float | None = None  # Hz, of the corpus's store: decides which transforms its signals pass
    key: str = field(init=False)

    def __post_init__(self) -> None:
        # whatever made a given checkpoint, these are its weights
        weights = read_provenance(self.given)["weights_sha256"] if self.given is not None else None
        object.__setattr__(self, "key", checkpoint_key(self.method, self.config, self.corpus, self.fs, weights))

    def folder(self, checkpoints: Path) -> Path:
        return self.given or checkpoints / f"{self.method.name}-{self.key[:16]}"


def checkpoint_key(
    method: type[Method], config: MethodConfig, corpus: dict[str, Any], fs: float | None, weights: str | None = None
) -> str:
    """Digest of what determines a checkpoint.

    Args:
        fs: Hz, of the corpus's store; None for a given checkpoint.
        weights: SHA-256 of the weights of a checkpoint that was given, whatever made it.
    """
    wanted = method.input_for(config)
    determined_by = {
        "schema": SCHEMA,
        "method": method.name,
        "source": method_digest(method, config),
        "loop": [module_digest(f"bench.training.{name}") for name in LOOP],
        "config": config.model_dump(mode="json", exclude=set(config.after_training | config.input_fields)),
        "input": wanted.to_dict() | {"downstream": ()},  # read after pretraining
        "transforms": None if fs is None else input_digest(wanted, fs),
        "corpus": corpus,
    }
    if weights is not None:
        determined_by["weights"] = weights
    return digest(determined_by)


def seeded_method(method: type[Method], config: MethodConfig, seed: int) -> Method:
    """A method with fresh weights drawn from ``seed``."""
    seed_global(derive("initial-weights", seed))
    return method(config)


def pretrain(
    spec: CheckpointSpec,
    checkpoints: Path,
    corpus: Corpus,
    source: BatchSource,
    rows: np.ndarray,
    validation_rows: np.ndarray,
    devices: Devices | None = None,
    probe: Probe | None = None,
) -> Path:
    """The checkpoint of ``spec``: found, continued, or made. Two processes asking at once make it once.

    In processes that train together on ``devices`` all call it; the first one looks, holds the lock and writes.
    """
    from bench.training.distributed import agreed, rank
    from bench.training.loop import STATE
    from bench.training.training_log import partial_folder

    final = spec.folder(checkpoints)
    if agreed(final.is_dir()):
        return final
    partial = partial_folder(final)
    with locked(lock_of(final)) if rank() == 0 else contextlib.nullcontext():
        if not agreed(final.is_dir()):
            if rank() == 0:
                partial.mkdir(exist_ok=True)
                write_json(partial / INPUTS, {"corpus": spec.corpus})
            try:
                _make(spec, final, partial, corpus, source, rows, validation_rows, devices, probe)
            finally:
                if rank() == 0 and (final.is_dir() or not list(partial.rglob(STATE))):  # else the next run continues
                    shutil.rmtree(partial, ignore_errors=True)
    return final


def _make(
    spec: CheckpointSpec,
    final: Path,
    partial: Path,
    corpus: Corpus,
    source: BatchSource,
    rows: np.ndarray,
    validation_rows: np.ndarray,
    devices: Devices | None,
    probe: Probe | None,
) -> None:
    from bench.training.devices import full
    from bench.training.distributed import agreed, first_alone, rank
    from bench.training.loop import STATE, train
    from bench.training.state_file import discard_if_damaged
    from bench.training.training_log import LOG, TrainingLog

    threads = spec.config.pretrain.threads
    with fixed_threads(threads):
        method = seeded_method(spec.method, spec.config, spec.config.pretrain.seed)
        with first_alone():
            method.prepare_corpus(corpus)
    history: list[dict[str, Any]] = []
    stages, records = method.stages(spec.config), {"train": len(rows), "validation": len(validation_rows)}
    file = partial / LOG if rank() == 0 else None
    TrainingLog(file).begin(spec, final.name, stages, records)
    continued = bool(list(partial.rglob(STATE)))
    with measured_energy() as energy:
        for stage, config in stages.items():
            batch = config.batch_for(len(rows))
            folder = partial / stage
            folder.mkdir(parents=True, exist_ok=True)
            if rank() == 0:
                discard_if_damaged(folder / STATE)
            say(
                f"{'continuing' if (folder / STATE).exists() else 'pretraining'} {method.name} on {corpus.name}"
                + (f", stage {stage}" if stage else "")
                + f": {counted(len(rows), 'recording')}, {counted(config.epochs, 'epoch')} of "
                f"{counted(len(rows) // batch, 'step')} of {batch}"
                + (f" (not batch_size={config.batch_size}: the corpus is small)" if batch < config.batch_size else "")
                + unused_cores(config.threads)
            )
            method.begin_stage(stage)
            with track(f"pretraining {method.name}") as progress:
                log = TrainingLog(file, stage)
                with fixed_threads(config.threads):
                    entries = train(
                        method, source, rows, validation_rows, config, folder, progress, devices, log, probe
                    )
            history += [({"stage": stage} if stage else {}) | entry for entry in entries]
    if collapsed := collapse_of(history):
        say(collapse_line(final.name, collapsed))
    weights = {name: full(value).detach().cpu().contiguous() for name, value in method.state_dict().items()}
    if rank() == 0:
        with fixed_threads(threads):  # what it records of the machine
            spent = {} if continued else energy  # what the interrupted run spent is not known
            _write(spec, final, method, weights, history, records, devices, partial / LOG, spent)
    agreed("written")


def _write(
    spec: CheckpointSpec,
    final: Path,
    method: Method,
    weights: dict[str, Any],
    history: list[dict[str, Any]],
    records: dict[str, int],
    devices: Devices | None,
    log: Path,
    spent: Mapping[str, float],
) -> None:
    from bench.training.devices import ran_on

    stages = list(method.stages(spec.config).values())
    batches = [config.batch_for(records["train"]) for config in stages]
    facts = {
        "records": records,
        "batch_size": batches[-1],
        "ran_on": ran_on(stages[-1].precision, devices) | {"threads": stages[-1].threads},
        "steps": sum(c.epochs * (records["train"] // batch) for c, batch in zip(stages, batches, strict=True)),
        "seconds": sum(entry["seconds"] for entry in history),
        **spent,
    }
    if collapsed := collapse_of(history):
        facts["collapsed"] = collapsed
    write_checkpoint(spec, final, method, weights, facts, history, log)


def write_checkpoint(
    spec: CheckpointSpec,
    final: Path,
    method: Method,
    weights: dict[str, Any],
    facts: dict[str, Any],
    history: list[dict[str, Any]] | None = None,
    log: Path | None = None,
) -> None:
    """Write a sealed checkpoint.

    Args:
        facts: how the weights came about, for ``provenance.json``.
        log: of pretraining (:mod:`bench.training.training_log`).
        history: of pretraining, and then what it put into words is asked of the method; None for imported weights.
    """
    import pandas as pd
    import yaml
    from safetensors.torch import save_file

    from bench import provenance
    from bench.training.training_log import LOG

    with writing(final) as folder:
        save_file(weights, folder / WEIGHTS)
        (folder / "config.yaml").write_text(yaml.safe_dump(spec.config.model_dump(mode="json"), sort_keys=False))
        if history is not None:
            pd.DataFrame(history).to_csv(folder / "history.csv", index=False)
            if log is not None:
                shutil.copyfile(log, folder / LOG)
            if concepts := list(method.concepts()):
                write_json(folder / CONCEPTS, concepts)
        write_json(
            folder / "provenance.json",
            {
                "schema": SCHEMA,
                "key": spec.key,
                "method": method.name,
                "weights_sha256": file_digest(folder / WEIGHTS),
                "corpus": spec.corpus,
                **facts,
                "parameters": sum(p.numel() for p in method.parameters()),
                "notes": method.checkpoint_metadata(),
                "versions": provenance.versions(),
                "git_commit": provenance.git_commit(),
                "machine": provenance.machine(),
                "finished": provenance.now(),
            },
        )
        seal(folder, "checkpoint", {"key": spec.key})
