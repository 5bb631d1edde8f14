"""One-dimensional residual networks as MERL uses them.

Source: Liu et al., "Zero-Shot ECG Classification with Multimodal Learning and Test-time Clinical Knowledge Enhancement"
(MERL), ICML 2024, and its released code. Against He et al. (CVPR 2016) these have no max-pooling after the stem, so a
10 s recording at 500 Hz keeps 313 positions, and the stride of a bottleneck sits in its middle convolution. The release
also carries a 10-way linear layer that nothing calls; it is left out here (see ``methods.nets.checkpoint_names``).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from bench.errors import UnknownName

BLOCKS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}
"""Residual blocks per stage, by the network's nominal depth (He et al. 2016, Table 1)."""

BOTTLENECK_EXPANSION = 4


class ResidualBlock(nn.Module):
    """Two convolutions (basic), or 1-k-1 that ends four times as wide (bottleneck), around a shortcut.

    ``kernel`` is that of the strided convolution; the second one of a basic block is 3 wide.
    """

    def __init__(self, channels: int, width: int, stride: int, bottleneck: bool, kernel: int = 3):
        super().__init__()
        out = width * BOTTLENECK_EXPANSION if bottleneck else width

        def convolution(source: int, target: int, kernel: int, stride: int) -> list[nn.Module]:
            conv = nn.Conv1d(source, target, kernel, stride=stride, padding=kernel // 2, bias=False)
            return [conv, nn.BatchNorm1d(target)]

        if bottleneck:
            layers = [*convolution(channels, width, 1, 1), nn.ReLU()]
            layers += [*convolution(width, width, kernel, stride), nn.ReLU(), *convolution(width, out, 1, 1)]
        else:
            layers = [*convolution(channels, width, kernel, stride), nn.ReLU(), *convolution(width, out, 3, 1)]
        self.body = nn.Sequential(*layers)
        resized = stride != 1 or channels != out
        self.shortcut = nn.Sequential(*convolution(channels, out, 1, stride)) if resized else nn.Identity()

    def forward(self, x: Float[Tensor, "batch channels time"]) -> Float[Tensor, "batch width shorter"]:
        return torch.relu(self.body(x) + self.shortcut(x))


class ResNet(nn.Module):
    """MERL's 1-D ResNet: 7-wide stem with stride 2, then four stages with strides 1, 2, 2, 2.

    Args:
        depth: 18 or 34 (basic blocks); 50, 101 or 152 (bottlenecks).
        leads: input channels.
        widths: channels of the four stages before expansion; the stem has ``widths[0]``. The paper's are the default.

    Attributes:
        dim: channels of the feature map and length of the pooled vector (512, or 2048 with bottlenecks).

    Initialisation is torch's own, as in the release.
    """

    def __init__(self, depth: int = 18, leads: int = 12, widths: Sequence[int] = (64, 128, 256, 512)):
        super().__init__()
        if depth not in BLOCKS:
            raise UnknownName("resnet depth", str(depth), map(str, BLOCKS))
        bottleneck = depth >= 50
        self.stem = nn.Sequential(
            nn.Conv1d(leads, widths[0], 7, stride=2, padding=3, bias=False), nn.BatchNorm1d(widths[0]), nn.ReLU()
        )
        channels = widths[0]
        stages: list[nn.Module] = []
        for stage, (count, width) in enumerate(zip(BLOCKS[depth], widths, strict=True)):
            blocks: list[nn.Module] = []
            for i in range(count):
                stride = 2 if stage > 0 and i == 0 else 1
                blocks.append(ResidualBlock(channels, width, stride, bottleneck))
                channels = width * BOTTLENECK_EXPANSION if bottleneck else width
            stages.append(nn.Sequential(*blocks))
        self.stages = nn.Sequential(*stages)
        self.dim = channels

    @staticmethod
    def output_length(samples: int) -> int:
        """Positions that :meth:`features` keeps of ``samples`` input samples: 313 of 5000."""
        for _ in range(4):  # the stem and three stages each halve, rounding up
            samples = -(-samples // 2)
        return samples

    def features(self, ecg: Float[Tensor, "batch lead time"]) -> Float[Tensor, "batch dim position"]:
        """The feature map before pooling."""
        return self.stages(self.stem(ecg))

    def forward(self, ecg: Float[Tensor, "batch lead time"]) -> Float[Tensor, "batch dim"]:
        """The feature map averaged over time; MERL's linear probe reads this vector."""
        return self.features(ecg).mean(dim=-1)
