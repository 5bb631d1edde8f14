"""Preview a run (``--dry-run``): what is finished, what will be computed and how long it may take. Nothing is written."""

from __future__ import annotations

import contextlib
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from bench import registry
from bench.cells.cell import Cell
from bench.data.source import DataSource
from bench.errors import ConfigError
from bench.progress import counted
from bench.runner import failures
from bench.runner.execute import keyed
from bench.runner.job_estimates import Costs
from bench.runner.overrides import Override, method_config, mode_config
from bench.runner.paper_notes import paper_notes
from bench.runner.plan import RunOptions
from bench.runner.prepare import prepare_session
from bench.runner.resolved_cell import ResolvedCell
from bench.runner.schedule import Job, Schedule, jobs_of
from bench.runner.session import Session
from bench.storage.artifacts import damage, digest
from bench.tracking.run_fields import flatten

SHOWN_CHANGES = 6
"""Settings of the smoke profile that are listed for a method; of more, the number."""

State = Literal["finished", "to compute", "would fail", "failed before", "not computed", "not known"]


@dataclass
class PreviewedCell:
    """A cell of one of the previewed runs. Rows of a board may have cells of one label and different settings.

    Attributes:
        settings: the ``--set`` values for its method or mode that other previewed runs do not have.
        title: the cell as tables show it, with the name of the user's encoder.
        key: of its result; None where it is not known, because data are not prepared, or where computing it failed.
        state: ``failed before``: ``--no-retry-failed`` skips it; ``not computed``: for ``--limit`` or ``--cached-only``.
        seconds: estimated, of a cell to compute.
        error: that is certain to come.
    """

    cell: Cell
    settings: list[str]
    title: str = ""
    key: str | None = None
    state: State = "not computed"
    seconds: float | None = None
    error: str = ""

    @property
    def finished(self) -> bool | None:
        """Whether it has a result; None where that is not known."""
        return None if self.state == "not known" else self.state == "finished"


@dataclass(frozen=True)
class SharedJob:
    """A checkpoint or features that are made before the cells that share them."""

    name: str
    seconds: float


@dataclass
class Preview:
    """What runs would do.

    Attributes:
        cells: in the order of the runs. A result that two runs share is listed once.
        shared: folder of a checkpoint or of features -> the job that makes it.
        recorded: whether each estimate comes from an earlier run in this workspace.
        left_out: what the cross products leave out, with the reason.
        changes: what each option changes, and where a method with the paper's profile differs from its paper, one line each.
        unprepared: datasets whose recordings are not prepared.
        pretrained: pretrainings of cells whose time is not known, because data are not prepared.
    """

    cells: list[PreviewedCell] = field(default_factory=list)
    shared: dict[str, SharedJob] = field(default_factory=dict)
    recorded: bool = True
    left_out: list[str] = field(default_factory=list)
    changes: list[str] = field(default_factory=list)
    unprepared: list[str] = field(default_factory=list)
    pretrained: list[str] = field(default_factory=list)

    @property
    def total(self) -> float:
        """Estimated seconds of everything that is computed, one job after another."""
        return sum(cell.seconds or 0.0 for cell in self.cells) + sum(job.seconds for job in self.shared.values())

    @property
    def errors(self) -> Counter[str]:
        """Errors that are certain to come -> the number of cells that fail."""
        return Counter(cell.error for cell in self.cells if cell.error)


def preview(runs: Sequence[RunOptions], source: DataSource) -> Preview:
    """Preview runs.

    Raises:
        BenchError: an option is wrong.
    """
    result = Preview()
    listed: set[str] = set()
    profiles: dict[str, None] = {}
    notes: dict[str, None] = {}
    effects: dict[str, dict[str, list[str]]] = {}
    in_all = set.intersection(*(set(options.overrides) for options in runs)) if runs else set()
    for options in runs:
        planned, session = prepare_session(options, source, may_fetch=False)
        own = [override for override in session.overrides if override.text not in in_all]
        cells = [
            PreviewedCell(cell, [o.text for o in own if o.scope in (None, cell.method, cell.mode)])
            for cell in planned.cells
        ]
        _add(result, options, session, cells, listed)
        result.left_out += planned.left_out
        profiles |= dict.fromkeys(_of_profile(planned.cells, session))
        methods = dict.fromkeys(cell.method for cell in planned.cells)
        notes |= dict.fromkeys(paper_notes([registry.load(registry.METHODS, name) for name in methods], session))
        for override in session.overrides:
            of_text = effects.setdefault(override.text, defaultdict(list))
            for effect, name in _effects(override, planned.cells, session):
                of_text[effect] += [name] if name not in of_text[effect] else []
    result.left_out = list(dict.fromkeys(result.left_out))
    result.unprepared = list(dict.fromkeys(result.unprepared))
    result.pretrained = list(dict.fromkeys(result.pretrained))
    changes = [f"--set {text}: {_shown(of_text)}" for text, of_text in effects.items()]
    result.changes = [*profiles, *changes, *notes]
    return result


