"""From a method and a task to a folder of plots: train the cell, compute attributions, draw."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from bench import kinds
from bench.errors import ConfigError, DataError
from bench.explain import clinical_plots, ecg_paper, groups, outcomes
from bench.explain.figure import save
from bench.method.attributions import Attributions, attributions
from bench.progress import say
from bench.runner.run_cell import CellPredictions, class_names, predict_cell
from bench.scoring.clinical_curves import Calibrated, calibrated
from bench.signals.windows import SignalView

if TYPE_CHECKING:
    from bench.cells.cell import Cell
    from bench.runner.resolved_cell import ResolvedCell
    from bench.runner.session import Session

GROUP_SIZE = 200
"""Records of the low- and of the high-score group that are averaged, at most."""
BATCH = 32
SHORT = 5.0
"""Seconds up to which what a method saw is drawn whole in every lead; longer windows stand in columns of 2.5 s."""


@dataclass(frozen=True)
class Explained:
    """What was drawn.

    Attributes:
        record: the id of the record.
        score: the method's score of the record.
        files: every picture, PNG and SVG.
    """

    record: str
    score: float
    files: list[Path]


def explain(
    cell: Cell, session: Session, folder: Path, record: str | None = None, target: str | None = None
) -> Explained:
    """Draw what a cell's method sees in one test record, in groups of them, and what its scores mean.

    The method is trained again as the cell trains it, from the same seeds: weights of finished cells are not kept.

    Args:
        record: a record of the test partition; the one with the highest score if None.
        target: which class or regression target is explained; the first if None.

    Raises:
        DataError: the record is not in the test partition. ConfigError: no such target.
    """
    resolved = session.resolve(cell)
    predictions = predict_cell(resolved)
    task, test = predictions.data.task, predictions.partition.test
    column = _column(predictions, target)
    scores = predictions.output.test if predictions.output.test.ndim == 1 else predictions.output.test[:, column]
    ids = predictions.data.examples.record_ids[test]
    position = _place(ids, scores, record, cell)
    about = f"{cell.method} on {cell.task}" + (", simulated data" if session.source.kind == "simulated" else "")
    files: list[Path] = []

    def keep(figure: Any, name: str) -> None:
        files.extend(save(figure, folder, name))
        say(f"drawn: {files[-2]}")

    truth = predictions.data.examples.targets[test]
    kind = kinds.load(task.kind)
    if kind.follow_up:
        keep(outcomes.draw_kaplan_meier(truth[:, 0], truth[:, 1], scores, f"{about}: test records"), "survival")
    if kind.measured_values:
        names = list(task.classes) or [str(i) for i in range(truth.shape[1])]
        for group, members in (task.groups or {"targets": names}).items():
            chosen = [names.index(name) for name in members]
            title = f"{about}: {group}, test records"
            figure = outcomes.draw_predicted_measured(
                truth[:, chosen], predictions.output.test[:, chosen], members, title
            )
            keep(figure, f"predicted-{_file_name(group)}")
    if (classes := _calibrated(predictions)) is not None:
        keep(clinical_plots.draw_reliability(classes, f"{about}: calibration, test records"), "reliability")
        keep(clinical_plots.draw_decision_curves(classes, f"{about}: net benefit, test records"), "decision-curves")
    title = f"record {ids[position]}, score {scores[position]:.3g} ({about})"
    if predictions.output.head is None:
        keep(_recording(predictions, test[position], title), "recording")
        return Explained(str(ids[position]), float(scores[position]), files)
    for name, figure in _seen(predictions, resolved, test, scores, position, column, title, about):
        keep(figure, name)
    return Explained(str(ids[position]), float(scores[position]), files)


def _calibrated(predictions: CellPredictions) -> Calibrated | None:
    """Test records with probabilities, which validation records make of scores."""
    output, targets = predictions.output, predictions.data.examples.targets
    names = class_names(predictions.data)
    partition, task = predictions.partition, predictions.data.task
    seen = (targets[partition.validation][: len(output.validation)], output.validation)
    return calibrated(task.kind, targets[partition.test], output.test, names, seen)


def _column(predictions: CellPredictions, target: str | None) -> int:
    names = list(predictions.data.task.classes)
    if target is None:
        return 0
    if target not in names or predictions.output.test.ndim == 1:
        raise ConfigError(
            f"--target {target}: {predictions.data.task.name} asks for {', '.join(names) or 'one value'}."
        )
    return names.index(target)


def _place(ids: np.ndarray, scores: np.ndarray, record: str | None, cell: Cell) -> int:
    if record is None:
        return int(np.argmax(scores))
    places = np.flatnonzero(ids == record)
    if not len(places):
        some = ", ".join(map(str, ids[:3]))
        raise DataError(
            f"--record {record}: not among the {len(ids):,} test records of {cell.task}, fold {cell.fold} ({some}, ...). "
            f"Name one of those: the method was trained or chosen on the others."
        )
    return int(places[0])


def _seen(
    predictions: CellPredictions,
    cell: ResolvedCell,
    test: np.ndarray,
    scores: np.ndarray,
    position: int,
    column: int,
    title: str,
    about: str,
) -> list[tuple[str, Any]]:
    """The pictures of what the method looked at: this record, and the groups with low and high scores."""
    method = predictions.method
    method.eval()
    device = next((p.device for p in method.parameters()), torch.device("cpu"))  # statistics have no weights
    source = _with_images(cell.batches(predictions.data.examples.targets), cell.session, method, predictions)
    head = as_function(predictions.output.head, device)

    def score(encoded: torch.Tensor) -> torch.Tensor:
        answers = head(encoded)
        return answers[..., min(column, answers.shape[-1] - 1)]

    def ask(rows: np.ndarray) -> tuple[np.ndarray, Attributions]:
        parts, signals = [], []
        for batch in source.in_order(rows, BATCH):
            parts.append(attributions(method, batch.to(device), score))
            signals.append(batch.ecg.numpy())
        return np.concatenate(signals), _joined(parts)

    _, seen = ask(test[[position]])
    size = min(GROUP_SIZE, max(1, len(test) // 10))
    order = np.argsort(scores, kind="stable")
    low, low_seen = ask(test[order[:size]])
    high, high_seen = ask(test[order[-size:]])
    fs = method.input.fs
    beat = method.input.median_beat
    shown = None if seen.activation is None else seen.activation[0].cpu().numpy()
    pictures: list[tuple[str, Any]] = []
    if beat:
        millivolts = _in_millivolts(predictions, cell.session, test[position])
        pictures.append(("beat", ecg_paper.draw_beats(millivolts, fs, f"Median beat of {title}", shown)))
        pictures.append(("recording", _recording(predictions, test[position], title[:1].upper() + title[1:])))
    else:
        pictures.append(
            ("recording", _recording(predictions, test[position], title[:1].upper() + title[1:], shown, fs))
        )
    if seen.lead_attention is not None:
        means = [part.lead_attention.mean(0).cpu().numpy() for part in (low_seen, high_seen)]  # type: ignore[union-attr]
        matrices = [
            ("this record", seen.lead_attention[0].cpu().numpy()),
            (f"low scores (n = {size})", means[0]),
            (f"high scores (n = {size})", means[1]),
            ("difference, high minus low", means[1] - means[0]),
        ]
        pictures.append(("lead-attention", groups.draw_lead_attention(matrices, f"Lead attention: {about}")))
    if beat and len(low):
        both = None
        if low_seen.activation is not None and high_seen.activation is not None:
            both = (low_seen.activation.mean(0).cpu().numpy(), high_seen.activation.mean(0).cpu().numpy())
        unit = "SD of the lead" if method.input.normalise != "none" else "mV"
        figure = groups.draw_groups(low, high, fs, unit, f"Beats with the lowest and highest scores: {about}", both)
        pictures.append(("groups", figure))
    if seen.similarity is not None and seen.image is not None:
        grid, image = seen.similarity[0].cpu().numpy(), seen.image[0].cpu().numpy()
        pictures.append(("similarity", outcomes.draw_similarity(image, grid, f"Similarity of ECG and image: {title}")))
    return pictures


def as_function(head: Any, device: torch.device) -> Callable[[torch.Tensor], torch.Tensor]:
    """A trained head on torch's tensors: a module is one; that of ``linear`` holds arrays."""
    if isinstance(head, torch.nn.Module):
        return head.to(device).eval()
    weight, bias = (torch.from_numpy(values).to(device) for values in (head.weight, head.bias))
    return lambda encoded: torch.nn.functional.linear(encoded, weight, bias)


