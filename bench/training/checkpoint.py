"""Checkpoints: ``checkpoints/METHOD-KEY/`` with ``model.safetensors``, ``config.yaml``, ``provenance.json``, ``history.csv``,
``training.jsonl``, and ``concepts.json`` where pretraining had words.

The key is a digest of what determines the weights: method source and config, corpus digest, input. A checkpoint
appears whole and sealed; a run in progress lies next to it in ``.METHOD-KEY.partial`` and is continued by the next run.
"""

from __future__ import annotations

import contextlib
import json
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.errors import DataError
from bench.progress import counted, say, track
from bench.reading.text_file import check_text_file, said
from bench.reading.yaml_file import parse_yaml
from bench.seeding import derive, seed_global
from bench.signals.input_code import input_digest
from bench.storage.artifacts import (
    INPUTS,
    SEAL,
    damage,
    digest,
    discard,
    file_digest,
    lock_of,
    locked,
    read_sealed,
    seal,
    write_json,
    writing,
)
from bench.storage.code_digest import method_digest, module_digest
from bench.training.threads import fixed_threads, unused_cores

if TYPE_CHECKING:
    from bench.data.batches import BatchSource
    from bench.method import Corpus, Method, MethodConfig
    from bench.training.devices import Devices

SCHEMA = 1
CONCEPTS = "concepts.json"
WEIGHTS = "model.safetensors"
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
                _make(spec, final, partial, corpus, source, rows, validation_rows, devices)
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
                entries = train(method, source, rows, validation_rows, config, folder, progress, devices, log)
        history += [({"stage": stage} if stage else {}) | entry for entry in entries]
    weights = {name: full(value).detach().cpu().contiguous() for name, value in method.state_dict().items()}
    if rank() == 0:
        with fixed_threads(threads):  # what it records of the machine
            _write(spec, final, method, weights, history, records, devices, partial / LOG)
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
    }
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


def _read(folder: Path, name: str) -> bytes:
    """A file of a checkpoint, compared with its seal; checkpoints of version 0.1 have none."""
    check_text_file(folder / name)
    return read_sealed(folder, name) if (folder / SEAL).exists() else (folder / name).read_bytes()


def read_provenance(folder: Path) -> dict[str, Any]:
    """The checkpoint's ``provenance.json``.

    Raises:
        DataError: there is none, or it was altered.
    """
    try:
        facts = json.loads(_read(folder, "provenance.json"))
        for name, kind in (("key", str), ("method", str), ("weights_sha256", str), ("corpus", dict)):
            if not isinstance(facts, dict) or not isinstance(facts.get(name), kind):
                raise ValueError(f"expected an object with {name}, {'a text' if kind is str else 'an object'}")
        return facts
    except (OSError, ValueError, RecursionError) as error:
        raise _unreadable(folder, "provenance.json", said(error)) from error


def _unreadable(folder: Path, name: str, reason: str) -> DataError:
    return DataError(
        f"{folder}: not a readable checkpoint ({name}: {reason}). Name another folder, or delete this one and pretrain again."
    )


def read_concepts(folder: Path) -> list[str]:
    """What pretraining put into words (:meth:`bench.method.Method.concepts`); empty where the checkpoint keeps none.

    Raises:
        DataError: the file is not a list of texts.
    """
    path = folder / CONCEPTS
    if not path.exists():
        return []
    try:
        concepts = json.loads(_read(folder, CONCEPTS))
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{path}: not readable ({said(error)}). Delete the checkpoint and pretrain again.") from error
    if not isinstance(concepts, list) or not all(isinstance(concept, str) for concept in concepts):
        raise DataError(f"{path}: expected a list of texts. Delete the checkpoint and pretrain again.")
    return concepts


def read_config(method: type[Method], folder: Path) -> MethodConfig:
    """The config that a checkpoint was made with.

    Raises:
        DataError: unreadable, of another method, of a version whose config had other fields, or imported by a version
            that did not ask in which order the weights learned the leads.
    """
    import yaml
    from pydantic import ValidationError

    facts = read_provenance(folder)
    made_with = facts["method"]
    if made_with != method.name:
        raise DataError(f"{folder}: a checkpoint of {made_with}, expected one of {method.name}.")
    if facts.get("imported") and "lead_order" not in facts["corpus"]:
        raise DataError(
            f"{folder}: imported by an earlier version of bench, which ignored the order in which the weights learned "
            f"the leads. Delete it and import the published file again: bench checkpoints import {method.name} FILE"
        )
    try:
        return method.Config.model_validate(parse_yaml(_read(folder, "config.yaml").decode("utf-8-sig")))
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"])) or "the file"
        raise _unreadable(folder, "config.yaml", f"not a config of {method.name}: {field}: {first['msg']}") from error
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise _unreadable(folder, "config.yaml", said(error)) from error


def discard_if_altered(folder: Path) -> bool:
    """Whether a checkpoint is as it was written; if not, the folder is removed, so that it is made again."""
    if checkpoint_damage(folder) is None:
        return True
    with locked(lock_of(folder)):
        if folder.is_dir() and (wrong := checkpoint_damage(folder)):
            say(f"{folder}: {wrong}; the checkpoint is made again")
            discard(folder)
    return False


def checkpoint_damage(folder: Path) -> str | None:
    """What is wrong with a checkpoint's bytes; None while they are as written. Without a seal, only weights are compared."""
    if (folder / SEAL).exists():
        return damage(folder)
    if not (folder / WEIGHTS).is_file():
        return f"{WEIGHTS} is missing"
    try:
        intact = file_digest(folder / WEIGHTS) == read_provenance(folder)["weights_sha256"]
    except (OSError, DataError) as error:
        return said(error)
    return None if intact else "model.safetensors was altered: its SHA-256 is not the recorded one"


def load_weights(method: Method, folder: Path) -> None:
    """Fill ``method`` with a checkpoint's weights; every name must match, and the file must be the one that was written.

    Raises:
        DataError: altered bytes, or weights of another architecture.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    path = folder / WEIGHTS
    if not path.is_file() or file_digest(path) != read_provenance(folder)["weights_sha256"]:
        raise DataError(
            f"{path}: missing, or altered since it was written (its SHA-256 is not the recorded one). "
            f"Delete {folder} and pretrain again."
        )
    try:
        method.load_state_dict(load_file(path))
    except RuntimeError as error:
        differences = [line.strip() for line in str(error).splitlines()[1:] if line.strip()]
        raise DataError(
            f"{path}: weights of another architecture than {method.name}'s config describes: "
            f"{(differences or [said(error)])[0][:300]} (differences: {len(differences)}). Name a checkpoint of this config."
        ) from error
    except (SafetensorError, OSError, ValueError) as error:
        raise _unreadable(folder, WEIGHTS, said(error)) from error


def check_readable(folder: Path) -> None:
    """Refuse a checkpoint that cannot be used, before anything is computed with it. Its weights are read once.

    Raises:
        DataError: a file is missing, altered or malformed.
    """
    from safetensors import SafetensorError, safe_open

    read_provenance(folder)
    if wrong := checkpoint_damage(folder):
        raise DataError(f"{folder}: {wrong}. Name another checkpoint, or delete this one and pretrain again.")
    try:
        with safe_open(folder / WEIGHTS, framework="numpy"):
            pass
    except (SafetensorError, OSError, ValueError) as error:
        raise _unreadable(folder, WEIGHTS, said(error)) from error
    read_concepts(folder)
