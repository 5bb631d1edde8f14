"""Run jobs in this process, in the order of the plan."""

from __future__ import annotations

from collections.abc import Generator

from bench.runner.executors import settle
from bench.runner.executors.worker import JobOutcome, perform
from bench.runner.schedule import Job, Schedule
from bench.runner.session import Session


class InProcess:
    """The executor of ``--jobs 1``."""

    shares = False
    gpus = 0

    def run(self, schedule: Schedule, session: Session, again: bool) -> Generator[tuple[Job, JobOutcome], None, None]:
        while (taken := schedule.next(0, 0, alone=True)) is not None:
            job, put_off = taken
            outcome = perform(job, session, again, wait=put_off)
            if outcome is None:
                schedule.put_off(job)
            else:
                yield from settle(schedule, job, outcome)
