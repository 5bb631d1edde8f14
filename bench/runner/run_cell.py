"""Compute one cell, from its coordinates to its result."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bench import kinds, provenance, registry
from bench.cells import ledger
from bench.cells.result import Result, read_result, write_result
from bench.cells.seen_classes import SeenClasses, seen_classes
from bench.data.source import DataSource
from bench.errors import BenchError
from bench.kinds.clinical_metrics import uncalibrated
from bench.method import Method
from bench.method.independence import check_batches, check_scores
from bench.modes.curve import CurveOutput
from bench.modes.mode_io import ModeInput, ModeOutput, unreported
from bench.processes.energy import measured_energy
from bench.progress import say, track
from bench.runner.cell_audit import contamination_of
from bench.runner.cell_text import ceiling_of
from bench.runner.features import features
from bench.runner.inference_cost import cost_of
from bench.runner.resolved_cell import ResolvedCell
from bench.runner.task_data import TaskData
from bench.scoring.score import BOOTSTRAP, score, score_replicates
from bench.splitting.label_fractions import labelled_subset
from bench.splitting.rules import Partition
from bench.storage.artifacts import damage, locked
from bench.storage.large_array import large_array
from bench.storage.object_store import SharedArtifacts

if TYPE_CHECKING:
    import pandas as pd


class TakenElsewhere(Exception):
    """Another process computes this cell right now."""


def run_cell(cell: ResolvedCell, again: bool = False, wait: bool = True) -> tuple[Result, bool]:
    """The result of a cell, and whether it was computed now rather than found.

    Two processes that want a cell compute it once. A result whose bytes were altered counts for nothing.

    Raises:
        TakenElsewhere: another process holds the lock, and the caller would rather not ``wait``.
    """
    from filelock import Timeout

    workspace, folder = cell.session.source.workspace, cell.folder
    if not again and (finished := read_intact(folder) or _fetched(folder, workspace.shared)):
        return finished, False
    turn = workspace.locks / f"{folder.name}.lock"
    try:
        with locked(turn, timeout=-1 if wait else 0):
            if not again and (finished := read_intact(folder)):
                turn.unlink(missing_ok=True)
                return finished, False
            if folder.is_dir() and not again:
                say(f"{cell}: the result in {folder} was altered ({damage(folder)}); it is computed again")
            result = _compute(cell)
            if shared := workspace.shared:
                shared.publish("results", folder, replace=again)
            turn.unlink(missing_ok=True)  # a waiting process finds the result
            return result, True
    except Timeout:
        raise TakenElsewhere(str(cell)) from None


def read_intact(folder: Path) -> Result | None:
    """The finished cell in a folder; None where there is none, or its bytes were altered since."""
    return read_result(folder) if folder.is_dir() and damage(folder) is None else None


def _fetched(folder: Path, shared: SharedArtifacts | None) -> Result | None:
    """The cell as another machine has finished it."""
    came = shared is not None and not folder.is_dir() and shared.fetch("results", folder)
    return read_intact(folder) if came else None


@dataclass(frozen=True)
class CellPredictions:
    """Predictions of a method for the scored examples, and their inputs."""

    output: ModeOutput
    method: Method
    data: TaskData
    partition: Partition
    train: np.ndarray

    def table(self) -> pd.DataFrame:
        """The predictions as they are stored."""
        return predictions_table(self.data, self.partition, self.output)


def predict_cell(
    cell: ResolvedCell, fresh: bool = False, report: Callable[[int, float], None] | None = None
) -> CellPredictions:
    """Train as the mode says and score validation and test; nothing is written but shared checkpoints and features.

    Args:
        fresh: compute the features again, too.
        report: given by a search, which receives each epoch's validation value; the validation split then replaces the
            test split, which is not read.
    """
    data, partition = cell.data, cell.partition
    targets = data.examples.targets
    blanked = large_array(targets.shape, targets.dtype)
    blanked[:] = targets
    blanked[partition.test] = 0  # the test split is read once, by the scoring, after everything was chosen
    if report is not None:
        partition = replace(partition, test=partition.validation)
    # Every seed sees the labelled subset of its draw: seeds alone measure the training, replicates the draw too.
    drawn, rule = cell.cell.draw, cell.cell.fraction_rule
    train = labelled_subset(partition.train, cell.cell.fraction, drawn, targets, rule)
    output, instance = _predict(cell, blanked, train, partition, fresh, report or unreported)
    return CellPredictions(output, instance, data, partition, train)


def _compute(resolved: ResolvedCell) -> Result:
    cell, session, spec = resolved.cell, resolved.session, resolved.spec
    started = provenance.now_after(session.source.workspace.clock)
    clock = time.perf_counter()
    if spec is not None:
        session.checkpoint(spec)
    pretrained = time.perf_counter()

    with measured_energy() as energy:
        predictions = predict_cell(resolved)
    data, partition, train = predictions.data, predictions.partition, predictions.train
    output, instance = predictions.output, predictions.method
    answered = time.perf_counter()

    targets = data.examples.targets
    validation = (targets[partition.validation], output.validation) if len(output.validation) else None
    if resolved.mode.looks_at_test:  # also for its thresholds
        validation = (targets[partition.test], output.test)
    seen = SeenClasses()
    if spec is not None and resolved.mode.names_classes:
        names = data.task.classes
        seen = seen_classes(instance, session.checkpoint(spec), list(names), list(names.values()))
    stamp = contamination_of(resolved)
    scored = score(
        data.task.kind,
        targets[partition.test],
        output.test,
        class_names(data),
        data.examples.patient_ids[partition.test],
        validation=validation,
        bootstrap=BOOTSTRAP,
        metrics=scored_metrics(data.task.kind, resolved.mode.looks_at_test),
        groups={**data.task.groups, **seen.groups},
    )
    ledger.record(session.source.workspace, cell, data.split_digest(cell.fold), session.source.kind, resolved.key)
    absent = _absent_classes(data, train) if resolved.mode.uses_labels else []
    result = Result(
        key=resolved.key,
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
            "name": data.split_name,
            "digest": data.split_digest(cell.fold),
            "complete": data.complete,
            "fold": cell.fold,
            "classes_absent_from_training": absent,
        }
        | ({} if data.examples.cohort is None else {"cohort": data.examples.cohort.to_dict()}),
        dataset=data.dataset_facts(),
        checkpoint=resolved.checkpoint_facts(),
        config={
            "method": resolved.config.model_dump(mode="json"),
            cell.mode: resolved.mode_config.model_dump(mode="json"),
        },
        selection=output.selection,
        contamination=stamp.contamination,
        contamination_evidence=stamp.evidence() | ({"text_ceiling": text} if (text := ceiling_of(resolved)) else {}),
        seen=seen.to_dict(),
        inputs=resolved.inputs,
        provenance={
            "versions": provenance.versions(),
            "git_commit": provenance.git_commit(),
            "machine": provenance.machine(),
            "protocol": resolved.mode.released_protocol,
            "overrides": [override.text for override in session.overrides],
            **_cohort(session.source),
            **({"board": session.board} if session.board else {}),
            **({"sweep": dict(session.sweep)} if session.sweep else {}),
            "task_version": data.task.version,
            "input": instance.input.to_dict(),
            **_method_file(cell.method),
            "absent_leads": "not processed" if instance.input.partial_leads else "zeros",
            **_median_beats(resolved, instance),
            **(_ceiling(data, partition) if session.source.kind == "simulated" else {}),
            "parameters": sum(p.numel() for p in instance.parameters()),
            **cost_of(instance),
            "prompts": list(data.task.classes.values()) if resolved.mode.names_classes else None,
            "started": started,
            "seconds": {
                "pretrain": round(pretrained - clock, 2),
                "answer": round(answered - pretrained, 2),
                "score": round(time.perf_counter() - answered, 2),
            },
            **energy,
        },
    )
    curve = output.curve if isinstance(output, CurveOutput) else ()
    return write_result(session.source.workspace.results, result, predictions.table(), output.history, curve)


def scored_metrics(kind: str, looks_at_test: bool) -> list[str]:
    """The metrics of a kind; without those of probabilities where a released protocol looks at the test set, on which nothing
    is calibrated."""
    metrics = list(kinds.load(kind).metrics)
    return uncalibrated(metrics) if looks_at_test else metrics


def _cohort(source: DataSource) -> dict[str, Any]:
    """The size that was asked for of the simulated cohorts; without it each has its dataset's."""
    records = source.simulated_records if source.kind == "simulated" else None
    return {"simulated_records": records} if records else {}


