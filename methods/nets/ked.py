"""KED's ECG encoder: an xresnet1d101 whose stages differ in width.

Source: Tian et al. (KED), Cell Reports Medicine 2024, and the names and shapes of its released code, which follow Strodthoff
et al. 2021. No stored outputs of that code exist here.
"""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn

from bench.method.published_names import Rules
from methods.nets.initialisation import kaiming
from methods.nets.xresnet import BLOCKS, XBottleneck, XResNet

WIDTHS = (64, 128, 128, 192)
"""Of the stages, before the fourfold expansion."""


class KEDNet(XResNet):
    """The mean over time of the last stage, 768 channels.

    It has 7,865,984 parameters; a recording of 1,000 samples becomes 32 positions.

    Attributes:
        dim: length of the pooled vector.
    """

    def __init__(self, kernel: int = 5):
        super().__init__(101, leads=12, width=WIDTHS[0], kernel=kernel)
        channels, blocks = WIDTHS[0], []
        for stage, (width, count) in enumerate(zip(WIDTHS, BLOCKS[101], strict=True)):
            for i in range(count):
                blocks.append(XBottleneck(channels, width, 4 * width, 2 if stage > 0 and i == 0 else 1, kernel))
                channels = 4 * width
        self.blocks = nn.Sequential(*blocks)
        self.blocks.apply(kaiming)
        self.dim = channels

    def forward(self, ecg: Float[Tensor, "batch lead time"]) -> Float[Tensor, "batch dim"]:
        return self.features(ecg).mean(-1)


def _rules() -> Rules:
    """Names of fastai's blocks, in which each convolution has two names."""
    rules: list[tuple[str, str | None]] = [(r"([012])\.([01])\.", r"stem.\1.\2.")]
    number = 0
    for stage, count in enumerate(BLOCKS[101], start=4):
        for i in range(count):
            rules += [
                (rf"{stage}\.{i}\.convs\.", f"blocks.{number}.body."),
                (rf"{stage}\.{i}\.idpath\.", f"blocks.{number}.shortcut."),
                (rf"{stage}\.{i}\.convpath\.", None),
            ]
            number += 1
    return tuple(rules)


KED: Rules = _rules()
"""The ECG encoder in KED's files."""
