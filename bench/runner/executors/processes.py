"""Run jobs in several worker processes on this machine, each with its share of the cores and, if present, its GPU."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from pathlib import Path

from bench.progress import say, track
from bench.runner.executors import settle
from bench.runner.executors.worker import JobOutcome
from bench.runner.failures import OUT_OF_MEMORY
from bench.runner.schedule import Job, Schedule
from bench.runner.session import Session
from bench.runner.time_limit import as_words

POLL_SECONDS = 1.0
STOP_SECONDS = 2.0
START_SECONDS = 300.0
"""What a worker may take to become ready, on top of the time limit of its first job."""
SILENT_SECONDS = 300.0
"""Without a heartbeat. Compiled code may hold the interpreter for minutes, so that silence alone stops nothing."""
START = "import sys; from bench.runner.executors.worker import serve; serve(int(sys.argv[1]), int(sys.argv[2]))"


@dataclass
class Worker:
    """A process, the way to it, and what it is at."""

    process: subprocess.Popen
    connection: Connection
    gpu: str | None
    job: Job | None = None
    ready: bool = False
    since: float = 0.0
    """When it was given the job, or when it became ready if that was later."""
    heard: float = 0.0
    silent: bool = False


class Processes:
    """The executor of ``--jobs N``. A worker that dies fails the job it was at, and another takes its place.

    One that is killed as the system does for lack of memory is tried once more at the end, alone. One
    whose job passes the time limit is killed; the job has failed, and is not tried again in this run.
    """

    shares = True

    def __init__(self, jobs: int, time_limit: float | None = None):
        self.jobs = jobs
        self.time_limit = time_limit
        self.threads = max(1, cores() // jobs)
        self._gpus = visible_gpus()
        self.gpus = len(self._gpus)

    def run(self, schedule: Schedule, session: Session, again: bool) -> Generator[tuple[Job, JobOutcome], None, None]:
        gpus = self._gpus
        total, memory = len(schedule.jobs), available_memory()
        workers = [
            self._start(session, gpus[i] if i < len(gpus) else None, bool(gpus)) for i in range(min(self.jobs, total))
        ]
        try:
            with track("jobs") as progress:
                while schedule.unfinished:
                    self._hand_out(workers, schedule, again, memory)
                    for i, worker in enumerate(workers):
                        if worker.job is None and worker.process.poll() is not None:
                            workers[i] = self._start(session, worker.gpu, bool(gpus))
                    busy = [w for w in workers if w.job is not None]
                    ready = wait([w.connection for w in busy], timeout=POLL_SECONDS)
                    for worker in busy:
                        if worker.connection in ready:
                            yield from self._receive(worker, schedule)
                        elif worker.job is not None:
                            yield from self._check_time(worker, schedule)
                    progress(total - len(schedule.jobs), total, f"{len(schedule.running)} running")
        finally:
            stop(workers)

    def _hand_out(self, workers: list[Worker], schedule: Schedule, again: bool, memory: float) -> None:
        """Give every idle worker a job that fits into what the busy ones leave; those with a GPU choose first."""
        for worker in sorted(workers, key=lambda w: w.gpu is None):
            if worker.job is not None or worker.process.poll() is not None:
                continue
            held = sum(job.resources.memory for job in schedule.running.values())
            no_gpu = not any(w.gpu for w in workers)
            taken = schedule.next(
                gpus=1 if worker.gpu or no_gpu else 0,
                memory=memory - held,
                alone=not schedule.running and (worker.gpu is not None or no_gpu),
            )
            if taken is None:
                continue
            worker.job, put_off = taken
            worker.since = worker.heard = time.monotonic()
            worker.silent = False
            try:
                worker.connection.send((worker.job, again, put_off))
            except OSError:  # it died while it was idle: the connection tells, as for any other death
                continue

    def _check_time(self, worker: Worker, schedule: Schedule) -> Iterator[tuple[Job, JobOutcome]]:
        """Stop a worker whose job has passed the time limit; report one that has been silent for long."""
        job, now = worker.job, time.monotonic()
        assert job is not None
        limit, allowance = self.time_limit, 0 if worker.ready else START_SECONDS
        if limit is not None and now - worker.since > limit + allowance:
            kill(worker)
            worker.job = None
            yield from settle(schedule, job, JobOutcome(error=_too_long(limit), seconds=now - worker.since))
        elif now - worker.heard > SILENT_SECONDS and not worker.silent:
            worker.silent = True
            hint = "" if limit else " Stop the run and start it with --time-limit: a hanging cell is then stopped."
            say(f"{job}: no sign of life from its process {worker.process.pid} for {as_words(SILENT_SECONDS)}.{hint}")

    def _receive(self, worker: Worker, schedule: Schedule) -> Iterator[tuple[Job, JobOutcome]]:
        job = worker.job
        assert job is not None
        try:
            message = worker.connection.recv()
        except (EOFError, OSError):
            code = worker.process.wait()
            worker.job = None
            if code == -signal.SIGKILL and not job.resources.alone:
                say(
                    f"{job}: its process was killed, most often for lack of memory; it is tried again at the end, alone"
                )
                schedule.put_off_alone(job)
            else:
                yield from settle(schedule, job, JobOutcome(error=_death(code)))
            return
        worker.heard, worker.silent = time.monotonic(), False
        if message is None:
            if not worker.ready:
                worker.ready, worker.since = True, worker.heard
            return
        if isinstance(message, str):
            say(message)
            return
        (outcome,) = message
        worker.job = None
        if outcome is None:
            schedule.put_off(job)
        else:
            yield from settle(schedule, job, outcome)

    def _start(self, session: Session, gpu: str | None, any_gpu: bool) -> Worker:
        ours, theirs = Pipe()
        environment = os.environ | {  # libraries read the number of threads when they are imported
            "OMP_NUM_THREADS": str(self.threads),
            "MKL_NUM_THREADS": str(self.threads),
            "PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path),
        }
        if any_gpu:
            environment["CUDA_VISIBLE_DEVICES"] = gpu or ""
        # Not multiprocessing's own start, which runs the caller's script again; and a separate group, so that Ctrl-C
        # reaches the parent alone, which then decides.
        process = subprocess.Popen(
            [sys.executable, "-c", START, str(theirs.fileno()), str(os.getpid())],
            env=environment,
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            process_group=0,
        )
        theirs.close()
        ours.send((session.settings(), self.threads))
        return Worker(process, ours, gpu)


def kill(worker: Worker) -> None:
    """End a worker and the processes that it has started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(worker.process.pid, signal.SIGKILL)
    worker.process.wait()
    worker.connection.close()


