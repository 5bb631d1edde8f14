"""Frozen representations: computed once for all recordings of a store, and shared by every cell that reads them."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from bench.data.batches import BatchSource
from bench.errors import BenchError
from bench.method import Method
from bench.progress import track
from bench.runner.resolved_cell import ResolvedCell
from bench.storage.artifacts import digest, once
from bench.storage.code_digest import method_digest, source_digest
from bench.storage.large_array import large_array
from bench.training.devices import encoding_batch
from bench.training.loop import make_fabric


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
    if (representation := resolved.mode.representation) is not None:
        within = ("bench.modes", "bench.training", representation.__module__)
        inputs["representation"] = source_digest(representation.__module__, representation.__name__, within=within)
    if spec is not None and config.input_fields:  # the key of the checkpoint does not cover them
        inputs["fed"] = config.model_dump(mode="json", include=set(config.input_fields))
    folder = resolved.session.source.workspace.features / f"{name}-{digest(inputs)[:16]}"
    return folder, inputs, windows is None


def features(resolved: ResolvedCell, method: Callable[[], Method], fresh: bool = False) -> np.ndarray:
    """The frozen representation of every example, float32 [example, dim]: computed once for all recordings of the
    store, and shared by every fraction, seed and task on them. Windows of a recording have separate features.

    Args:
        fresh: compute them, whether they are there or not, and keep nothing.
    """
    if resolved.parts:
        sides = [features(part, method, fresh)[rows] for part, rows in resolved.parts]
        return np.concatenate(sides, out=large_array((sum(map(len, sides)), sides[0].shape[1])))
    final, inputs, whole = features_folder(resolved)
    data, session = resolved.data, resolved.session
    rows = np.arange(len(data.store.records)) if whole else data.rows
    window = (None, None) if whole else (data.examples.start, data.examples.seconds)

    def batches() -> Iterator[np.ndarray]:
        source = resolved.batches_of(rows, *window)
        return encoded_batches(method(), source, len(rows), representation=resolved.mode.representation)

    if fresh:
        encoded = joined(batches(), len(rows))
    else:
        shared = session.source.workspace.shared
        if shared and not final.is_dir():
            shared.fetch("features", final)
        folder = once(
            final, lambda folder: write_features(folder / "features.npy", batches(), len(rows)), "features", inputs
        )
        if shared:
            session.remembered(("sent", final), lambda: shared.publish("features", final))
        # Copy on write: torch takes the map as it is, and nothing changes the file.
        encoded = np.load(folder / "features.npy", mmap_mode="c", allow_pickle=False)
    if not whole or np.array_equal(data.rows, rows):
        return encoded
    return np.take(encoded, data.rows, axis=0, out=large_array((len(data.rows), encoded.shape[1])), mode="clip")


def encode_all(method: Method, source: BatchSource, n: int, batch_size: int | None = None) -> np.ndarray:
    """``encode`` over rows 0..n-1 in evaluation mode, float32 [row, dim]."""
    return joined(encoded_batches(method, source, n, batch_size), n)


def encoded_batches(
    method: Method,
    source: BatchSource,
    n: int,
    batch_size: int | None = None,
    representation: Callable[[Any, Any], Callable[[Any], torch.Tensor]] | None = None,
) -> Iterator[np.ndarray]:
    """``encode`` over rows 0..n-1 in evaluation mode: float32 [row of the batch, dim], batch by batch.

    Args:
        batch_size: default: what suits the device.
        representation: what is read instead of ``encode`` (:attr:`bench.modes.mode.Mode.representation`).

    Raises:
        BenchError: there are no rows, or ``encode`` gave anything but one finite vector per row, all of one length.
    """
    if n < 1:
        raise BenchError(f"{method.name}: there are no recordings to encode.")
    fabric = make_fabric()
    model = fabric.setup_module(method)
    model.mark_forward_method("encode")
    model.eval()
    size = batch_size or encoding_batch(fabric.device)
    done, dim = 0, None
    read = model.encode if representation is None else None
    with track(f"encoding with {method.name}") as progress:
        for batch in source.in_order(np.arange(n), size):
            batch = batch.to(fabric.device)
            if read is None:
                assert representation is not None
                read = representation(method, batch)
            with torch.no_grad():
                vectors = read(batch)
            encoded = _checked(vectors, method.name, len(batch), dim)
            dim = encoded.shape[1]
            if not np.isfinite(encoded).all():
                row = done + int(np.argmin(np.isfinite(encoded).all(axis=1)))
                raise BenchError(f"{method.name}.encode gave a value that is not finite for recording {row}.")
            yield encoded
            done += len(batch)
            progress(done, n)


def _checked(vectors: Any, name: str, n: int, dim: int | None) -> np.ndarray:
    """The vectors of a batch as an array.

    Args:
        n: recordings of the batch.
        dim: length of the vectors of earlier batches.

    Raises:
        BenchError: not one vector per recording, or of another length.
    """
    shape = list(vectors.shape) if isinstance(vectors, torch.Tensor) else type(vectors).__name__
    if not isinstance(shape, list) or len(shape) != 2 or shape[0] != n or (dim is not None and shape[1] != dim):
        raise BenchError(
            f"{name}.encode gave {shape} for a batch of {n}; expected a tensor of shape [{n}, {dim or 'dim'}]: one vector "
            f"per recording."
        )
    return vectors.float().cpu().numpy()


def joined(batches: Iterator[np.ndarray], n: int) -> np.ndarray:
    """Batches as one array [n, dim]."""
    first = next(batches)
    whole = large_array((n, first.shape[1]))
    done = 0
    for batch in itertools.chain([first], batches):
        whole[done : done + len(batch)] = batch
        done += len(batch)
    return whole


def write_features(path: Path, batches: Iterator[np.ndarray], n: int) -> None:
    """Batches as a ``.npy`` file [n, dim], which is never held in memory."""
    first = next(batches)
    with open(path, "wb") as file:
        header = {
            "descr": np.lib.format.dtype_to_descr(first.dtype),
            "fortran_order": False,
            "shape": (n, first.shape[1]),
        }
        np.lib.format.write_array_header_1_0(file, header)
        for batch in itertools.chain([first], batches):
            file.write(np.ascontiguousarray(batch).data)
