"""From the options of ``bench sweep`` to results: one study per fold, its best setting trained again and scored once.

Only validation data are looked at while settings are compared (:func:`bench.runner.run_cell.predict_cell` scores the
validation split instead of the test split). The chosen setting then runs as any other cell does, for every seed
asked for, and its result carries what chose it.
"""

from __future__ import annotations

import dataclasses
import json
import multiprocessing
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from bench import modes, registry
from bench.cells.cell import Cell
from bench.cells.result import Result
from bench.data.source import DataSource
from bench.errors import BenchError, ConfigError, foreign_code
from bench.method.search_space import Spaces, grid_size, parse_vary, read_spaces
from bench.processes.parent_watch import end_with_parent
from bench.progress import counted, say
from bench.runner import failures
from bench.runner.overrides import check_overrides, fields_of, parse_overrides
from bench.runner.plan import RunOptions
from bench.runner.prepare import prepare_session
from bench.runner.run_cell import predict_cell, run_cell
from bench.runner.session import Session
from bench.storage.artifacts import digest
from bench.sweep.mirror import mirror_study
from bench.sweep.samplers import PrunerName, SamplerName, pruner_for, sampler_for
from bench.sweep.search import Search, described, search
from bench.sweep.storage import opened
from bench.sweep.trials import best, done
from bench.tracking.follow import followed
from bench.training.objective import objective_for

if TYPE_CHECKING:
    from bench.method import Method
    from bench.runner.overrides import Override

TRIALS = 50
"""Unless asked for otherwise, or the grid is smaller."""


@dataclass(frozen=True)
class SweepOptions:
    """One ``bench sweep``.

    Attributes:
        run: one method, task, mode, fraction and subset of leads. The first seed searches; all are scored in the end.
        trials: settings to try in each study; None: 50, or all of a grid.
        vary: ``FIELD=SPACE``; goes before ``space_file``, and both before what method and mode declare.
        seed: of the sampler.
        storage: a URL (:mod:`bench.sweep.storage`); None: a journal file for each study in the workspace.
        workers: processes of this machine on each study.
        heartbeat: seconds between a worker's signs of life on a database.
        retry_failed: try settings again that failed.
    """

    run: RunOptions
    trials: int | None = None
    sampler: SamplerName = "tpe"
    pruner: PrunerName = "none"
    vary: Sequence[str] = ()
    space_file: Path | None = None
    seed: int = 0
    storage: str | None = None
    workers: int = 1
    heartbeat: int = 60
    retry_failed: bool = False


@dataclass
class SweepReport:
    """What came of a sweep: each study with what it chose, and the results of the chosen settings."""

    studies: list[Chosen] = field(default_factory=list)
    results: list[Result] = field(default_factory=list)
    computed: int = 0
    failures: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Chosen:
    """What a study came to."""

    study: str
    fold: int
    setting: dict[str, Any]
    value: float
    metric: str
    trials: dict[str, int]  # state -> number


@dataclass(frozen=True)
class Planned:
    """A study to be: the cell that searches, and the cells that its choice is scored in."""

    what: Search
    cell: Cell
    scored: list[Cell]


def sweep(options: SweepOptions, source: DataSource) -> SweepReport:
    """Search, choose on validation data, train the choice again and score it.

    Raises:
        ConfigError: not one method, task, mode, fraction or subset of leads; a space that cannot be; SQLite for several
            workers. BenchError: a study none of whose trials was completed, or a storage that does not answer.
    """
    planned, session = plan_sweep(options, source)
    source.workspace.ensure_writable()
    if options.workers > 1:
        for study in planned:  # refuses what cannot be, and makes the tables, before any worker starts
            with opened(_storage(options, source, study), options.workers, options.heartbeat):
                pass
        with followed(source.workspace, options.run.track):
            _in_processes(options, session, planned)
        options = dataclasses.replace(options, retry_failed=False)
    report = SweepReport()
    with followed(source.workspace, options.run.track):
        for study in planned:
            chosen, facts = take_part(options, session, study)
            report.studies.append(chosen)
            overrides = [*session.overrides, *_overrides(chosen.setting)]
            _score(study, session.under(overrides, facts), options.run, report)
    return report


