"""Devices of training: one device, several of one machine, or several machines, through Lightning Fabric."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

import torch
from lightning_fabric import Fabric
from torch import nn

from bench.errors import ConfigError
from bench.training.distributed import ranks

logging.getLogger("lightning_fabric").setLevel(logging.WARNING)

Strategy = Literal["auto", "ddp", "fsdp"]
STRATEGIES = ("auto", "ddp", "fsdp")
BACKEND = {"cpu": "gloo", "cuda": "cpu:gloo,cuda:nccl"}
PATIENCE = timedelta(days=1)
"""How long a process waits for the others: the first may ask a language model about a million reports before all begin.
The parent notices a process that died; this does not."""


@dataclass(frozen=True)
class Devices:
    """What a pretraining run is spread over; no part of a checkpoint's key, since the batch is that of all of them.

    Attributes:
        per_node: devices of each machine; on a machine without GPUs, processes.
        nodes: machines.
        strategy: ``ddp`` keeps all weights on each device, ``fsdp`` a part; auto is ddp.
    """

    per_node: int = 1
    nodes: int = 1
    strategy: Strategy = "auto"

    @property
    def total(self) -> int:
        return self.per_node * self.nodes

    @classmethod
    def of(cls, per_node: str, nodes: int, strategy: str) -> Devices:
        """As on the command line; ``auto`` devices are all GPUs, or one process where there are none.

        Raises:
            ConfigError: a number, or a strategy, that cannot be.
        """
        if per_node == "auto":
            count = torch.cuda.device_count() or 1
        elif not (per_node.isdecimal() and int(per_node) > 0):
            raise ConfigError(f"--devices {per_node!r}: expected a number of devices, or auto.")
        else:
            count = int(per_node)
        if strategy not in STRATEGIES:
            raise ConfigError(f"--strategy {strategy!r}: expected one of {', '.join(STRATEGIES)}.")
        if torch.cuda.is_available() and count > torch.cuda.device_count():
            raise ConfigError(f"--devices {count}: this machine has {torch.cuda.device_count()} GPUs.")
        return cls(count, nodes, strategy)  # type: ignore[arg-type]


class _Fabric(Fabric):
    """Without the callbacks that packages register for all training on this machine: results would depend on them."""

    @staticmethod
    def _configure_callbacks(callbacks: Any) -> list[Any]:
        return list(callbacks or ())


def encoding_batch(device: torch.device) -> int:
    """Recordings encoded at once without gradients: 128, and 32 on a CPU, which is no faster with more, and where the
    activations of large transformers would take over 3 GiB."""
    return 32 if device.type == "cpu" else 128


def make_fabric(precision: str = "auto", devices: Devices | None = None) -> Fabric:
    """Of one device (in one of several processes: its own), unless ``devices`` are given: a GPU if there is one.

    ``auto`` precision is bf16-mixed where the GPU has it, else float32.

    Raises:
        ConfigError: 16-mixed without a GPU.
    """
    cuda = torch.cuda.is_available()
    if precision == "auto":
        precision = "bf16-mixed" if cuda and torch.cuda.is_bf16_supported() else "32-true"
    if precision == "16-mixed" and not cuda:
        raise ConfigError("precision 16-mixed needs a GPU; processors have bf16-mixed, or 32-true.")
    if devices is None or ranks() == 1:
        own: Any = [int(os.environ.get("LOCAL_RANK", 0))] if cuda and ranks() > 1 else 1
        fabric = _Fabric(accelerator="auto", devices=own, precision=precision)  # type: ignore[arg-type]
    else:
        fabric = _Fabric(
            accelerator="cuda" if cuda else "cpu",
            devices=devices.per_node,
            num_nodes=devices.nodes,
            strategy=_strategy(devices.strategy, cuda, devices.total),
            precision=precision,  # type: ignore[arg-type]
        )
        fabric.launch()  # the process group is there already
    if fabric.device.type == "cpu":
        # Without this, threads add the gradients of an indexed parameter (lead embeddings) in whatever order they come.
        torch.use_deterministic_algorithms(True, warn_only=True)
        # Filling fresh memory, which that switches on too, costs time and guards against nothing here.
        torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    return fabric


def ran_on(precision: str, devices: Devices | None) -> dict[str, str | int]:
    """What a checkpoint was trained on, for its provenance."""
    used = devices or Devices()
    fabric = make_fabric(precision)
    alone = "single" if used.total == 1 else "ddp"
    return {
        "accelerator": fabric.device.type,
        "devices": used.per_node,
        "nodes": used.nodes,
        "precision": fabric._precision.precision,
        "strategy": alone if used.strategy == "auto" else used.strategy,
    }


def _strategy(name: Strategy, cuda: bool, total: int) -> Any:
    from lightning_fabric.strategies import DDPStrategy, ModelParallelStrategy

    connection = {"process_group_backend": BACKEND["cuda" if cuda else "cpu"], "timeout": PATIENCE}
    if name == "fsdp":
        return ModelParallelStrategy(_shard, data_parallel_size=total, tensor_parallel_size=1, **connection)  # type: ignore[arg-type]
    # Stages leave weights alone that others train; DDP would wait for their gradients.
    return DDPStrategy(find_unused_parameters=True, **connection)  # type: ignore[arg-type]


def _shard(method: nn.Module, mesh: Any) -> nn.Module:
    """Each weight, its gradient and the optimiser's state in equal parts over the devices (ZeRO, stage 3), as one unit."""
    from torch.distributed.fsdp import fully_shard

    fully_shard(method, mesh=mesh["data_parallel"])
    return method


def join(devices: Devices) -> None:
    """Become one of the processes, as torchrun, SLURM or :mod:`bench.training.launch` says which.

    Raises:
        ConfigError: they started another number of processes than ``devices`` has.
    """
    cuda = torch.cuda.is_available()
    try:
        fabric = _Fabric(
            accelerator="cuda" if cuda else "cpu",
            devices=devices.per_node,
            num_nodes=devices.nodes,
            strategy=_strategy(devices.strategy, cuda, devices.total),
        )
        fabric.launch()
    except ValueError as error:  # SLURM's tasks are not what was asked for
        raise ConfigError(f"--devices {devices.per_node} --nodes {devices.nodes}: {error}") from error
    if ranks() != devices.total:
        raise ConfigError(
            f"{ranks()} processes were started, but --devices {devices.per_node} --nodes {devices.nodes} expects "
            f"{devices.total}. Start one process for each device: torchrun --nproc-per-node {devices.per_node}."
        )
    os.environ.setdefault("LOCAL_RANK", str(fabric.local_rank))  # srun calls it otherwise


def full(value: Any) -> Any:
    """Tensors of a state in one piece, wherever they lie in parts; all processes must call it."""
    if isinstance(value, dict):
        return {key: full(part) for key, part in value.items()}
    if isinstance(value, list):
        return [full(part) for part in value]
    return value.full_tensor() if hasattr(value, "full_tensor") else value


def in_parts(state: dict[str, Any], optimiser: torch.optim.Optimizer) -> dict[str, Any]:
    """An optimiser's state, cut as its weights are, where they are."""
    from torch.distributed.tensor import DTensor, distribute_tensor

    weights = [p for group in optimiser.param_groups for p in group["params"]]
    cut = {}
    for index, values in state["state"].items():
        weight = weights[index]
        if isinstance(weight, DTensor):
            values = {
                name: distribute_tensor(value.to(weight.device), weight.device_mesh, weight.placements)
                if isinstance(value, torch.Tensor) and value.shape == weight.shape
                else value
                for name, value in values.items()
            }
        cut[index] = values
    return state | {"state": cut}