def _method_file(method: str) -> dict[str, Any]:
    """File and class of a method that no package registers."""
    entry = registry.entries(registry.METHODS).get(method)
    in_file = entry is not None and entry.distribution == registry.FILE
    return {"method_file": f"{entry.path.name}:{entry.qualname}"} if entry is not None and in_file else {}


def _median_beats(resolved: ResolvedCell, instance: Method) -> dict[str, Any]:
    """Who computed the median beats that the method was given, and of how many recordings."""
    spec, used = instance.input, Counter[str]()
    if not spec.median_beat:
        return {}
    for part, rows in resolved.parts or [(resolved, np.arange(len(resolved.data.rows)))]:
        data = part.data
        whole_recordings = data.examples.start is None and data.examples.seconds is None
        used.update(data.store.beats_used(data.rows[rows], part.cell.leads, spec.filters, whole_recordings))
    return {"median_beats": dict(used)}


def _ceiling(data: TaskData, partition: Partition) -> dict[str, Any]:
    """The task's metric for what the simulator itself knows of the test records; nothing for real data."""
    truth, metric = data.examples.truth, data.task.metric
    if truth is None:
        return {}
    replicates = score_replicates(
        data.task.kind,
        data.examples.targets[partition.test],
        truth[partition.test],
        class_names(data),
        data.examples.patient_ids[partition.test],
        bootstrap=0,
        metrics=[metric],
    )
    value = replicates[metric].value
    return {"ceiling": {metric: round(value, 6)}} if np.isfinite(value) else {}