def _add(
    result: Preview, options: RunOptions, session: Session, cells: Sequence[PreviewedCell], listed: set[str]
) -> None:
    """Add the cells of one run, and what they share.

    Args:
        listed: identities of the cells of earlier runs.
    """
    _set_keys(result, options, session, cells)
    workspace = session.source.workspace
    theirs = workspace.shared.names("results") if workspace.shared else set()
    failed = {} if options.retry_failed else failures.messages(workspace)
    todo = []
    for previewed in cells:
        identity = previewed.key or _identity(session.resolve(previewed.cell))
        if identity in listed:
            continue
        listed.add(identity)
        result.cells.append(previewed)
        if previewed.key is None:
            continue
        folder = workspace.results / previewed.key
        intact = damage(folder) is None if folder.is_dir() else previewed.key in theirs
        if intact and not options.recompute:
            previewed.state = "finished"
        elif not options.cached_only and previewed.key in failed:
            previewed.state = "failed before"
        elif not options.cached_only:
            todo.append(previewed)
    _estimate(result, options, session, todo[: options.limit])


def _set_keys(result: Preview, options: RunOptions, session: Session, cells: Sequence[PreviewedCell]) -> None:
    """Set the keys of the cells whose data are prepared, or the error that computing a key raises."""
    prepared: dict[str, bool] = {}
    ready: dict[Cell, PreviewedCell] = {}
    for previewed in cells:
        cell, resolved = previewed.cell, session.resolve(previewed.cell)
        previewed.title = str(replace(cell, method=getattr(resolved.config, "name", None) or cell.method))
        needed = _datasets(resolved)
        for name in needed - prepared.keys():
            prepared[name] = session.source.prepared(name)
        result.unprepared += sorted(name for name in needed if not prepared[name])
        reads_images = "image" in resolved.method.input_for(resolved.config).modalities
        if reads_images or not all(prepared[name] for name in needed):
            previewed.state = "not known"
            result.pretrained += _pretraining(resolved) if options.allow_pretraining and not options.cached_only else []
        else:
            ready[previewed.cell] = previewed
    keys, unkeyed = keyed(ready, session)
    for cell, key in keys.items():
        ready[cell].key = key
    for cell, (message, _) in unkeyed.items():
        if not options.cached_only:
            ready[cell].state, ready[cell].error = "would fail", message


def _identity(resolved: ResolvedCell) -> str:
    """Distinguishes cells without a key."""
    return digest([resolved.cell.to_dict(), resolved.config, resolved.mode_config])


def _estimate(result: Preview, options: RunOptions, session: Session, todo: Sequence[PreviewedCell]) -> None:
    """Set the time of cells to compute, or the error of those that lack a checkpoint; add what they share."""
    workspace = session.source.workspace
    costs = Costs.of(workspace.root, session.profile)
    by_key = {str(previewed.key): previewed for previewed in todo}
    jobs = jobs_of([(previewed.cell, key) for key, previewed in by_key.items()], session, costs, shared=True)
    if (shared := workspace.shared) is not None:
        theirs = {"checkpoint": shared.names("checkpoints"), "features": shared.names("features"), "cell": set()}
        jobs = [job for job in jobs if Path(job.id).name not in theirs[job.kind]]
    if not options.allow_pretraining:
        schedule = Schedule.of(jobs)
        for job in [job for job in jobs if job.kind == "checkpoint"]:
            error = f"{job.cell.method} has no checkpoint for this config and corpus, and --no-pretrain was given"
            for lost in schedule.failed(job):
                if lost.kind == "cell":
                    by_key[lost.id].state, by_key[lost.id].error = "would fail", error
        jobs = list(schedule.jobs.values())
    for job in jobs:
        result.recorded = result.recorded and costs.find(job.kind, job.cell) is not None
        if job.kind == "cell":
            by_key[job.id].state, by_key[job.id].seconds = "to compute", job.seconds
        else:
            result.shared[job.id] = SharedJob(_described(job, session), job.seconds)