def stop(workers: list[Worker]) -> None:
    """End the workers, whatever they are at: artifacts appear whole or not at all, and epochs done are kept."""
    for worker in workers:
        worker.connection.close()
        worker.process.terminate()
    for worker in workers:
        try:
            worker.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            worker.process.kill()
            worker.process.wait()


def cores() -> int:
    """Cores that this process may use; OMP_NUM_THREADS lowers them, as everywhere."""
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)
    limit = os.environ.get("OMP_NUM_THREADS", "")
    return min(available, int(limit)) if limit.isdigit() and int(limit) else available


def visible_gpus() -> list[str]:
    """GPUs that this process may use, by the names under which a worker finds one of them."""
    import torch

    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    if named is not None:
        return [name for name in named.split(",") if name.strip() and name.strip() != "-1"]
    return [str(i) for i in range(torch.cuda.device_count())] if torch.cuda.is_available() else []


def available_memory() -> float:
    """Bytes that the machine can give; no limit where it does not say."""
    try:
        text = Path("/proc/meminfo").read_text(encoding="ascii")
        return float(text.split("MemAvailable:")[1].split()[0]) * 1024
    except (OSError, IndexError, ValueError):
        return float("inf")


def _too_long(limit: float) -> str:
    return (
        f"it took longer than the time limit of {as_words(limit)} and was stopped. Run the same command with a longer "
        f"--time-limit, or without one; pretraining continues from its last epoch."
    )


def _death(code: int | None) -> str:
    if code == -signal.SIGKILL:
        return f"its process was killed twice, the second time alone (SIGKILL). {OUT_OF_MEMORY}"
    if code is not None and code < 0:
        return f"its process was ended by signal {-code} ({signal.Signals(-code).name})"
    return (
        f"its process ended with exit code {code} before it was finished: code of a method or a library called "
        "os._exit or exit, or the process could not start. Raise an Exception there instead."
    )
