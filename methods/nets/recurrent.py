"""The LSTM encoders of the PTB-XL benchmark.

Source: Strodthoff et al., IEEE JBHI 2021, released code.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn


class LSTMEncoder(nn.Module):
    """A two-layer LSTM over the samples; the mean, the maximum and the last of its outputs.

    Args:
        leads: input channels.
        hidden: units per layer and direction.
        layers: stacked LSTMs.
        bidirectional: also read backwards. As in the release, the last output is taken at the last sample of both
            directions, where the backward one has read a single sample.

    Attributes:
        dim: length of the pooled vector, 3 x 256 or 3 x 512.
    """

    def __init__(self, leads: int = 12, hidden: int = 256, layers: int = 2, bidirectional: bool = False):
        super().__init__()
        self.lstm = nn.LSTM(leads, hidden, layers, batch_first=True, bidirectional=bidirectional)
        self.dim = 3 * hidden * (2 if bidirectional else 1)

    def features(self, ecg: Float[Tensor, "batch lead time"]) -> Float[Tensor, "batch channels time"]:
        """The outputs of the last layer at every sample."""
        return self.lstm(ecg.transpose(1, 2))[0].transpose(1, 2)

    def forward(self, ecg: Float[Tensor, "batch lead time"]) -> Float[Tensor, "batch dim"]:
        """Mean, maximum and last output, in this order."""
        outputs = self.features(ecg)
        return torch.cat([outputs.mean(-1), outputs.amax(-1), outputs[..., -1]], dim=1)
