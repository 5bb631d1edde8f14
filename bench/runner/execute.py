"""Run a plan on this machine: every cell once, finished cells never again, a failure recorded and never cached."""

from __future__ import annotations

import json
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from bench import provenance, registry
from bench.artifacts import digest, write_json
from bench.code_digest import method_digest, module_digest
from bench.data_source import DataSource
from bench.errors import BenchError, ConfigError
from bench.fractions import subset
from bench.method import Method
from bench.modes import mode_module, released_protocol
from bench.modes.cell_run import CellRun, Outcome
from bench.progress import say, track
from bench.runner.cell import Cell
from bench.runner.configure import check_overrides, parse_overrides
from bench.runner.plan import Plan, RunOptions, plan
from bench.runner.results import SCHEMA, Result, read_result, write_result
from bench.runner.session import Session, TaskData, seed_of
from bench.scoring.score import score
from bench.task import ClassName
from bench.workspace import Workspace

BOOTSTRAP = 1000


@dataclass
class RunReport:
    """What came of a run."""

    results: list[Result] = field(default_factory=list)
    computed: int = 0
    failures: dict[str, str] = field(default_factory=dict)  # cell -> message
    left_out: list[str] = field(default_factory=list)


def prepare_session(options: RunOptions, source: DataSource) -> tuple[Plan, Session]:
    """Everything that can be wrong with the options is found here, before anything is written."""
    planned = plan(options)
    overrides = parse_overrides(options.overrides, list(registry.entries(registry.METHODS)))
    profile = options.profile or ("paper" if source.kind == "real" else "smoke")
    named = named_checkpoints(options.checkpoints, source.workspace.checkpoints, planned)
    session = Session(source, profile, overrides, options.corpus, options.allow_pretraining, named)
    planned.cells = list(dict.fromkeys(c for cell in planned.cells for c in (*member_cells(cell, session), cell)))
    names = list(dict.fromkeys(cell.method for cell in planned.cells))
    check_overrides(overrides, [registry.load(registry.METHODS, name) for name in names])
    for name in names:
        session.method_config(name)
    for method, mode in dict.fromkeys((cell.method, cell.mode) for cell in planned.cells):
        session.mode_config(mode, registry.load(registry.METHODS, method))
    return planned, session


def named_checkpoints(texts: Sequence[str], checkpoints: Path, planned: Plan) -> dict[str, Path]:
    """Method -> folder of each ``METHOD=FOLDER``; a folder of the workspace goes by its name alone.

    Raises:
        ConfigError: not of that form, no such folder, or a method that is not run.
    """
    named: dict[str, Path] = {}
    run = {cell.method for cell in planned.cells}
    for text in texts:
        method, equals, place = text.partition("=")
        if not equals or method not in run:
            raise ConfigError(f"--checkpoint {text}: expected METHOD=FOLDER with one of {', '.join(sorted(run))}.")
        folder = next(
            (f for f in (Path(place).expanduser(), checkpoints / place) if (f / "provenance.json").is_file()), None
        )
        if not place or folder is None:
            raise ConfigError(
                f"--checkpoint {text}: {place or 'nothing'} is no checkpoint folder, nor is one in {checkpoints}."
            )
        named[method] = folder
    return named


def member_cells(cell: Cell, session: Session) -> list[Cell]:
    """The cells whose results a method that combines others reads.

    Raises:
        ConfigError: a member cannot answer in this mode, or combines others itself. UnknownName: nobody registered it.
    """
    members = []
    for name in registry.load(registry.METHODS, cell.method).members(session.method_config(cell.method)):
        member = registry.load(registry.METHODS, name)
        if member.implements("combine") or cell.mode not in member.modes():
            raise ConfigError(
                f"{cell.method}: {name} cannot be one of its members, as it has no {cell.mode} of its own."
            )
        members.append(replace(cell, method=name))
    return members


def run(options: RunOptions, source: DataSource, on_result: Callable[[Result, bool], None] | None = None) -> RunReport:
    """Run what is missing of the options' cells.

    Args:
        on_result: called with each result as it is there, and whether it was computed now.

    Raises:
        BenchError: the options or the data are wrong; single cells that fail are in the report instead.
    """
    planned, session = prepare_session(options, source)
    source.workspace.ensure_writable()
    for name in dict.fromkeys(cell.task for cell in planned.cells):
        session.task_data(name)
    report = RunReport(left_out=planned.left_out)
    try:
        for cell in planned.cells:
            try:
                result, computed = run_cell(cell, session, again=options.resume == "always")
            except Exception as error:
                report.failures[str(cell)] = record_failure(cell, session, error)
                continue
            report.results.append(result)
            report.computed += computed
            (source.workspace.failures / failure_name(cell, session)).unlink(missing_ok=True)
            if on_result:
                on_result(result, computed)
    finally:
        if options.track and report.results:
            mirror(report.results, source)
    return report


def mirror(results: list[Result], source: DataSource) -> None:
    """Show the results in MLflow; the result store is the truth, so a tracking server that is down costs a warning."""
    from bench import tracking

    try:
        tracking.log_results(source.workspace.tracking_uri, results)
    except tracking.TrackingError as error:
        say(f"warning: {error}")


