"""The small convolutional encoders of CLOCS and TS-TCC: convolution, BatchNorm, ReLU, max-pooling, repeated."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from bench.errors import ConfigError


class ClocsCNN(nn.Module):
    """CLOCS's encoder: three blocks of 4, 16 and 32 channels, flattened and mapped to one vector.

    Source: Kiyasseh et al., ICML 2021, released code: kernels of 7 with stride 3, pooling by 2, dropout 0.1. 45,304
    parameters with one lead and ``dim`` 128.

    Args:
        samples: input length, which the last linear layer fixes; 2500 in the paper.
        leads: input channels; the paper reads one lead at a time.
        dim: length of the vector; 32 to 320 in the paper.
    """

    def __init__(self, samples: int = 2500, leads: int = 1, dim: int = 128):
        super().__init__()
        self.samples, self.dim = samples, dim
        layers: list[nn.Module] = []
        positions = samples
        for source, target in ((leads, 4), (4, 16), (16, 32)):
            layers += [nn.Conv1d(source, target, 7, stride=3), nn.BatchNorm1d(target), nn.ReLU()]
            layers += [nn.MaxPool1d(2), nn.Dropout(0.1)]
            positions = ((positions - 7) // 3 + 1) // 2
        if positions < 1:
            raise ConfigError(f"clocs-cnn needs at least 388 samples and was built for {samples}; take longer windows.")
        self.blocks = nn.Sequential(*layers)
        self.linear = nn.Linear(32 * positions, dim)

    def forward(self, ecg: Float[Tensor, "batch lead time"]) -> Float[Tensor, "batch dim"]:
        """One vector for each recording."""
        if ecg.shape[-1] != self.samples:
            raise ConfigError(
                f"clocs-cnn was built for {self.samples} samples and received {ecg.shape[-1]}; "
                f"crop the recordings, or build it for these."
            )
        return self.linear(self.blocks(ecg).flatten(1))


class TSTCCEncoder(nn.Module):
    """TS-TCC's encoder: three blocks; the first convolution sets the time scale.

    Source: Eldele et al., IJCAI 2021, released code. The widest of its configurations (SleepEDF: kernel 25, stride 3)
    keeps 210 positions of 5000 samples. The paper flattens them for its classifier; here ``forward`` takes their mean,
    so that recordings of any length have a vector of the same size.

    Args:
        leads: input channels.
        width: channels of the first block, 32; the others have two and four times as many.
        kernel, stride: of the first convolution.
        dropout: after the first block, 0.35.
    """

    def __init__(self, leads: int = 12, width: int = 32, kernel: int = 25, stride: int = 3, dropout: float = 0.35):
        super().__init__()

        def block(source: int, target: int, kernel: int, stride: int, padding: int) -> list[nn.Module]:
            conv = nn.Conv1d(source, target, kernel, stride=stride, padding=padding, bias=False)
            return [conv, nn.BatchNorm1d(target), nn.ReLU(), nn.MaxPool1d(2, stride=2, padding=1)]

        self.blocks = nn.Sequential(
            *block(leads, width, kernel, stride, kernel // 2),
            nn.Dropout(dropout),
            *block(width, 2 * width, 8, 1, 4),
            *block(2 * width, 4 * width, 8, 1, 4),
        )
        self.dim = 4 * width

    def features(self, ecg: Float[Tensor, "batch lead time"]) -> Float[Tensor, "batch dim position"]:
        """The feature map before pooling."""
        return self.blocks(ecg)

    def forward(self, ecg: Float[Tensor, "batch lead time"]) -> Float[Tensor, "batch dim"]:
        """The mean over time."""
        return torch.mean(self.features(ecg), dim=-1)
