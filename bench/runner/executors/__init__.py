"""Executors run the jobs of a plan: this process, several on this machine, or a Ray cluster.

The artifacts are the same, to the bit where a job has as many threads (its provenance says how many).
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import Literal, Protocol

from bench.runner.executors.worker import JobOutcome
from bench.runner.schedule import Job, Schedule
from bench.runner.session import Session

Name = Literal["local", "ray"]


class Executor(Protocol):
    """Runs the jobs of a schedule; yields each as it ends, with what became of it."""

    shares: bool
    """Whether jobs run in parallel, so that what they share is a separate job."""
    gpus: int
    """How many GPUs there are for jobs."""

    def run(
        self, schedule: Schedule, session: Session, again: bool
    ) -> Generator[tuple[Job, JobOutcome], None, None]: ...


def executor_for(name: Name, jobs: int, address: str | None = None, time_limit: float | None = None) -> Executor:
    """The executor that the options name; one local job runs in this process, and with a time limit in a worker process.

    Raises:
        ConfigError: ray is asked for and not installed, or not to be reached.
    """
    if name == "ray":
        from bench.runner.executors.ray_cluster import RayCluster

        return RayCluster(address, jobs)
    if jobs > 1 or time_limit:
        from bench.runner.executors.processes import Processes

        return Processes(jobs, time_limit)
    from bench.runner.executors.in_process import InProcess

    return InProcess()


def settle(schedule: Schedule, job: Job, outcome: JobOutcome) -> Iterator[tuple[Job, JobOutcome]]:
    """What follows from the end of a job: those that waited for it are ready, or lost with it."""
    yield job, outcome
    if not outcome.error:
        schedule.done(job)
        return
    what = f"the result of {job}" if job.kind == "cell" else str(job)
    for lost in schedule.failed(job):
        error = f"{lost.cell.method} needs {what}, which failed: {outcome.error}"
        yield lost, JobOutcome(error=error, trace=outcome.trace)
