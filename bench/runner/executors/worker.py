"""What a worker does: one job at a time over a session of its own, until it is told to stop or its parent is gone."""

from __future__ import annotations

import os
import resource
import sys
import threading
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from bench import registry
from bench.artifacts import SEAL, file_digest
from bench.errors import foreign_code
from bench.runner.cell_result import TakenElsewhere, run_cell
from bench.runner.failures import explain
from bench.runner.features import features
from bench.runner.jobs import Job
from bench.runner.session import Session

PARENT_CHECK_SECONDS = 1.0


@dataclass(frozen=True)
class Ended:
    """What became of a job.

    Attributes:
        folder: of a cell's result.
        seal: SHA-256 of what it is sealed with, which tells it from an older one of the same cell.
        computed: whether it was computed now rather than found.
        error: why it failed, in a sentence; empty if it did not.
        trace: the traceback.
        seconds: how long it took.
        memory: most memory that the process has held so far, in bytes.
    """

    folder: Path | None = None
    seal: str = ""
    computed: bool = False
    error: str = ""
    trace: str = ""
    seconds: float = 0.0
    memory: int = 0


def perform(job: Job, session: Session, again: bool, wait: bool = True) -> Ended | None:
    """Do a job; errors are part of what is returned. None if another process is at it and ``wait`` is false."""
    started = time.perf_counter()
    try:
        with foreign_code():
            folder, seal, computed = _done(job, session, again, wait)
    except TakenElsewhere:
        return None
    except Exception as error:
        message, trace = explain(error)
        return Ended(error=message, trace=trace, seconds=time.perf_counter() - started, memory=peak_memory())
    return Ended(folder, seal, computed, seconds=time.perf_counter() - started, memory=peak_memory())


def _done(job: Job, session: Session, again: bool, wait: bool) -> tuple[Path | None, str, bool]:
    """Folder and seal of a cell's result, and whether it was computed now."""
    if job.kind == "cell":
        result, computed = run_cell(job.cell, session, again, wait)
        folder = result.folder
        assert folder is not None
        return folder, file_digest(folder / SEAL), computed
    method = registry.load(registry.METHODS, job.cell.method)
    data = session.task_data(job.cell.task)
    spec = session.checkpoint_spec(method, data.task.dataset)
    if job.kind == "checkpoint" and spec is not None:
        session.checkpoint(spec)
    elif job.kind == "features":
        features(
            session, lambda: session.method(method, spec, job.cell.mode, job.cell.seed), method, spec, data, job.cell
        )
    return None, "", True


def peak_memory() -> int:
    """Most memory that this process has held, in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def use_threads(threads: int) -> None:
    """Give this process its share of the cores."""
    import torch

    torch.set_num_threads(threads)


def serve(descriptor: int, parent: int) -> None:
    """Do the jobs that come through a connection; what is told on the way goes back through it.

    A worker whose parent is gone ends at once, for nobody would read what it finds; what it has written aside is no
    artifact yet.
    """
    from bench import progress

    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    connection = Connection(descriptor)
    settings, threads = connection.recv()
    use_threads(threads)
    progress.hand_over(connection.send)
    session = Session(**settings)
    while True:
        try:
            job, again, wait = connection.recv()
        except (EOFError, OSError):
            return
        connection.send((perform(job, session, again, wait),))


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(PARENT_CHECK_SECONDS)
    os._exit(1)
