"""Frozen representations: computed once for all recordings of a store, and shared by every cell that reads them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from bench.errors import BenchError
from bench.method import Method
from bench.progress import track
from bench.runner.resolved_cell import ResolvedCell
from bench.storage.artifacts import digest, once
from bench.storage.code_digest import method_digest
from bench.training.loop import make_fabric

BATCH = 128


def features_folder(resolved: ResolvedCell) -> tuple[Path, dict[str, Any], bool]:
    """Where the features of a cell lie, what determines them, and whether they are of all recordings of the store."""
    data, spec, config = resolved.data, resolved.spec, resolved.config
    name, examples = resolved.method.name, data.examples
    windows = None if examples.start is None else [examples.start.tolist(), examples.seconds, data.rows.tolist()]
    if windows is None and "image" in resolved.input.downstream:
        # Recordings of the store that no example needs may have no image.
        windows = [None, None, data.rows.tolist()]
    drawn = resolved.cell.seed if resolved.draws_weights else None
    weights = spec.key if spec else [method_digest(resolved.method, config), config, drawn]
    inputs = {
        "method": name,
        "checkpoint": spec.key if spec else None,
        "weights": digest(weights),
        "dataset": resolved.dataset,
        "store": data.store.digest,
        "input": resolved.input.to_dict(),
        "transforms": resolved.transforms,
        "leads": list(resolved.cell.leads),
        "windows": digest(windows),
    }
    folder = resolved.session.source.workspace.features / f"{name}-{digest(inputs)[:16]}"
    return folder, inputs, windows is None


def features(resolved: ResolvedCell, method: Callable[[], Method], fresh: bool = False) -> np.ndarray:
    """The frozen representation of every example, float32 [example, dim]: computed once for all recordings of the
    store, and shared by every fraction, seed and task on them. Windows of a recording have separate features.

    Args:
        fresh: compute them, whether they are there or not, and keep nothing.
    """
    final, inputs, whole = features_folder(resolved)
    data, session = resolved.data, resolved.session
    rows = np.arange(len(data.store.records)) if whole else data.rows
    window = (None, None) if whole else (data.examples.start, data.examples.seconds)

    def compute() -> np.ndarray:
        return encode_all(method(), resolved.batches_of(rows, *window), len(rows))

    if fresh:
        encoded = compute()
    else:
        shared = session.source.workspace.shared
        if shared and not final.is_dir():
            shared.fetch("features", final)
        folder = once(final, lambda folder: np.save(folder / "features.npy", compute()), "features", inputs)
        if shared:
            session.remembered(("sent", final), lambda: shared.publish("features", final))
        encoded = np.load(folder / "features.npy", allow_pickle=False)
    return encoded[data.rows] if whole else encoded


def encode_all(method: Method, source: BatchSource, n: int, batch_size: int = BATCH) -> np.ndarray:
    """``encode`` over rows 0..n-1 in evaluation mode, float32 [row, dim]."""
    fabric = make_fabric()
    model = fabric.setup_module(method)
    model.mark_forward_method("encode")
    model.eval()
    parts: list[np.ndarray] = []
    done = 0
    with torch.no_grad(), track(f"encoding with {method.name}") as progress:
        for batch in source.in_order(np.arange(n), batch_size):
            encoded = model.encode(batch.to(fabric.device)).float().cpu().numpy()
            if not np.isfinite(encoded).all():
                row = done + int(np.argmin(np.isfinite(encoded).all(axis=1)))
                raise BenchError(f"{method.name}.encode gave a value that is not finite for recording {row}.")
            parts.append(encoded)
            done += len(batch)
            progress(done, n)
    return np.concatenate(parts)
