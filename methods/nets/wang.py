"""The fully convolutional network and the fixed-width ResNets of the PTB-XL benchmark.

Source: Strodthoff et al., IEEE JBHI 2021, released code; ``fcn_wang`` and ``resnet1d_wang`` after Wang et al., "Time
series classification from scratch with deep neural networks", IJCNN 2017.
"""

from __future__ import annotations

from typing import Literal

from jaxtyping import Float
from torch import Tensor, nn

from methods.nets.initialisation import kaiming
from methods.nets.pooling import max_mean_pool
from methods.nets.resnet import BOTTLENECK_EXPANSION, ResidualBlock


def _convolution(source: int, target: int, kernel: int, stride: int = 1) -> list[nn.Module]:
    conv = nn.Conv1d(source, target, kernel, stride=stride, padding=(kernel - 1) // 2, bias=False)
    return [conv, nn.BatchNorm1d(target)]


class FCN(nn.Module):
    """``fcn_wang``: three convolutions of 128, 256 and 128 channels with kernels 8, 5 and 3, none of them strided.

    Attributes:
        dim: length of the pooled vector, 256: maxima, then means, of 128 channels.
    """

    def __init__(self, leads: int = 12):
        super().__init__()
        self.layers = nn.Sequential(
            *_convolution(leads, 128, 8),
            nn.ReLU(),
            *_convolution(128, 256, 5),
            nn.ReLU(),
            *_convolution(256, 128, 3),
            nn.ReLU(),
        )
        self.dim = 256
        self.apply(kaiming)

    def features(self, ecg: Float[Tensor, "batch lead time"]) -> Float[Tensor, "batch channels position"]:
        """The feature map before pooling."""
        return self.layers(ecg)

    def forward(self, ecg: Float[Tensor, "batch lead time"]) -> Float[Tensor, "batch dim"]:
        """Maximum and mean over time."""
        return max_mean_pool(self.features(ecg))


class FixedWidthResNet(nn.Module):
    """A ResNet whose stages are all 128 wide; only the first convolution of a stage has a kernel of 5.

    Args:
        variant: ``"wang"`` (``resnet1d_wang``: 7-wide stem without stride or pooling, three single basic blocks) or
            ``"50"`` (``resnet1d50``: 5-wide stem with stride 2 and max-pooling, 3, 4, 6 and 3 bottlenecks).
        leads: input channels.

    Attributes:
        dim: length of the pooled vector, 256 or 1024: maxima, then means.
    """

    def __init__(self, variant: Literal["wang", "50"] = "wang", leads: int = 12, width: int = 128, kernel: int = 5):
        super().__init__()
        large = variant == "50"
        stem_kernel, counts = (5, (3, 4, 6, 3)) if large else (7, (1, 1, 1))
        stem = [*_convolution(leads, width, stem_kernel, 2 if large else 1), nn.ReLU()]
        self.stem = nn.Sequential(*stem, *([nn.MaxPool1d(3, stride=2, padding=1)] if large else []))
        channels = width
        blocks: list[nn.Module] = []
        for stage, count in enumerate(counts):
            for i in range(count):
                first = i == 0
                stride = 2 if stage > 0 and first else 1
                blocks.append(ResidualBlock(channels, width, stride, large, kernel if first else 3))
                channels = BOTTLENECK_EXPANSION * width if large else width
        self.blocks = nn.Sequential(*blocks)
        self.dim = 2 * channels
        self.apply(kaiming)

    def features(self, ecg: Float[Tensor, "batch lead time"]) -> Float[Tensor, "batch channels position"]:
        """The feature map before pooling."""
        return self.blocks(self.stem(ecg))

    def forward(self, ecg: Float[Tensor, "batch lead time"]) -> Float[Tensor, "batch dim"]:
        """Maximum and mean over time."""
        return max_mean_pool(self.features(ecg))
