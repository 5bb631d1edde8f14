"""Preview a run (``--dry-run``): what is finished, what will be computed and how long it may take. Nothing is written."""

from __future__ import annotations

import contextlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from bench import registry
from bench.cells.cell import Cell
from bench.data.source import DataSource
from bench.errors import ConfigError, foreign_code
from bench.method import Method
from bench.runner import failures
from bench.runner.job_estimates import Costs
from bench.runner.overrides import method_config, mode_config
from bench.runner.plan import RunOptions
from bench.runner.prepare import prepare_session
from bench.runner.resolved_cell import ResolvedCell
from bench.runner.schedule import Job, jobs_of
from bench.runner.session import Session
from bench.storage.artifacts import damage
from bench.tracking.run_fields import flatten

SHOWN_CHANGES = 6
"""Settings of the smoke profile that are listed for a method; of more, the number."""


@dataclass
class Preview:
    """What a run would do.

    Attributes:
        finished: cell -> whether it has a result; None where that is not known, because data are not prepared.
        seconds: cell to compute -> estimated seconds.
        shared: checkpoints and features that are made first -> estimated seconds.
        recorded: whether each estimate comes from an earlier run in this workspace.
        changes: what each option changes, one line each.
        unprepared: datasets whose recordings are not prepared.
        errors: errors that are certain to come -> the cells that they concern.
    """

    finished: dict[Cell, bool | None] = field(default_factory=dict)
    seconds: dict[Cell, float] = field(default_factory=dict)
    shared: dict[str, float] = field(default_factory=dict)
    recorded: bool = True
    changes: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    unprepared: list[str] = field(default_factory=list)
    errors: dict[str, list[Cell]] = field(default_factory=dict)

    @property
    def total(self) -> float:
        """Estimated seconds of everything that is computed, one job after another."""
        return sum(self.seconds.values()) + sum(self.shared.values())


def preview(runs: Sequence[RunOptions], source: DataSource) -> Preview:
    """Preview runs.

    Raises:
        BenchError: an option is wrong.
    """
    made = Preview()
    for options in runs:
        planned, session = prepare_session(options, source)
        _add(made, options, planned.cells, session)
        made.left_out += planned.left_out
        made.changes += _changes(planned.cells, session)
    made.left_out = list(dict.fromkeys(made.left_out))
    made.changes = list(dict.fromkeys(made.changes))
    made.unprepared = list(dict.fromkeys(made.unprepared))
    return made


def _add(made: Preview, options: RunOptions, cells: Sequence[Cell], session: Session) -> None:
    source, keys = session.source, {}
    errors: dict[str, list[Cell]] = defaultdict(list)
    prepared: dict[str, bool] = {}
    for cell in cells:
        resolved = session.resolve(cell)
        needed = _datasets(resolved)
        for name in needed - prepared.keys():
            prepared[name] = source.prepared(name)
        made.unprepared += sorted(name for name in needed if not prepared[name])
        if (
            not all(prepared[name] for name in needed)
            or "image" in resolved.method.input_for(resolved.config).modalities
        ):
            made.finished[cell] = None
            continue
        try:
            with foreign_code():
                keys[cell] = resolved.key
        except Exception as error:
            errors[failures.explain(error)[0]].append(cell)
            made.finished[cell] = False
            continue
        folder = source.workspace.results / keys[cell]
        made.finished[cell] = not options.recompute and folder.is_dir() and damage(folder) is None
    todo = [cell for cell in keys if not made.finished[cell]] if not options.cached_only else []
    costs = Costs.of(source.workspace.root, session.profile)
    for job in jobs_of([(cell, keys[cell]) for cell in todo[: options.limit]], session, costs, shared=True):
        made.recorded = made.recorded and costs.find(job.kind, job.cell) is not None
        if job.kind == "cell":
            made.seconds[job.cell] = job.seconds
        else:
            made.shared[_named(job, session)] = job.seconds
        if job.kind == "checkpoint" and not options.allow_pretraining:
            message = f"{job.cell.method} has no checkpoint for this config and corpus, and --no-pretrain was given"
            errors[message] += [cell for cell in todo if cell.method == job.cell.method]
    for message, concerned in errors.items():
        made.errors.setdefault(message, []).extend(concerned)


def _datasets(resolved: ResolvedCell) -> set[str]:
    """The datasets whose recordings determine the key: the task's, and the corpora of methods that are pretrained."""
    dataset = registry.load(registry.TASKS, resolved.cell.task).dataset
    session, method = resolved.session, resolved.method
    learns = resolved.mode.uses_checkpoint and method.implements("pretraining_loss")
    own = learns and method.name not in session.checkpoints
    corpus = {session.corpus_name(method, dataset)} if own else set()
    return {dataset}.union(corpus, *map(_datasets, resolved.members))


def _named(job: Job, session: Session) -> str:
    resolved = session.resolve(job.cell)
    if job.kind != "checkpoint" or resolved.spec is None:
        return str(job)
    epochs = sum(stage.epochs for stage in resolved.method.stages(resolved.config).values())
    return f"pretraining of {job.cell.method} on {resolved.spec.corpus.get('dataset')}, {epochs} epochs"


def _changes(cells: Sequence[Cell], session: Session) -> Iterator[str]:
    """What the profile and each ``--set`` changes."""
    methods = {name: registry.load(registry.METHODS, name) for name in dict.fromkeys(cell.method for cell in cells)}
    if session.profile == "smoke":
        for name, method in methods.items():
            changed = _differences(method_config(method, "paper"), method_config(method, "smoke"))
            if changed and name not in session.checkpoints:
                more = f", and {len(changed) - SHOWN_CHANGES} more" if len(changed) > SHOWN_CHANGES else ""
                yield f"profile smoke: {name}: {', '.join(changed[:SHOWN_CHANGES])}{more}"
    for one in session.overrides:
        others = [other for other in session.overrides if other is not one]
        effects: dict[str, list[str]] = defaultdict(list)
        for name in methods:
            with contextlib.suppress(ConfigError):  # other options are wrong without this one
                changed = _differences(session.under(others).method_config(name), session.method_config(name))
                if changed:
                    effects[", ".join(changed)].append(name)
        for mode, name in dict.fromkeys((cell.mode, cell.method) for cell in cells):
            with contextlib.suppress(ConfigError):
                before = mode_config(mode, session.profile, others, methods[name])
                if changed := _differences(before, session.mode_config(mode, methods[name])):
                    effects[", ".join(f"{mode}.{text}" for text in changed)].append(name)
        shown = "; ".join(f"{effect} ({', '.join(names)})" for effect, names in effects.items())
        yield f"--set {one.text}: {shown or 'no difference'}"


def _differences(before: Any, after: Any) -> list[str]:
    old, new = (flatten(config.model_dump(mode="json")) for config in (before, after))
    return [f"{name} {old.get(name)} → {value}" for name, value in new.items() if old.get(name) != value]


def paper_notes(methods: Sequence[type[Method]], session: Session) -> Iterator[str]:
    """Where methods under the paper's profile differ from their papers, and the option that changes it."""
    if session.profile != "paper":
        return
    for method in methods:
        config = flatten(session.method_config(method.name).model_dump(mode="json"))
        for name, (value, sentence) in method.deviations.items():
            if name in config and config[name] == value:
                yield f"note: {method.name}: {sentence} (--set {method.name}.{name}=...)"
