"""Pretraining in several processes, each with a separate session over the same workspace."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bench import registry
from bench.errors import ConfigError
from bench.progress import set_quiet
from bench.runner.session import Session
from bench.training.checkpoint import CheckpointSpec
from bench.training.devices import join
from bench.training.distributed import agreed, first_alone, rank
from bench.training.launch import in_processes


def pretrain_in_processes(session: Session, spec: CheckpointSpec) -> None:
    """Make a checkpoint that is not there, on the session's devices; this process starts the others and waits."""
    corpus = spec.corpus["dataset"]
    training = spec.config.pretrain.seed - session.method_config(spec.method.name).pretrain.seed
    in_processes(session.devices, _pretrain_by_name, session.settings(), spec.method.name, corpus, training, spec.key)


def pretrain_as_one_of_many(session: Session, method: str, dataset: str) -> Path:
    """The checkpoint, found or made, where torchrun or srun has started this process next to others."""
    join(session.devices)
    set_quiet(rank() > 0)
    with first_alone():  # stores and caches are made once
        spec = session.checkpoint_spec(registry.load(registry.METHODS, method), dataset)
    assert spec is not None
    final = spec.folder(session.source.workspace.checkpoints)
    # The first one looks, before and after: it takes the lock that discarding takes, and a network folder may show the
    # others for a while what was there before.
    if not agreed(rank() == 0 and session.has_checkpoint(final)):
        _pretrain(session, spec)
    return session.checkpoint(spec) if rank() == 0 else final


def _pretrain_by_name(settings: dict[str, Any], method: str, corpus: str, training: int, key: str) -> None:
    session = Session(**settings | {"corpus": corpus})
    spec = session.checkpoint_spec(registry.load(registry.METHODS, method), corpus, training)
    if spec is None or spec.key != key:
        raise ConfigError(f"pretraining {method}: its code or data changed while the processes started. Start again.")
    _pretrain(session, spec)


def _pretrain(session: Session, spec: CheckpointSpec) -> None:
    session._pretrained(spec, spec.folder(session.source.workspace.checkpoints))
