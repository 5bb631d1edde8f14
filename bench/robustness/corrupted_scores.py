"""Score a cell's test recordings under corruptions, and keep the scores.

``WORKSPACE/corrupted/KEY-CORRUPTION-DIGEST/scores.npy`` holds float32 [level, record, ...]: the scores of the test records,
in the order of the result's predictions. KEY is the result's. Nothing else is written: corrupted recordings live in memory.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from bench.cells.result import Result
from bench.corruptions import Condition, Corruption, corrupted, corruptions
from bench.corruptions.noise import RecordedNoise
from bench.data.batches import BatchSource
from bench.errors import ConfigError
from bench.leaderboard.corrupted import CLEAN, CorruptedScores
from bench.leaderboard.statistics.paired_scores import PairedScores
from bench.progress import track
from bench.runner.resolved_cell import ResolvedCell
from bench.runner.run_cell import CellPredictions, predict_cell
from bench.signals.in_memory import ArrayStore
from bench.signals.windows import SignalView
from bench.storage.artifacts import digest, file_digest, once
from bench.storage.code_digest import module_digest
from bench.training.devices import encoding_batch
from bench.training.linear_head import LinearHead
from bench.training.loop import make_fabric
from bench.training.objective import objective_for

CHUNK = 64
"""Recordings that are corrupted at once, at all levels."""

TOLERANCE = 0.02
"""Of the range of a result's scores: by how much scores of clean recordings may differ from those of the result. A cache of
resampled recordings rounds to integers, recordings in memory are not rounded."""

CODE = (
    "bench.corruptions",
    "bench.corruptions.electrodes",
    "bench.corruptions.noise",
    "bench.corruptions.recorder",
    "bench.signals.resample",
)
"""Modules that determine corrupted recordings."""

Scorer = Callable[[BatchSource, int], np.ndarray]
"""Scores of the first n rows of a source, float64 [row, ...]."""


def score_corrupted(
    resolved: ResolvedCell, result: Result, conditions: Sequence[Condition], noise: Path | None = None
) -> CorruptedScores:
    """Score a finished cell under some conditions; what was computed before is read.

    The head is trained again from the cell's features, as heads are not kept, unless everything asked for is there.

    Args:
        noise: folder of the MIT-BIH Noise Stress Test Database.

    Raises:
        ConfigError: the mode or the task cannot be scored on recordings that are made in memory.
    """
    refuse(resolved)
    known = corruptions(None if noise is None else RecordedNoise(noise))
    wanted: dict[str, list[int]] = {}
    for condition in conditions:
        wanted.setdefault(condition.corruption or CLEAN, []).append(condition.level)
    trained = functools.cache(lambda: _trained(resolved))
    scores: dict[Condition, np.ndarray] = {}
    for name, levels in {CLEAN: [0], **wanted}.items():
        final, inputs = _folder(resolved, known.get(name), levels, noise)

        def make(folder: Path, name: str = name, levels: list[int] = levels) -> None:
            predictions, scorer = trained()
            values = _scores(resolved, predictions, scorer, known.get(name), levels)
            np.save(folder / "scores.npy", values.astype(np.float32))

        folder = once(final, make, "corrupted", inputs)
        values = np.load(folder / "scores.npy", allow_pickle=False)
        scores |= {
            Condition(None if name == CLEAN else name, level): part for level, part in zip(levels, values, strict=True)
        }
        if name == CLEAN:
            _same_as_before(resolved, result, values[0])
    return CorruptedScores(result, scores, "model" if noise is None else "nstdb")


def _same_as_before(resolved: ResolvedCell, result: Result, clean: np.ndarray) -> None:
    """Raise ConfigError where clean recordings are not scored as the cell scored them, as with windows of fine-tuning."""
    before = PairedScores.of(result).scores
    apart = float(np.abs(clean - before).max())
    if apart > TOLERANCE * float(np.ptp(before)):
        raise ConfigError(
            f"--corrupt cannot score {resolved}: without a corruption its scores differ by {apart:.3g} from those of the "
            f"result, since the mode scores recordings in another way than whole. Use linear or zeroshot."
        )


def refuse(resolved: ResolvedCell) -> None:
    """Raise ConfigError where a cell cannot be scored on corrupted recordings."""
    mode, examples = resolved.mode, resolved.data.examples
    why = None
    if resolved.method.implements("combine"):
        why = f"{resolved.cell.method} combines the scores of others"
    elif not mode.gives_head and not mode.names_classes:
        why = f"{mode.name} keeps no head that could score other recordings; use linear, finetune, scratch or zeroshot"
    elif resolved.input.downstream:
        why = f"{resolved.cell.method} also reads {', '.join(resolved.input.downstream)}"
    elif examples.start is not None or examples.seconds is not None:
        why = f"{resolved.cell.task} scores windows of recordings"
    elif resolved.input.median_beat:
        why = f"{resolved.cell.method} reads the recorder's median beats, which cannot be corrupted"
    if why:
        raise ConfigError(f"--corrupt cannot score {resolved}: {why}.")


def _folder(
    resolved: ResolvedCell, corruption: Corruption | None, levels: Sequence[int], noise: Path | None
) -> tuple[Path, dict[str, Any]]:
    name = corruption.name if corruption else CLEAN
    recorded = corruption is not None and name in RecordedNoise.FILES
    inputs = {
        "result": resolved.key,
        "corruption": name,
        "levels": list(levels),
        "settings": [corruption.at(level) for level in levels] if corruption else [],
        "noise": "none" if not recorded else "model" if noise is None else "nstdb",
        "files": [
            file_digest(path) for path in sorted(noise.glob(f"{RecordedNoise.FILES[name]}.*")) if path.is_file()
        ] if recorded and noise is not None else [],
        "code": [module_digest(module) for module in CODE] if corruption else [],
    }  # fmt: skip
    corrupted_folder = resolved.session.source.workspace.corrupted
    return corrupted_folder / f"{resolved.key}-{name}-{digest(inputs)[:8]}", inputs


def _trained(resolved: ResolvedCell) -> tuple[CellPredictions, Scorer]:
    """The cell's predictions, computed again, and what scores other recordings as they were scored."""
    predictions = predict_cell(resolved)
    method, data = predictions.method, predictions.data
    fabric = make_fabric()
    model = fabric.setup_module(method)
    for name in ("encode", "zero_shot"):
        if resolved.method.implements(name):
            model.mark_forward_method(name)
    model.eval()
    size = encoding_batch(fabric.device)
    head = predictions.output.head
    if head is None and not resolved.mode.names_classes:
        raise ConfigError(
            f"--corrupt cannot score {resolved}: {resolved.cell.method} trains without a head of the harness."
        )
    targets = data.examples.targets
    n_outputs = targets.shape[1] if targets.ndim > 1 else len(data.task.classes) or int(targets.max()) + 1
    objective = objective_for(data.task.kind, n_outputs, training_targets=targets[predictions.train])
    if isinstance(head, torch.nn.Module):
        head.to(fabric.device).eval()

    def of_batch(batch: Any) -> np.ndarray:
        if head is None:
            return model.zero_shot(batch, list(data.task.class_names)).double().cpu().numpy()
        encoded = model.encode(batch).float()
        outputs = head.outputs(encoded.cpu()) if isinstance(head, LinearHead) else head(encoded).float().cpu()
        return objective.scores(outputs)

    def score(source: BatchSource, n: int) -> np.ndarray:
        with torch.no_grad():
            return np.concatenate([of_batch(batch.to(fabric.device)) for batch in source.in_order(np.arange(n), size)])

    return predictions, score


