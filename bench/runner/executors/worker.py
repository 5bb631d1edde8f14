"""A worker process: runs one job at a time in a separate session, until it is asked to stop or its parent has gone."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from bench.errors import foreign_code, quiet_libraries
from bench.processes.memory import peak_memory
from bench.processes.parent_watch import end_with_parent
from bench.progress import say
from bench.runner.failures import explain
from bench.runner.features import features
from bench.runner.run_cell import TakenElsewhere, run_cell
from bench.runner.schedule import Job
from bench.runner.session import Session
from bench.signals.store import RUN_AGAIN, DamagedStore
from bench.storage.artifacts import SEAL, file_digest

BEAT_SECONDS = 10.0


@dataclass(frozen=True)
class JobOutcome:
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


def perform(job: Job, session: Session, again: bool, wait: bool = True) -> JobOutcome | None:
    """Do a job; errors are part of what is returned. None if another process holds the lock and ``wait`` is false.

    Where a store turns out to be damaged, it is made again and the job done with that.
    """
    started = time.perf_counter()
    try:
        with foreign_code():
            try:
                folder, seal, computed = _done(job, session, again, wait)
            except DamagedStore as error:
                say(str(error).replace(RUN_AGAIN, "It is made again."))
                session.forget()
                folder, seal, computed = _done(job, session, again, wait)
    except TakenElsewhere:
        return None
    except Exception as error:
        message, trace = explain(error)
        return JobOutcome(error=message, trace=trace, seconds=time.perf_counter() - started, memory=peak_memory())
    return JobOutcome(folder, seal, computed, seconds=time.perf_counter() - started, memory=peak_memory())


def _done(job: Job, session: Session, again: bool, wait: bool) -> tuple[Path | None, str, bool]:
    """Folder and seal of a cell's result, and whether it was computed now."""
    cell = session.resolve(job.cell)
    if job.kind == "cell":
        result, computed = run_cell(cell, again, wait)
        folder = result.folder
        assert folder is not None
        return folder, file_digest(folder / SEAL), computed
    if job.kind == "checkpoint" and cell.spec is not None:
        session.checkpoint(cell.spec)
    elif job.kind == "features":
        features(cell, cell.starting_method)
    return None, "", True


def use_threads(threads: int) -> None:
    """Give this process its share of the cores."""
    import torch

    torch.set_num_threads(threads)


def serve(descriptor: int, parent: int) -> None:
    """Do the jobs that come through a connection, until it is closed or the parent is gone.

    What goes back: text to show; None, first when this worker is ready and then as its heartbeat during a job; a tuple with
    what became of the job.
    """
    from bench import progress

    quiet_libraries()
    end_with_parent(parent)
    connection = Connection(descriptor)
    settings, threads = connection.recv()
    use_threads(threads)
    one_at_a_time = threading.Lock()

    def send(message: object) -> None:
        with one_at_a_time:
            connection.send(message)

    progress.hand_over(send)
    session = Session(**settings)
    send(None)
    while True:
        try:
            job, again, wait = connection.recv()
        except (EOFError, OSError):
            return
        done = threading.Event()
        threading.Thread(target=_beat, args=(send, done), daemon=True).start()
        outcome = perform(job, session, again, wait)
        done.set()
        send((outcome,))


def _beat(send: Callable[[None], None], done: threading.Event) -> None:
    with contextlib.suppress(OSError):  # the parent is gone, which its watch finds too
        while not done.wait(BEAT_SECONDS):
            send(None)
