"""Frozen representations: one vector per recording, or an error that names the method."""

import numpy as np
import pytest
import torch
from lightning_fabric import Fabric

from bench.data.batches import BatchSource
from bench.errors import BenchError
from bench.method import Method
from bench.runner.features import encode_all
from bench.signals.in_memory import ArrayStore
from bench.signals.input_spec import InputSpec
from bench.signals.windows import SignalView

SPEC = InputSpec(fs=100, seconds=1)


class Own(Method):
    """Returns what a test asks for."""

    name = "own"
    input = SPEC
    answer = staticmethod(lambda batch: batch.ecg.mean(-1))

    def encode(self, batch):
        return self.answer(batch)


def encoded(answer, n: int = 5, batch_size: int | None = 2) -> np.ndarray:
    method = Own(Own.Config())
    method.answer = answer
    signals = [np.random.default_rng(0).normal(size=(12, 100)).astype(np.float32)] * max(n, 1)
    return encode_all(method, BatchSource(SignalView(ArrayStore(signals, 100), SPEC)), n, batch_size)


def test_one_vector_per_recording():
    assert encoded(lambda batch: batch.ecg.mean(-1)).shape == (5, 12)


def test_the_memory_of_activations_is_bounded_on_a_cpu(monkeypatch):
    monkeypatch.setattr("bench.runner.features.make_fabric", lambda: Fabric(accelerator="cpu"))
    sizes = encoded(lambda batch: torch.full((len(batch), 1), len(batch)), n=70, batch_size=None)[:, 0]
    assert sizes.tolist() == [32] * 64 + [6] * 6


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (
            lambda batch: batch.ecg.mean(-1)[:1],
            r"own.encode gave \[1, 12\] for a batch of 2; .* \[2, dim\]: one vector",
        ),
        (lambda batch: batch.ecg.mean(-1).repeat(2, 1), r"gave \[4, 12\] for a batch of 2"),
        (lambda batch: batch.ecg, r"gave \[2, 12, 100\] for a batch of 2"),
        (lambda batch: batch.ecg.mean((-1, -2)), r"gave \[2\] for a batch of 2"),
        (lambda batch: (batch.ecg.mean(-1),), "gave tuple for a batch of 2"),
        (lambda batch: batch.ecg[..., 0][:, : 13 - 2 * len(batch)], r"gave \[1, 11\] for a batch of 1; .* \[1, 9\]"),
        (lambda batch: batch.ecg.mean(-1) / torch.zeros(1), "not finite for recording 0"),
    ],
)
def test_what_is_not_one_vector_per_recording_is_refused(answer, words):
    with pytest.raises(BenchError, match=words):
        encoded(answer)


def test_no_recordings_are_refused():
    with pytest.raises(BenchError, match="own: there are no recordings to encode"):
        encoded(Own.answer, n=0)
