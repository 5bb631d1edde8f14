"""Compute the output of a registered model: features, or scores of classes from their names in words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from bench.data.batches import BatchSource
from bench.errors import ConfigError
from bench.frozen_encoder import FrozenEncoder
from bench.method import Method
from bench.signals.in_memory import ArrayStore, in_leads_order
from bench.signals.leads import LEADS
from bench.signals.windows import SignalView
from bench.task import ClassName
from bench.training.checkpoint import seeded_method
from bench.training.checkpoint_files import load_weights, read_config

_BATCH = 64


def as_rows(classes: Iterable[ClassName]) -> list[list[str]]:
    """[code, words, published name] of each class, for MLflow's files: these sort the keys of a mapping."""
    return [[name.code, str(name), name.original] for name in classes]


def from_rows(rows: Iterable[Sequence[str]]) -> list[ClassName]:
    """The classes that :func:`as_rows` wrote."""
    return [ClassName(words, code, original) for code, words, original in rows]


class Predictor:
    """Calls a method's checkpoint on recordings.

    Args:
        method: a registered name.
        checkpoint: its folder.
        fs: Hz of the recordings.
        classes: in words; scores of these are computed by ``zero_shot``, a column each, in this order. Without them:
            features.

    Raises:
        ConfigError: classes for a method that cannot score them from words.
    """

    def __init__(self, method: str, checkpoint: Path, fs: float, classes: Sequence[ClassName] = ()):
        self.fs, self.classes = fs, list(classes)
        self.encoder = FrozenEncoder(method, fs=fs, checkpoint=checkpoint)
        self._method: Method | None = None
        if classes:
            from bench import registry

            cls = registry.load(registry.METHODS, method)
            if not cls.implements("zero_shot"):
                raise ConfigError(
                    f"{method} cannot score classes from their names (it offers {', '.join(cls.modes())}). Leave out --task "
                    f"to register its features."
                )
            self._method = seeded_method(cls, read_config(cls, checkpoint), 0)
            load_weights(self._method, checkpoint)

    def __call__(self, signals: np.ndarray) -> np.ndarray:
        """Recordings in mV, [record, 12, time] -> float32 features [record, dimension], or float64 scores [record, class].

        Raises:
            DataError: recordings of another shape or unit.
        """
        if self._method is None:
            return self.encoder.transform(signals)
        import torch

        recordings, leads = in_leads_order(signals, LEADS)
        source = BatchSource(SignalView(ArrayStore(recordings, self.fs), self._method.input, leads=leads))
        self._method.eval()
        with torch.no_grad():
            batches = source.in_order(np.arange(len(recordings)), _BATCH)
            scores = [self._method.zero_shot(batch, self.classes) for batch in batches]
        return torch.cat(scores).double().cpu().numpy()