def _datasets(resolved: ResolvedCell) -> set[str]:
    """The datasets whose recordings determine the key: the task's, and the corpora of methods that are pretrained."""
    datasets = registry.load(registry.TASKS, resolved.cell.task).datasets()
    corpus = _corpus(resolved)
    return set(datasets).union({corpus} - {None}, *map(_datasets, resolved.members))  # type: ignore[arg-type]


def _corpus(resolved: ResolvedCell) -> str | None:
    """The dataset that the cell's method is pretrained on; None if it starts from a named checkpoint or none."""
    session, method = resolved.session, resolved.method
    learns = resolved.mode.uses_checkpoint and method.implements("pretraining_loss")
    if not learns or method.name in session.checkpoints:
        return None
    return session.corpus_name(method, registry.load(registry.TASKS, resolved.cell.task).dataset)


def _pretraining(resolved: ResolvedCell) -> list[str]:
    """The pretraining of a cell and of its members, whose data are not prepared."""
    corpus = _corpus(resolved)
    own = [_described_pretraining(resolved, corpus)] if corpus else []
    return own + [text for member in resolved.members for text in _pretraining(member)]


def _described_pretraining(resolved: ResolvedCell, corpus: object) -> str:
    epochs = sum(stage.epochs for stage in resolved.method.stages(resolved.config).values())
    return f"pretraining of {resolved.cell.method} on {corpus}, {counted(epochs, 'epoch')}"


def _described(job: Job, session: Session) -> str:
    resolved = session.resolve(job.cell)
    if job.kind != "checkpoint" or resolved.spec is None:
        return str(job)
    return _described_pretraining(resolved, resolved.spec.corpus.get("dataset"))


def _of_profile(cells: Sequence[Cell], session: Session) -> Iterator[str]:
    """What a profile other than ``paper`` changes."""
    profile = session.profile
    for name in dict.fromkeys(cell.method for cell in cells) if profile != "paper" else ():
        method = registry.load(registry.METHODS, name)
        changed = _differences(method_config(method, "paper"), method_config(method, profile))
        if changed and name not in session.checkpoints:
            more = f", and {len(changed) - SHOWN_CHANGES} more" if len(changed) > SHOWN_CHANGES else ""
            yield f"profile {profile}: {name}: {', '.join(changed[:SHOWN_CHANGES])}{more}"


def _effects(override: Override, cells: Sequence[Cell], session: Session) -> Iterator[tuple[str, str]]:
    """What a ``--set`` changes, and the method for which it does."""
    others = [other for other in session.overrides if other is not override]
    without = session.under(others)
    for name in dict.fromkeys(cell.method for cell in cells):
        with contextlib.suppress(ConfigError):  # other options are wrong without this one
            if changed := _differences(without.method_config(name), session.method_config(name)):
                yield ", ".join(changed), name
    for mode, name in dict.fromkeys((cell.mode, cell.method) for cell in cells):
        method = registry.load(registry.METHODS, name)
        with contextlib.suppress(ConfigError):
            before = mode_config(mode, session.profile, others, method)
            if changed := _differences(before, session.mode_config(mode, method)):
                yield ", ".join(f"{mode}.{text}" for text in changed), name


def _shown(effects: Mapping[str, Sequence[str]]) -> str:
    return "; ".join(f"{effect} ({', '.join(names)})" for effect, names in effects.items()) or "no difference"


def _differences(before: Any, after: Any) -> list[str]:
    old, new = (flatten(config.model_dump(mode="json")) for config in (before, after))
    return [f"{name} {old.get(name)} → {value}" for name, value in new.items() if old.get(name) != value]