def _predict(
    resolved: ResolvedCell,
    blanked: np.ndarray,
    train: np.ndarray,
    partition: Partition,
    fresh: bool,
    report: Callable[[int, float], None],
) -> tuple[ModeOutput, Method]:
    instance, task = resolved.starting_method(), resolved.data.task
    if resolved.method.implements("combine"):
        return _combine(resolved, instance), instance
    with track(str(resolved)) as progress:
        output = resolved.mode.run(
            ModeInput(
                method=instance,
                task=task,
                mode=resolved.cell.mode,
                config=resolved.mode_config,
                source=resolved.batches(blanked),
                targets=blanked,
                train=train,
                validation=partition.validation,
                test=partition.test,
                features=lambda: features(resolved, lambda: instance, fresh),
                seed=resolved.seed,
                progress=progress,
                prompts=task.class_names,
                test_targets=resolved.data.examples.targets[partition.test] if resolved.mode.looks_at_test else None,
                report=report,
            )
        )
    if not isinstance(output, ModeOutput):
        raise BenchError(f"mode {resolved.mode.name}: run returned {type(output).__name__}; expected a ModeOutput.")
    prompts = task.class_names if resolved.mode.names_classes else None
    check_batches(instance, partition.test, resolved.batches(blanked), prompts)
    return output, instance


def _combine(cell: ResolvedCell, instance: Method) -> ModeOutput:
    """Scores from the finished results of the members, record by record; nothing is trained."""
    scores: dict[str, list[np.ndarray]] = {"validation": [], "test": []}
    for member in cell.members:
        if not member.folder.is_dir():
            raise BenchError(f"{cell.cell.method} needs the result of {member}, which failed. See: bench runs --failed")
        table = read_result(member.folder).predictions()
        for part, values in scores.items():
            rows = table[table.partition == part]
            values.append((rows["score"] if "score" in rows else rows.filter(regex="^score_")).to_numpy())
    test = instance.combine(scores["test"])
    check_scores(instance, "combine", test, lambda few: instance.combine([member[few] for member in scores["test"]]))
    return ModeOutput(instance.combine(scores["validation"]), test)


def class_names(data: TaskData) -> list[str]:
    """What the columns of the scores are called: the task's classes, or people as their targets number them."""
    return kinds.load(data.task.kind).class_names(list(data.task.classes), data.examples.targets)


def _absent_classes(data: TaskData, train: np.ndarray) -> list[str]:
    return kinds.load(data.task.kind).absent_classes(list(data.task.classes), data.examples.targets[train])


def predictions_table(data: TaskData, partition: Any, output: ModeOutput) -> Any:
    """One row for each scored example: ids, partition, targets, scores (named by class, or numbered)."""
    import pandas as pd

    parts = []
    for name, rows, scores in (
        ("validation", partition.validation[: len(output.validation)], output.validation),
        ("test", partition.test, output.test),
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
    names = kinds.load(task.kind).target_columns(task.classes)
    if len(names) != values.shape[1]:
        names = [str(i) for i in range(values.shape[1])]
    for i, name in enumerate(names):
        yield f"{prefix}_{name}", values[:, i]
