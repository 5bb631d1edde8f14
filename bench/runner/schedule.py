"""The jobs of a run: checkpoints and features that several cells need, then the cells, longest first.

A job waits for those it needs, so that fifty cells that want one checkpoint keep no worker waiting while it is made. If
a job fails, so do those that need it, at once and with its reason.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from bench.cells.cell import Cell
from bench.runner.features import features_folder
from bench.runner.job_estimates import MEMORY, Costs, estimate
from bench.runner.resolved_cell import ResolvedCell
from bench.runner.session import Session

Kind = Literal["checkpoint", "features", "cell"]


@dataclass(frozen=True)
class Resources:
    """What a job occupies while it runs.

    Attributes:
        cpus: 1 is a worker's share of the cores.
        gpus: 1 for what runs a network over many recordings, where there is a GPU; 0 for the rest.
        memory: bytes, as recorded from earlier cells of its kind, else an estimate.
        alone: it was killed for lack of memory, and has everything to itself.
    """

    cpus: int = 1
    gpus: int = 0
    memory: int = 0
    alone: bool = False


@dataclass(frozen=True)
class Job:
    """A checkpoint, a set of features or a cell; ``cell`` is the cell itself, or one of those that want the other two.

    Attributes:
        id: of the artifact that it makes.
        needs: ids of jobs that come first; one that is no job of the run is there already.
        seconds: how long it takes, as recorded or estimated; only the order depends on it.
    """

    id: str
    kind: Kind
    cell: Cell
    needs: tuple[str, ...] = ()
    seconds: float = 1.0
    resources: Resources = Resources()

    def __str__(self) -> str:
        if self.kind == "cell":
            return str(self.cell)
        return f"the {self.kind} of {self.cell.method}" + (f" for {self.cell.task}" if self.kind == "features" else "")


@dataclass
class Schedule:
    """Which job comes next, and what became of the others.

    The job with the longest way to the end of the run goes first: its own seconds and those of what waits for it.
    """

    jobs: dict[str, Job]
    running: dict[str, Job] = field(default_factory=dict)
    _waits: dict[str, set[str]] = field(default_factory=dict)
    _wanted: dict[str, list[str]] = field(default_factory=dict)
    _ready: list[tuple[bool, float, int, str]] = field(default_factory=list)
    _order: dict[str, int] = field(default_factory=dict)
    _length: dict[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, jobs: Iterable[Job], longest_first: bool = True) -> Schedule:
        """Args: longest_first: or in the order given, as far as what waits for what allows."""
        schedule = cls({job.id: job for job in jobs})
        for number, job in enumerate(schedule.jobs.values()):
            schedule._order[job.id] = number
            needs = {need for need in job.needs if need in schedule.jobs}
            schedule._waits[job.id] = needs
            for need in needs:
                schedule._wanted.setdefault(need, []).append(job.id)
        for job in schedule.jobs.values():
            if longest_first:
                schedule._measure(job.id)
        for job in schedule.jobs.values():
            if not schedule._waits[job.id]:
                schedule._push(job.id)
        return schedule

    def _measure(self, start: str) -> None:
        """Length of the longest way from a job to the end; jobs wait for each other a few deep, not thousands."""
        if start not in self._length:
            wanted = self._wanted.get(start, ())
            for job in wanted:
                self._measure(job)
            self._length[start] = self.jobs[start].seconds + max((self._length[job] for job in wanted), default=0.0)

    def _push(self, job: str, late: bool = False) -> None:
        heapq.heappush(self._ready, (late, -self._length.get(job, 0.0), self._order[job], job))

    @property
    def unfinished(self) -> bool:
        return bool(self.running or self._ready)

    def next(self, gpus: int, memory: float, alone: bool = False) -> tuple[Job, bool] | None:
        """Take the next job that fits into what is free, and whether it was put off; None if none does.

        Args:
            alone: nothing else runs, so that whatever comes first is taken, however much it wants.
        """
        if any(job.resources.alone for job in self.running.values()):
            return None
        passed = []
        taken = None
        while self._ready and taken is None:
            entry = heapq.heappop(self._ready)
            job = self.jobs[entry[-1]]
            wanted = job.resources
            if alone or (not wanted.alone and wanted.gpus <= gpus and wanted.memory <= memory):
                taken = job, entry[0]
            else:
                passed.append(entry)
            if len(passed) >= 64:  # looking through a hundred thousand for one that fits would take longer than waiting
                break
        for entry in passed:
            heapq.heappush(self._ready, entry)
        if taken is not None:
            self.running[taken[0].id] = taken[0]
        return taken

    def put_off(self, job: Job) -> None:
        """Another process holds the lock: requeue the job last."""
        del self.running[job.id]
        self._push(job.id, late=True)

    def put_off_alone(self, job: Job) -> None:
        """The job was killed for lack of memory: requeue it last, alone."""
        self.put_off(job)
        self.jobs[job.id] = replace(job, resources=replace(job.resources, alone=True))

    def done(self, job: Job) -> None:
        """A job succeeded; those that waited for it alone are ready."""
        self._remove(job)
        for waiting in self._wanted.get(job.id, ()):
            if waiting in self.jobs:
                self._waits[waiting].discard(job.id)
                if not self._waits[waiting]:
                    self._push(waiting)

    def failed(self, job: Job) -> list[Job]:
        """A job failed; the jobs that can no longer be done, all the way down."""
        self._remove(job)
        lost: list[Job] = []
        for waiting in self._wanted.get(job.id, ()):
            if waiting in self.jobs:
                lost += [self.jobs[waiting], *self.failed(self.jobs[waiting])]
        return lost

    def _remove(self, job: Job) -> None:
        self.running.pop(job.id, None)
        self.jobs.pop(job.id, None)


def jobs_of(
    cells: Iterable[tuple[Cell, str]], session: Session, costs: Costs, shared: bool, gpus: int = 0
) -> list[Job]:
    """A job for each cell (with its key), after those that make the checkpoints and features that it needs.

    Args:
        shared: whether checkpoints and features are separate jobs; one process makes them when it comes to them.
        gpus: how many there are.
    """
    jobs: dict[str, Job] = {}

    def add(kind: Kind, job_id: str, resolved: ResolvedCell, needs: tuple[str, ...], on_gpu: bool) -> str:
        if job_id not in jobs:
            cell = resolved.cell
            seconds, memory = costs.find(kind, cell) or (_estimate(kind, resolved), MEMORY)
            resources = Resources(gpus=int(on_gpu and gpus > 0), memory=memory)
            jobs[job_id] = Job(job_id, kind, cell, needs, seconds, resources)
        return job_id

    for cell, key in cells:
        resolved = session.resolve(cell)
        needs = tuple(member.key for member in resolved.members)
        network = resolved.method.implements("encode") or resolved.method.implements("zero_shot")
        # A transferred cell makes the features of its two stores when it comes to them.
        features = network and resolved.mode.reads_features and not resolved.parts
        if shared and network:
            needs += tuple(_shared(resolved, features, add))
        add("cell", key, resolved, needs, on_gpu=network and not features)
    return list(jobs.values())


def _shared(resolved: ResolvedCell, features: bool, add: Any) -> Iterator[str]:
    cell, spec, session = resolved.cell, resolved.spec, resolved.session
    needs: tuple[str, ...] = ()
    if spec is not None:
        folder = spec.folder(session.source.workspace.checkpoints)
        if not session.remembered(("there", folder), folder.is_dir):
            needs = (add("checkpoint", str(folder), resolved, (), True),)
            yield from needs
    if features:
        made_of = ("features", cell.method, cell.task, cell.leads, cell.training, None if spec else cell.seed)
        folder, _, _ = session.remembered(made_of, lambda: features_folder(resolved))
        if not session.remembered(("there", folder), folder.is_dir):
            yield add("features", str(folder), resolved, needs, True)


def _estimate(kind: Kind, resolved: ResolvedCell) -> float:
    trained: Any = resolved.config.pretrain if kind == "checkpoint" else resolved.mode_config
    epochs = getattr(trained, "epochs", 10 if kind == "checkpoint" else 1)
    return estimate(kind, resolved.mode, len(resolved.data.examples), resolved.cell.fraction, epochs)