def record_failure(cell: Cell, session: Session, error: Exception) -> str:
    """Keep the traceback under ``failures/``, where ``bench runs --failed`` finds it, and say what happened."""
    message = str(error) if isinstance(error, BenchError) else f"{type(error).__name__}: {error}"
    failures = session.source.workspace.failures
    failures.mkdir(parents=True, exist_ok=True)
    write_json(
        failures / failure_name(cell, session),
        {"cell": cell.to_dict(), "error": message, "traceback": traceback.format_exc(), "time": provenance.now()},
    )
    say(f"failed: {cell}: {message}")
    return message


def failure_name(cell: Cell, session: Session) -> str:
    """One file for a cell of a profile and data kind; it goes when the cell succeeds."""
    return f"{digest([cell.to_dict(), session.profile, session.source.kind], 16)}.json"


def cell_key(cell: Cell, session: Session) -> str:
    """Digest of everything that determines a cell's predictions."""
    method = registry.load(registry.METHODS, cell.method)
    data = session.task_data(cell.task)
    spec = session.checkpoint_spec(method, data.task.dataset) if cell.mode != "scratch" else None
    mode = mode_module(cell.mode)
    return digest(
        {
            "schema": SCHEMA,
            "cell": cell.to_dict(),
            "profile": session.profile,
            "data": session.source.kind,
            "method": method_digest(method, session.method_config(cell.method)),
            "config": session.method_config(cell.method),
            "checkpoint": spec.key if spec else None,
            "input": method.input_for(session.method_config(cell.method)).to_dict(),
            "mode": [module_digest(mode.__name__), module_digest("bench.training.objective")],
            "mode_config": session.mode_config(cell.mode, method),
            "task": [data.task.version, list(data.task.classes.items())],
            "split": data.split_digest(cell.fold),
            "store": data.store.digest,
            "members": [cell_key(member, session) for member in member_cells(cell, session)],
        }
    )


def run_cell(cell: Cell, session: Session, again: bool = False) -> tuple[Result, bool]:
    """The result of a cell, and whether it was computed now rather than found."""
    import shutil

    key = cell_key(cell, session)
    folder = session.source.workspace.results / key
    if folder.is_dir() and not again:
        return read_result(folder), False
    started, clock = provenance.now(), time.perf_counter()
    method = registry.load(registry.METHODS, cell.method)
    data = session.task_data(cell.task)
    spec = session.checkpoint_spec(method, data.task.dataset)
    if spec is not None and cell.mode != "scratch":
        session.checkpoint(spec)
    pretrained = time.perf_counter()

    partition = data.partition(cell.fold)
    # Every seed sees the same labelled subset, as in the papers: seeds then measure the training alone.
    train = subset(partition.train, cell.fraction, 0, data.examples.targets)
    outcome, instance = _answer(cell, session, method, spec, data, train, partition)
    answered = time.perf_counter()

    targets = data.examples.targets
    told = (targets[partition.validation], outcome.validation)
    if released_protocol(cell.mode):  # which also takes its thresholds from the test set
        told = (targets[partition.test], outcome.test)
    scored = score(
        data.task.kind,
        targets[partition.test],
        outcome.test,
        _class_names(data),
        data.examples.patient_ids[partition.test],
        validation=told,
        bootstrap=BOOTSTRAP,
    )
    absent = _absent_classes(data, train) if cell.mode != "zeroshot" else []
    result = Result(
        key=key,
        cell=cell,
        profile=session.profile,
        data=session.source.kind,
        score=scored.to_dict(),
        counts={
            "train": len(train),
            "validation": len(partition.validation),
            "test": len(partition.test),
            "expected": data.expected_counts,
        },
        split={
            "name": data.split.name,
            "digest": data.split_digest(cell.fold),
            "complete": data.complete,
            "fold": cell.fold,
            "classes_absent_from_training": absent,
        }
        | ({} if data.examples.cohort is None else {"cohort": data.examples.cohort.to_dict()}),
        dataset={"name": data.task.dataset, "version": data.store.manifest["version"], "digest": data.store.digest}
        | {k: data.store.manifest[k] for k in ("n_skipped", "n_nan", "n_flat") if k in data.store.manifest},
        checkpoint=session.checkpoint_facts(spec, cell.mode),
        config={
            "method": session.method_config(cell.method).model_dump(mode="json"),
            cell.mode: session.mode_config(cell.mode, method).model_dump(mode="json"),
        },
        selection=outcome.selection,
        provenance={
            "versions": provenance.versions(),
            "git_commit": provenance.git_commit(),
            "machine": provenance.machine(),
            "protocol": released_protocol(cell.mode),
            "overrides": [override.text for override in session.overrides],
            "task_version": data.task.version,
            "input": instance.input.to_dict(),
            "absent_leads": "not processed" if instance.input.partial_leads else "zeros",
            **_median_beats(data, instance, cell),
            "parameters": sum(p.numel() for p in instance.parameters()),
            "prompts": list(data.task.classes.values()) if cell.mode == "zeroshot" else None,
            "started": started,
            "seconds": {
                "pretrain": round(pretrained - clock, 2),
                "answer": round(answered - pretrained, 2),
                "score": round(time.perf_counter() - answered, 2),
            },
        },
    )
    predictions = predictions_table(data, partition, outcome)
    if again and folder.is_dir():
        shutil.rmtree(folder)
    return write_result(session.source.workspace.results, result, predictions), True