def plan_sweep(options: SweepOptions, source: DataSource) -> tuple[list[Planned], Session]:
    """The studies, one a fold, and the session under whose overrides they vary their fields."""
    plan, session = prepare_session(options.run, source)
    for word, values in (
        ("method", {cell.method for cell in plan.cells}),
        ("task", {cell.task for cell in plan.cells}),
        ("mode", {cell.mode for cell in plan.cells}),
        ("subset of leads", {cell.leads for cell in plan.cells}),
        ("fraction", {cell.fraction for cell in plan.cells}),
    ):
        if len(values) > 1:
            named = ", ".join(str(value) for value in sorted(values))
            raise ConfigError(f"a sweep takes one {word}; got: {named}. Run one sweep for each.")
    first = plan.cells[0]
    method = registry.load(registry.METHODS, first.method)
    if modes.facts(first.mode).released_protocol:
        why = "chooses on the test set" if modes.facts(first.mode).looks_at_test else "repeats a released protocol"
        raise ConfigError(f"{first.mode} {why}, so that it cannot be swept.")
    if method.implements("combine"):
        raise ConfigError(f"{first.method} trains nothing; sweep its members.")
    spaces = spaces_of(options, method, first.mode)
    check_spaces(spaces, method, first.mode, session)
    trials = options.trials or TRIALS
    if options.sampler == "grid":
        trials = min(options.trials or grid_size(spaces), grid_size(spaces))
    epochs = _epochs(spaces, method, first.mode, session)
    sampler_for(options.sampler, spaces, options.seed)
    pruner_for(options.pruner, epochs)
    planned = []
    for fold in dict.fromkeys(cell.fold for cell in plan.cells):
        scored = [cell for cell in plan.cells if cell.fold == fold]
        facts = {
            "cell": scored[0].to_dict(),
            "profile": session.profile,
            "data": session.source.kind,
            "metric": session.task_data(first.task).task.metric,
            "space": {name: str(space) for name, space in spaces.items()},
            "sampler": options.sampler,
            "pruner": options.pruner,
            "sampler_seed": options.seed,
        }
        key = digest([session.resolve(scored[0]).key, facts], 12)
        of = [f"fold{fold}"] if len(plan.cells) > len(scored) else []
        name = "-".join([first.method, first.task, first.mode, *of, key])
        what = Search(name, spaces, trials, options.sampler, options.pruner, options.seed, epochs, facts)
        planned.append(Planned(what, scored[0], scored))
    return planned, session


def spaces_of(options: SweepOptions, method: type[Method], mode: str) -> Spaces:
    """What is asked for; else what the method declares for the mode; else what the mode does.

    Raises:
        ConfigError: nothing is declared, and nothing asked for.
    """
    stated = (read_spaces(options.space_file) if options.space_file else {}) | parse_vary(options.vary)
    declared = method.spaces.get(mode) or {
        f"{mode}.{name}": space for name, space in getattr(modes.load(mode).Config, "space", {}).items()
    }
    if method.implements("fit") and mode not in method.spaces:
        declared = {}  # a mode's rates are not those of a method that trains by itself
    spaces = stated or declared
    if not spaces and (chosen := modes.facts(mode).chooses):
        raise ConfigError(
            f"{mode} chooses {chosen} on validation data in each run, so that it has no search space. Use bench run, or vary "
            f"a setting of {method.name}: --vary FIELD=log:1e-5..1e-1 or --space FILE."
        )
    if not spaces:
        raise ConfigError(
            f"{method.name} has no search space for {mode}; name the fields: --vary FIELD=log:1e-5..1e-1 or --space "
            "FILE."
        )
    return dict(spaces)


def check_spaces(spaces: Spaces, method: type[Method], mode: str, session: Session) -> None:
    """Refuse fields that are not there, play no role, are also set, or whose ends are no valid values.

    Raises:
        ConfigError: one of these; :class:`bench.errors.UnknownName` for the first.
    """
    fixed = {override.text.partition("=")[0].strip() for override in session.overrides}
    for name, space in spaces.items():
        if name in fixed:
            raise ConfigError(f"{name} is both set (--set) and varied; leave one out.")
        for value in space.ends():
            (override,) = _overrides({name: value})
            check_overrides([override], [method])
            of_method = override.scope in (None, method.name)
            has_checkpoint = method.name in session.checkpoints
            pretrains = (
                modes.facts(mode).uses_checkpoint and method.implements("pretraining_loss") and not has_checkpoint
            )
            if (
                (override.scope != mode and not of_method)
                or (override.scope is None and name not in fields_of(method.Config))
                or (override.of_pretraining and not pretrains)
            ):
                checkpoint = " with --checkpoint" if has_checkpoint and override.of_pretraining else ""
                raise ConfigError(f"{name} plays no role for {method.name} in {mode}{checkpoint}.")
            tried = session.under([*session.overrides, override])
            tried.method_config(method.name)
            tried.mode_config(mode, method)