def _with_images(source: Any, session: Session, method: Any, predictions: CellPredictions) -> Any:
    """The images that pretraining saw, also where downstream reads the ECG alone; none where a record has none."""
    data = predictions.data
    if source.images is not None or "image" not in method.input.modalities or data.tested_store is not data.store:
        return source
    images = session.images(predictions.data.task.dataset, method.input.image_size).take(predictions.data.rows)
    return replace(source, images=images) if images.available.all() else source


def _joined(parts: list[Attributions]) -> Attributions:
    def join(pick: Callable[[Attributions], torch.Tensor | None]) -> torch.Tensor | None:
        values = [pick(part) for part in parts]
        return None if any(value is None for value in values) else torch.cat(values)  # type: ignore[arg-type]

    return Attributions(
        join(lambda p: p.activation),
        join(lambda p: p.lead_attention),
        join(lambda p: p.similarity),
        join(lambda p: p.image),
    )


def _recording(
    predictions: CellPredictions, row: int, title: str, activation: np.ndarray | None = None, fs: float = 0.0
) -> Any:
    """The recording as it is stored; the activation stretched to its rate."""
    store = predictions.data.tested_store
    signal = store.read(predictions.data.rows[[row]])[0]
    if activation is not None and fs != store.fs:
        at = np.arange(round(activation.shape[1] / fs * store.fs)) / store.fs * fs
        activation = np.stack([np.interp(at, np.arange(len(lead)), lead) for lead in activation])
    if activation is not None and activation.shape[1] <= SHORT * store.fs:
        return ecg_paper.draw_window(signal, store.fs, title, activation)
    return ecg_paper.draw_recording(signal, store.fs, title, activation)


def _in_millivolts(predictions: CellPredictions, session: Session, row: int) -> np.ndarray:
    """The median beat that the method saw, before it was scaled."""
    spec = replace(predictions.method.input, normalise="none")
    view = SignalView(
        predictions.data.tested_store, spec, rows=predictions.data.rows[[row]], cache=session.source.workspace.cache
    )
    return view.batch(np.zeros(1, np.int64))[0][0]


def _file_name(text: str) -> str:
    return "".join(c if c.isalnum() else "-" for c in text.lower()).strip("-")


def log_pictures(uri: str, key: str, files: list[Path], folder: Path) -> bool:
    """Add pictures to a finished cell's run in MLflow; False if the cell has none there yet."""
    from bench.tracking.connection import writer_at
    from bench.tracking.mirror import EXPERIMENT, runs_of

    with writer_at(uri, folder, EXPERIMENT) as (client, experiment):
        runs = runs_of(client, experiment, key)
        for path in files if runs else ():
            client.log_artifact(runs[0].info.run_id, str(path), "explain")
    return bool(runs)
