"""Stored signals of the authors of released models, and batches of single recordings. Import
this module with its folder on ``sys.path``."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from bench import registry
from bench.batch import ECGBatch
from bench.data.batches import BatchSource
from bench.signals.in_memory import ArrayStore
from bench.signals.windows import SignalView

GOLDEN = Path(__file__).parent


def authors_signals() -> dict[str, np.ndarray]:
    """The authors' own preparation of the recipe's recordings, every so many samples along time."""
    with np.load(GOLDEN / "foundation_models" / "fm_preprocessing.npz") as arrays:
        return dict(arrays)


def batch_of(name: str, recording: np.ndarray, fs: float, seconds: float | None = None, **settings) -> ECGBatch:
    """What the method is given for one recording, or would be given if it read another length."""
    cls = registry.load(registry.METHODS, name)
    spec = cls.input_for(cls.Config(**settings))
    spec = spec if seconds is None else replace(spec, seconds=seconds)
    (batch,) = BatchSource(SignalView(ArrayStore([recording], fs), spec)).in_order(np.arange(1), 1)
    return batch


def swapped(recording: np.ndarray) -> np.ndarray:
    """aVL and aVF exchanged: from the order of this project to MIMIC-IV-ECG's, and back."""
    return recording[[0, 1, 2, 3, 5, 4, *range(6, 12)]]