def _scores(
    resolved: ResolvedCell,
    predictions: CellPredictions,
    scorer: Scorer,
    corruption: Corruption | None,
    levels: Sequence[int],
) -> np.ndarray:
    """[level, record, ...]: a chunk of recordings at all levels is one store in memory."""
    data, test = predictions.data, predictions.partition.test
    title = f"{resolved} under {corruption.name if corruption else 'no corruption'}"
    parts: list[np.ndarray] = []
    with track(title) as progress:
        for chunk in _chunks(test):
            store = data.tested_store
            signals = _read(store, data.rows[chunk])
            if corruption is not None:
                ids = data.examples.record_ids[chunk]
                by_record = [
                    corrupted(signal, store.fs, str(record), corruption, levels)
                    for signal, record in zip(signals, ids, strict=True)
                ]
                signals = [changed[i] for i in range(len(levels)) for changed in by_record]
            view = SignalView(ArrayStore(signals, store.fs), resolved.input, leads=resolved.cell.leads)
            values = scorer(BatchSource(view), len(signals))
            parts.append(values.reshape(len(levels), len(chunk), *values.shape[1:]))
            progress(sum(part.shape[1] for part in parts), len(test))
    return np.concatenate(parts, axis=1)


def _chunks(rows: np.ndarray) -> Iterator[np.ndarray]:
    return (rows[i : i + CHUNK] for i in range(0, len(rows), CHUNK))


def _read(store: Any, rows: np.ndarray) -> list[np.ndarray]:
    """Recordings in mV, each at its length."""
    return [signal[:, :length] for signal, length in zip(store.read(rows), store.lengths[rows], strict=True)]