def take_part(options: SweepOptions, session: Session, planned: Planned) -> tuple[Chosen, dict[str, Any]]:
    """Search as one worker until the study is done; return the chosen setting and its facts for the result."""
    what, cell = planned.what, planned.cell
    url = _storage(options, session.source, planned)
    say(f"study {what.name}: {counted(what.trials, 'trial')} over {', '.join(what.spaces)}")

    def evaluate(setting: dict[str, Any], report: Callable[[int, float], None]) -> float:
        return validation_value(cell, session.under([*session.overrides, *_overrides(setting)]), report)

    with opened(url, options.workers, options.heartbeat) as store:
        study = search(what, store, evaluate, options.retry_failed)
        trials = done(study.get_trials(deepcopy=False))
        best_trial = best(trials)
        if options.run.track:
            mirror_study(session.source.workspace, study, trials, best_trial, what.trials)
        states = [trial.state.name.lower() for trial in trials]
    counts = {state: states.count(state) for state in ("complete", "pruned", "fail")}
    assert what.facts is not None and best_trial.value is not None
    chosen = Chosen(what.name, cell.fold, dict(best_trial.params), best_trial.value, what.facts["metric"], counts)
    say(
        f"study {what.name}: chosen on validation data: {described(chosen.setting)} ({chosen.metric} {chosen.value:.4f})"
    )
    recorded = {name: what.facts[name] for name in ("space", "sampler", "pruner", "sampler_seed", "metric")}
    facts = {
        "study": what.name,
        # The place, not the number: part of the key, which interrupted trials must not change.
        "trial": [trial.number for trial in trials].index(best_trial.number),
        "setting": chosen.setting,
        "value": chosen.value,
        "trials": len(trials),
        "states": counts,
        "search_seed": cell.seed,
        **recorded,
    }
    return chosen, facts


def validation_value(cell: Cell, session: Session, report: Callable[[int, float], None]) -> float:
    """The task's metric on the validation split, of the cell as the session configures it; nothing of the test split
    is read."""
    with foreign_code():
        predictions = predict_cell(session.resolve(cell), report=report)
    targets = predictions.data.examples.targets[predictions.partition.validation]
    n_outputs = targets.shape[1] if targets.ndim > 1 else max(len(predictions.data.task.classes), 1)
    return objective_for(predictions.data.task.kind, n_outputs).selection_value(targets, predictions.output.validation)


def _overrides(setting: dict[str, Any]) -> list[Override]:
    methods = list(registry.entries(registry.METHODS))
    return parse_overrides([f"{name}={json.dumps(value)}" for name, value in setting.items()], methods)


def _epochs(spaces: Spaces, method: type[Method], mode: str, session: Session) -> int | None:
    """The most epochs that a trial reports of."""
    config = session.mode_config(mode, method)
    if method.implements("fit") or not hasattr(config, "epochs") or getattr(config, "select", "best") == "last":
        return None
    varied = spaces.get(f"{mode}.epochs")
    return int(max(varied.ends())) if varied else config.epochs


def _storage(options: SweepOptions, source: DataSource, planned: Planned) -> str:
    return options.storage or f"journal://{source.workspace.sweeps / planned.what.name}.journal"


def _in_processes(options: SweepOptions, session: Session, planned: Sequence[Planned]) -> None:
    """Search in processes of this machine. What one that dies was at, another takes up."""
    context = multiprocessing.get_context("spawn")
    threads = max(1, (os.cpu_count() or 1) // options.workers)
    alone = dataclasses.replace(options, retry_failed=False)
    processes = [
        context.Process(
            target=_work, args=(alone if i else options, session.settings(), list(planned), threads, os.getpid())
        )
        for i in range(options.workers)
    ]
    for process in processes:
        process.start()
    try:
        for process in processes:
            process.join()
    finally:
        for process in processes:
            if process.is_alive():
                process.terminate()
                process.join(5)
    if all(process.exitcode for process in processes):
        raise BenchError(
            "every worker of the sweep ended early; their messages are printed above. Finished trials are kept."
        )


def _work(
    options: SweepOptions, settings: dict[str, Any], planned: Sequence[Planned], threads: int, parent: int
) -> None:
    end_with_parent(parent)
    torch.set_num_threads(threads)
    session = Session(**settings)
    try:
        for study in planned:
            take_part(options, session, study)
    except BenchError as error:
        say(f"error: {error}")
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)


def _score(
    planned: Planned,
    session: Session,
    options: RunOptions,
    report: SweepReport,
) -> None:
    """The chosen setting as ordinary cells, one a seed; this is where the test split is read."""
    finished = []
    for cell in planned.scored:
        try:
            with foreign_code():
                result, computed = run_cell(session.resolve(cell), again=options.recompute)
        except Exception as error:
            message, trace = failures.explain(error)
            failures.record(cell, session.source, session.profile, session.resolve(cell).key, message, trace)
            report.failures[str(cell)] = message
            say(f"failed: {cell}: {message}")
            continue
        failures.forget(cell, session.source, session.profile)
        finished.append(result)
        report.results.append(result)
        report.computed += computed
    if options.track and finished:
        from bench.tracking.mirror import ResultMirror

        with ResultMirror(session.source.workspace.tracking_uri, warn=lambda text: say(f"warning: {text}")) as mirror:
            mirror.add_all(finished)
