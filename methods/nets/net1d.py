"""Net1D of ECGFounder and CLEF: grouped convolutions with squeeze-excitation, without normalisation.

Source: Li et al., "An Electrocardiogram Foundation Model Built on over 10 Million Recordings", NEJM AI 2025, and the
names, shapes and description of its released code. The release builds BatchNorms and never applies them; they are in
its files and not here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from bench.method.published_names import Rules, within
from methods.nets.same_padding import SameConv

KERNEL = 16


@dataclass(frozen=True)
class Net1DSize:
    """Sizes of one released network.

    Attributes:
        stem: channels of the first convolution.
        widths: channels of each stage.
        blocks: blocks of each stage; the first one halves the time.
        group_width: output channels of a block per group of its wide convolution.
        ratio: channels within a block over those that it returns.
    """

    stem: int
    widths: Sequence[int]
    blocks: Sequence[int]
    group_width: int
    ratio: float = 1.0


MEDIUM = Net1DSize(64, (64, 160, 160, 400, 400, 1024, 1024), (2, 2, 2, 3, 3, 4, 4), 16)
"""ECGFounder with 12 leads and with one, and CLEF medium."""

SMALL = Net1DSize(32, (32, 64, 64, 128, 128, 256), (1, 1, 2, 2, 2, 2), 8, 0.5)
"""CLEF small."""

LARGE = Net1DSize(128, (128, 256, 256, 512, 512, 1024, 1024, 2048, 2048), (2, 3, 3, 4, 4, 5, 5, 6, 6), 32, 1.5)
"""CLEF large."""


class Net1DBlock(nn.Module):
    """Narrow, grouped and wide convolution, squeeze-excitation, and a shortcut without weights.

    Args:
        before, after: channels in and out.
        middle: channels of the grouped convolution.
        groups: of that convolution.
        stride: 2 halves the time.
        activate: whether the input passes the activation first; it did already in the first block of the network.
    """

    def __init__(self, before: int, after: int, middle: int, groups: int, stride: int, activate: bool):
        super().__init__()
        self.wider, self.stride, self.activate = after - before, stride, activate
        self.conv1 = SameConv(before, middle, 1)
        self.conv2 = SameConv(middle, middle, KERNEL, stride, groups=groups)
        self.conv3 = SameConv(middle, after, 1)
        self.se_fc1 = nn.Linear(after, after // 2)
        self.se_fc2 = nn.Linear(after // 2, after)

    def shortcut(self, x: Float[Tensor, "batch dim time"]) -> Float[Tensor, "batch wide position"]:
        """The input at the block's length and width. An odd length ends with a maximum over its last sample and zero."""
        if self.stride > 1:
            x = F.max_pool1d(F.pad(x, (0, 1)), self.stride)
        left = self.wider // 2
        return F.pad(x, (0, 0, left, self.wider - left))

    def forward(self, x: Float[Tensor, "batch dim time"]) -> Float[Tensor, "batch wide position"]:
        y = self.conv1(F.silu(x) if self.activate else x)
        y = self.conv3(F.silu(self.conv2(F.silu(y))))
        scale = torch.sigmoid(self.se_fc2(F.silu(self.se_fc1(y.mean(-1)))))
        return y * scale[..., None] + self.shortcut(x)


class Net1D(nn.Module):
    """The mean over time of the last stage.

    Args:
        size: :data:`SMALL`, :data:`MEDIUM` or :data:`LARGE`.
        leads: rows of the input.

    Attributes:
        dim: length of the pooled vector.
    """

    def __init__(self, size: Net1DSize = MEDIUM, leads: int = 12):
        super().__init__()
        self.dim = size.widths[-1]
        self.first_conv = SameConv(leads, size.stem, KERNEL, 2)
        self.stages = nn.ModuleList()
        before = size.stem
        for stage, (width, blocks) in enumerate(zip(size.widths, size.blocks, strict=True)):
            middle, groups = int(width * size.ratio), width // size.group_width
            self.stages.append(
                nn.Sequential(
                    *(
                        Net1DBlock(width if i else before, width, middle, groups, 1 if i else 2, stage + i > 0)
                        for i in range(blocks)
                    )
                )
            )
            before = width

    def forward(self, ecg: Float[Tensor, "batch lead time"]) -> Float[Tensor, "batch dim"]:
        x = F.silu(self.first_conv(ecg))
        for stage in self.stages:
            x = stage(x)
        return x.mean(-1)


CLEF: Rules = (
    (r"first_conv\.conv\.", "first_conv."),
    (r"stage_list\.(\d+)\.block_list\.(\d+)\.(conv[123])\.conv\.", r"stages.\1.\2.\3."),
    (r"stage_list\.(\d+)\.block_list\.(\d+)\.(se_fc[12])\.", r"stages.\1.\2.\3."),
    (r"first_bn\.", None),  # the release never applies its BatchNorms
    (r"stage_list\.\d+\.block_list\.\d+\.bn[123]\.", None),
)
"""CLEF's network, as its release names it behind ``backbone.``; see :data:`CLEF_FILE`."""

CLEF_FILE: Rules = within("backbone.", "", CLEF)
"""CLEF's files."""

ECGFOUNDER: Rules = (*CLEF, (r"dense\.", None))  # 150 diagnoses
"""ECGFounder's files with 12 leads or one."""
