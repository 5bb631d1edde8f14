"""The multi-lead-branch fusion network: one convolutional-recurrent branch per lead, and their fusion.

Source: Zhang et al. (MLBF-Net), IEEE JTEHM 2021. No code was released.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn


class ContextAttention(nn.Module):
    """The mean over time, weighted by how well each position's tanh layer agrees with a learned context vector."""

    def __init__(self, dim: int):
        super().__init__()
        self.layer = nn.Linear(dim, dim)
        self.context = nn.Linear(dim, 1, bias=False)

    def forward(self, sequence: Float[Tensor, "batch position dim"]) -> Float[Tensor, "batch dim"]:
        weights = self.context(torch.tanh(self.layer(sequence))).softmax(dim=1)
        return (weights * sequence).sum(dim=1)


def _activated(dropout: float) -> list[nn.Module]:
    return [nn.LeakyReLU(0.3), nn.Dropout(dropout)]


class MLBFNet(nn.Module):
    """A branch for each lead: 15 convolutions in five blocks, a bidirectional GRU, attention; and attention over all.

    The convolutions of the branches are one grouped convolution, a group for each lead: the leads do not mix before the
    fusion. Each block is two 3-wide convolutions and one that halves time, 24 wide, in the last block 48.

    Args:
        leads: input channels and branches.
        width: channels of a branch, and units of its GRU in each direction.
        dropout: after every block and every attention.

    Attributes:
        dim: length of the vector: 2 * width values of the fusion for each lead, then as many of each lead's branch; 576.
        branch_dim: values of one branch; 24.
    """

    def __init__(self, leads: int = 12, width: int = 12, dropout: float = 0.2):
        super().__init__()
        self.leads, self.branch_dim = leads, 2 * width
        self.dim = 2 * leads * self.branch_dim
        layers: list[nn.Module] = []
        channels = leads
        for block in range(5):
            for kernel, stride in ((3, 1), (3, 1), (48 if block == 4 else 24, 2)):
                conv = nn.Conv1d(channels, leads * width, kernel, stride, kernel // 2, groups=leads)
                layers += [conv, nn.LeakyReLU(0.3)]
                channels = leads * width
            layers.append(nn.Dropout(dropout))
        self.convolutions = nn.Sequential(*layers)
        self.recurrent = nn.ModuleList(nn.GRU(width, width, batch_first=True, bidirectional=True) for _ in range(leads))
        self.attention = nn.ModuleList(ContextAttention(self.branch_dim) for _ in range(leads))
        self.fusion = ContextAttention(leads * self.branch_dim)
        self.norm = nn.Sequential(nn.BatchNorm1d(self.dim), *_activated(dropout))

    def forward(self, ecg: Float[Tensor, "batch lead time"]) -> Float[Tensor, "batch dim"]:
        """The fused vector, then the vector of each branch, in the order of the leads."""
        branches = self.convolutions(ecg).chunk(self.leads, dim=1)
        sequences = [gru(x.transpose(1, 2))[0] for gru, x in zip(self.recurrent, branches, strict=True)]
        own = [attention(x) for attention, x in zip(self.attention, sequences, strict=True)]
        return self.norm(torch.cat([self.fusion(torch.cat(sequences, dim=2)), *own], dim=1))


class MultiLossHead(nn.Module):
    """A linear answer from the fused vector and, in training, one from every branch, fused first."""

    def __init__(self, leads: int, branch_dim: int, n_outputs: int):
        super().__init__()
        self.sizes = [leads * branch_dim] + leads * [branch_dim]
        self.answers = nn.ModuleList(nn.Linear(size, n_outputs) for size in self.sizes)

    def forward(self, vector: Float[Tensor, "batch dim"]) -> Float[Tensor, "*answer batch output"]:
        parts = vector.split(self.sizes, dim=1)
        if not self.training:
            return self.answers[0](parts[0])
        return torch.stack([answer(part) for answer, part in zip(self.answers, parts, strict=True)])