def _median_beats(data: TaskData, instance: Method, cell: Cell) -> dict[str, Any]:
    """Who computed the median beats that the method was given, and of how many recordings."""
    spec = instance.input
    if not spec.median_beat:
        return {}
    whole = data.examples.start is None and data.examples.seconds is None
    return {"median_beats": data.store.beats_used(data.rows, cell.leads, spec.filters, whole)}


def _answer(
    cell: Cell, session: Session, method: type[Method], spec: Any, data: TaskData, train: np.ndarray, partition: Any
) -> tuple[Outcome, Method]:
    blanked = data.examples.targets.copy()
    blanked[partition.test] = 0  # the test split is read once, by the scoring, after everything was chosen
    instance = session.method(method, spec, cell.mode, cell.seed)
    if method.implements("combine"):
        return _combine(cell, session, instance), instance
    with track(str(cell)) as progress:
        outcome = mode_module(cell.mode).run(
            CellRun(
                method=instance,
                task=data.task,
                mode=cell.mode,
                config=session.mode_config(cell.mode, method),
                source=session.task_source(method, data, cell.leads, blanked),
                targets=blanked,
                train=train,
                validation=partition.validation,
                test=partition.test,
                features=lambda: session.features(lambda: instance, method, spec, data, cell),
                seed=seed_of(cell),
                progress=progress,
                prompts=[ClassName(words, code) for code, words in data.task.classes.items()],
                test_targets=data.examples.targets[partition.test] if released_protocol(cell.mode) else None,
            )
        )
    return outcome, instance


def _combine(cell: Cell, session: Session, instance: Method) -> Outcome:
    """Scores from the finished results of the members, record by record; nothing is trained."""
    scores: dict[str, list[np.ndarray]] = {"validation": [], "test": []}
    for member in member_cells(cell, session):
        folder = session.source.workspace.results / cell_key(member, session)
        if not folder.is_dir():
            raise BenchError(f"{cell.method} needs the result of {member}, which failed. See: bench runs --failed")
        table = read_result(folder).predictions()
        for part, values in scores.items():
            rows = table[table.partition == part]
            values.append((rows["score"] if "score" in rows else rows.filter(regex="^score_")).to_numpy())
    return Outcome(instance.combine(scores["validation"]), instance.combine(scores["test"]))


def _class_names(data: TaskData) -> list[str]:
    """The task's classes; in identification the persons, numbered as their targets are."""
    if data.task.kind == "identification" and not data.task.classes:
        return [str(k) for k in range(int(data.examples.targets.max()) + 1)]
    return list(data.task.classes)


def _absent_classes(data: TaskData, train: np.ndarray) -> list[str]:
    if data.task.kind == "multilabel":
        present = data.examples.targets[train].any(axis=0)
        return [name for name, there in zip(data.task.classes, present, strict=True) if not there]
    if data.task.kind == "multiclass":
        present = np.isin(np.arange(len(data.task.classes)), data.examples.targets[train])
        return [name for name, there in zip(data.task.classes, present, strict=True) if not there]
    return []


def predictions_table(data: TaskData, partition: Any, outcome: Outcome) -> Any:
    """One row for each scored example: ids, partition, targets, scores (named by class, or numbered)."""
    import pandas as pd

    parts = []
    for name, rows, scores in (
        ("validation", partition.validation, outcome.validation),
        ("test", partition.test, outcome.test),
    ):
        table: dict[str, Any] = {
            "record_id": data.examples.record_ids[rows],
            "patient_id": data.examples.patient_ids[rows],
            "partition": name,
        }
        targets = data.examples.targets[rows]
        table |= dict(_columns("target", targets, data.task))
        table |= dict(_columns("score", scores, data.task))
        parts.append(pd.DataFrame(table))
    return pd.concat(parts, ignore_index=True)


def _columns(prefix: str, values: np.ndarray, task: Any) -> Iterator[tuple[str, np.ndarray]]:
    if values.ndim == 1:
        yield prefix, values
        return
    names = ["years", "event"] if task.kind == "survival" else list(task.classes)
    if len(names) != values.shape[1]:
        names = [str(i) for i in range(values.shape[1])]
    for i, name in enumerate(names):
        yield f"{prefix}_{name}", values[:, i]


def failures(workspace: Workspace) -> list[dict[str, Any]]:
    """The recorded failures, newest last."""
    folder = workspace.failures
    read = [json.loads(path.read_text(encoding="utf-8")) for path in folder.glob("*.json")] if folder.is_dir() else []
    return sorted(read, key=lambda f: f["time"])
