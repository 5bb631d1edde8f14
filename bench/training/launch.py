"""Start one process per device of this machine; if one fails, all end, and the reason is reported."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.errors import BenchError, ConfigError
from bench.processes.parent_watch import end_with_parent
from bench.redaction import redact
from bench.training.devices import BACKEND, PATIENCE, Devices, join

STOP_SECONDS = 2.0
CRASHES = (signal.SIGKILL, signal.SIGSEGV, signal.SIGBUS, signal.SIGILL)
"""Signals that end a process by itself. By others (SIGABRT) it may end because a partner process is gone; SIGTERM is ours."""


def started_by_others() -> bool:
    """Whether this process is one of several already: torchrun's, or those of srun."""
    from lightning_fabric.plugins.environments import SLURMEnvironment

    return "LOCAL_RANK" in os.environ or (SLURMEnvironment.detect() and int(os.environ.get("SLURM_NTASKS", "1")) > 1)


def is_first() -> bool:
    """Whether this process is the only one, or the first of those that torchrun or srun started; known before they are
    connected."""
    return not started_by_others() or os.environ.get("RANK", os.environ.get("SLURM_PROCID", "0")) == "0"


def in_processes(devices: Devices, work: Callable[..., None], *arguments: Any) -> None:
    """``work(*arguments)`` in a process for each of ``devices``, joined; returns when all are done.

    Under torchrun or srun this process is one of them. With several nodes and neither, the command is started once on each,
    with NODE_RANK, MASTER_ADDR and MASTER_PORT set.

    Raises:
        BenchError: one of them failed; what it said. ConfigError: nobody says where the other nodes are.
    """
    if started_by_others():
        join(devices)
        work(*arguments)
        return
    if devices.nodes > 1 and not {"NODE_RANK", "MASTER_ADDR", "MASTER_PORT"} <= os.environ.keys():
        raise ConfigError(
            f"--nodes {devices.nodes}: the machines are not connected. Start the command on each with\n  torchrun "
            f"--nnodes {devices.nodes} --nproc-per-node {devices.per_node} --rdzv-backend c10d --rdzv-endpoint "
            f"HOST:29500 -m bench.cli.main pretrain ...\nor by srun with {devices.per_node} tasks a node."
        )
    with tempfile.TemporaryDirectory() as folder:
        _start(devices, Path(folder), work, arguments)


def _start(devices: Devices, folder: Path, work: Callable[..., None], arguments: tuple) -> None:
    from torch import multiprocessing

    with _environment({"TORCH_CPP_LOG_LEVEL": "ERROR"}):
        process_arguments = (os.getpid(), devices, folder, work, arguments)
        group = multiprocessing.spawn(_process, process_arguments, devices.per_node, join=False)
    try:
        with contextlib.suppress(multiprocessing.ProcessExitedException, multiprocessing.ProcessRaisedException):
            while not group.join():
                pass
    finally:  # also when this one is asked to stop
        for process in group.processes:
            if process.is_alive():
                process.terminate()
        for process in group.processes:
            process.join(STOP_SECONDS)
        codes = [process.exitcode for process in group.processes]
        for process in group.processes:
            if process.is_alive():
                process.kill()
                process.join()
    if any(codes):
        raise BenchError(_failure(devices, folder, [code or 0 for code in codes]))


def _process(
    local_rank: int, parent: int, devices: Devices, folder: Path, work: Callable[..., None], arguments: tuple
) -> None:
    """One of the processes."""
    end_with_parent(parent)
    import torch

    from bench import progress

    node = int(os.environ.get("NODE_RANK", 0))
    os.environ |= {"LOCAL_RANK": str(local_rank), "NODE_RANK": str(node), "WORLD_SIZE": str(devices.total)}
    os.environ |= _loopback(devices)
    progress.set_quiet(local_rank + node > 0)
    try:
        if devices.nodes == 1:  # by a file, so that nothing listens for the others' addresses
            cuda = torch.cuda.is_available()
            torch.distributed.init_process_group(
                BACKEND["cuda" if cuda else "cpu"],
                init_method=(folder / "meeting").as_uri(),
                rank=local_rank,
                world_size=devices.total,
                timeout=PATIENCE,
            )
        join(devices)
        work(*arguments)
        torch.distributed.destroy_process_group()
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        kind = "error" if isinstance(error, BenchError) else "trace"
        text = str(error) if kind == "error" else traceback.format_exc()
        (folder / f"{local_rank}.{kind}").write_text(text, encoding="utf-8")
        os._exit(1)  # at once: the others wait for this one, and nothing is left to write


def _failure(devices: Devices, folder: Path, codes: list[int]) -> str:
    """Why they ended: what one of them says, else who crashed, else the first traceback."""
    again = "The state of the last whole epoch is kept; run the same command again and it continues from there."
    for file in sorted(folder.glob("*.error")):
        return file.read_text(encoding="utf-8")
    for i, code in enumerate(codes):
        if -code in CRASHES:
            why = ", as the system does for lack of memory" if -code == signal.SIGKILL else ""
            return f"process {i} of {devices.per_node} was killed by signal {-code}{why}. {again}"
    for file in sorted(folder.glob("*.trace")):
        return f"process {file.stem} of {devices.per_node} failed. {again}\n{redact(file.read_text(encoding='utf-8'))}"
    first = next((code for code in codes if code and -code != signal.SIGTERM), -signal.SIGTERM)
    return f"a process ended with code {first}. {again}"


def _loopback(devices: Devices) -> dict[str, str]:
    """Processes of one machine talk over loopback, where nobody else can."""
    if devices.nodes > 1 or not sys.platform.startswith("linux"):
        return {}
    return {name: os.environ.get(name, "lo") for name in ("GLOO_SOCKET_IFNAME", "NCCL_SOCKET_IFNAME")}


@contextlib.contextmanager
def _environment(values: dict[str, str]) -> Any:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
