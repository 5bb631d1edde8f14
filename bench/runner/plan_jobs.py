"""From the cells of a plan to jobs: what several cells share comes first, each with what it costs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from bench import registry
from bench.cells.cell import Cell
from bench.modes import honest_mode
from bench.runner.features import features_folder
from bench.runner.job_estimates import MEMORY, Costs, estimate
from bench.runner.jobs import Job, Kind, Resources
from bench.runner.keys import cell_key, member_cells
from bench.runner.session import Session


def jobs_of(
    cells: Iterable[tuple[Cell, str]], session: Session, costs: Costs, shared: bool, gpus: int = 0
) -> list[Job]:
    """A job for each cell (with its key), after those that make the checkpoints and features that it needs.

    Args:
        shared: whether checkpoints and features are separate jobs; one process makes them when it comes to them.
        gpus: how many there are.
    """
    jobs: dict[str, Job] = {}

    def add(kind: Kind, made: str, cell: Cell, needs: tuple[str, ...], on_gpu: bool) -> str:
        if made not in jobs:
            seconds, memory = costs.find(kind, cell) or (_estimate(kind, cell, session), MEMORY)
            resources = Resources(gpus=int(on_gpu and gpus > 0), memory=memory)
            jobs[made] = Job(made, kind, cell, needs, seconds, resources)
        return made

    for cell, key in cells:
        method = registry.load(registry.METHODS, cell.method)
        needs = tuple(cell_key(member, session) for member in member_cells(cell, session))
        network = method.implements("encode") or method.implements("zero_shot")
        features = network and honest_mode(cell.mode) in ("linear", "knn")
        if shared and network:
            needs += tuple(_shared(cell, session, features, add))
        add("cell", key, cell, needs, on_gpu=network and not features)
    return list(jobs.values())


def _shared(cell: Cell, session: Session, features: bool, add: Any) -> Iterator[str]:
    method = registry.load(registry.METHODS, cell.method)
    data = session.task_data(cell.task)
    of = ("spec", cell.method, data.task.dataset, cell.mode == "scratch")
    spec = session.remembered(of, lambda: session.checkpoint_of(cell))
    needs: tuple[str, ...] = ()
    if spec is not None:
        folder = spec.folder(session.source.workspace.checkpoints)
        if not session.remembered(("there", folder), folder.is_dir):
            needs = (add("checkpoint", str(folder), cell, (), True),)
            yield from needs
    if features:
        made_of = ("features", cell.method, cell.task, cell.leads, None if spec else cell.seed)
        folder, _, _ = session.remembered(made_of, lambda: features_folder(session, method, spec, data, cell))
        if not session.remembered(("there", folder), folder.is_dir):
            yield add("features", str(folder), cell, needs, True)


def _estimate(kind: Kind, cell: Cell, session: Session) -> float:
    method = registry.load(registry.METHODS, cell.method)
    if kind == "checkpoint":
        epochs = getattr(session.method_config(cell.method).pretrain, "epochs", 10)
    else:
        config = session.remembered(
            ("mode config", cell.mode, cell.method), lambda: session.mode_config(cell.mode, method)
        )
        epochs = getattr(config, "epochs", 1)
    return estimate(kind, cell.mode, len(session.task_data(cell.task).examples), cell.fraction, epochs)
