"""Attributions find the samples that a method reads; a method's attributions are completed."""

from dataclasses import replace

import torch

from bench.batch import ECGBatch
from bench.method.attributions import Attributions, attributions, gradient_activation
from bench.signals.input_spec import InputSpec


class Reads(torch.nn.Module):
    """Reads lead V2 between samples 100 and 200."""

    def __init__(self, own=False):
        super().__init__()
        self.input, self.own = InputSpec(fs=500), own

    def encode(self, batch):
        return batch.ecg[:, 7, 100:200].mean(1, keepdim=True)

    def attributions(self, batch, score):
        matrix = torch.eye(12).expand(len(batch), 12, 12)
        return Attributions(lead_attention=matrix) if self.own else Attributions()


def batch(n=3):
    return ECGBatch(torch.rand(n, 12, 400) + 0.1, torch.ones(n, 12, dtype=torch.bool), torch.arange(n))


def test_the_gradient_finds_what_is_read():
    activation = gradient_activation(Reads(), batch(), lambda z: z[:, 0], smooth=0.01)
    assert activation.shape == (3, 12, 400)
    assert (activation[:, 7, 105:195] > 0).all()
    assert activation[:, 7, :95].max() == 0
    assert activation[:, [i for i in range(12) if i != 7]].max() == 0
    lowered = gradient_activation(Reads(), batch(), lambda z: -z[:, 0])
    assert lowered.max() == 0  # it only ever lowers the score


def test_attributions_of_a_method_are_kept_and_completed():
    completed = attributions(Reads(own=True), batch(), lambda z: z[:, 0])
    assert completed.lead_attention is not None
    assert completed.activation is not None
    image = Reads()
    image.input = replace(image.input, downstream=("image",))
    assert attributions(image, batch(), lambda z: z[:, 0]).activation is None


def test_a_method_without_a_gradient_has_no_activation():
    class Counts(Reads):
        def encode(self, batch):
            return (batch.ecg > 0.5).float().mean((1, 2))[:, None]

    class CountsThenWeighs(Counts):
        def __init__(self):
            super().__init__()
            self.net = torch.nn.Linear(1, 1)

        def encode(self, batch):
            return self.net(super().encode(batch))

    for method in (Counts(), CountsThenWeighs()):
        assert attributions(method, batch(), lambda z: z[:, 0]).activation is None
