"""Make jobs from the cells of a plan: shared checkpoints and features first, each with its estimated cost."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from bench.cells.cell import Cell
from bench.modes import honest_mode
from bench.runner.features import features_folder
from bench.runner.job_estimates import MEMORY, Costs, estimate
from bench.runner.jobs import Job, Kind, Resources
from bench.runner.resolved_cell import ResolvedCell
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

    def add(kind: Kind, made: str, resolved: ResolvedCell, needs: tuple[str, ...], on_gpu: bool) -> str:
        if made not in jobs:
            cell = resolved.cell
            seconds, memory = costs.find(kind, cell) or (_estimate(kind, resolved), MEMORY)
            resources = Resources(gpus=int(on_gpu and gpus > 0), memory=memory)
            jobs[made] = Job(made, kind, cell, needs, seconds, resources)
        return made

    for cell, key in cells:
        resolved = session.resolve(cell)
        needs = tuple(member.key for member in resolved.members)
        network = resolved.method.implements("encode") or resolved.method.implements("zero_shot")
        features = network and honest_mode(cell.mode) in ("linear", "knn")
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
        made_of = ("features", cell.method, cell.task, cell.leads, None if spec else cell.seed)
        folder, _, _ = session.remembered(made_of, lambda: features_folder(resolved))
        if not session.remembered(("there", folder), folder.is_dir):
            yield add("features", str(folder), resolved, needs, True)


def _estimate(kind: Kind, resolved: ResolvedCell) -> float:
    trained: Any = resolved.config.pretrain if kind == "checkpoint" else resolved.mode_config
    epochs = getattr(trained, "epochs", 10 if kind == "checkpoint" else 1)
    return estimate(kind, resolved.cell.mode, len(resolved.data.examples), resolved.cell.fraction, epochs)
