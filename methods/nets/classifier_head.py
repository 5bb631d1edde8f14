"""The two-layer classifier that the PTB-XL benchmark puts on every one of its encoders."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn

from methods.nets.initialisation import kaiming


class ClassifierHead(nn.Sequential):
    """BatchNorm, dropout, linear, ReLU, BatchNorm, dropout, linear.

    Source: Strodthoff et al., "Deep Learning for ECG Analysis: Benchmarks and Insights from PTB-XL", IEEE JBHI 2021,
    released code: 128 hidden units, dropout 0.25 before the first layer and 0.5 before the second.

    Args:
        dim: length of the encoder's pooled vector.
        classes: logits.
    """

    def __init__(self, dim: int, classes: int, hidden: int = 128, dropout: float = 0.5):
        super().__init__(
            nn.BatchNorm1d(dim),
            nn.Dropout(dropout / 2),
            nn.Linear(dim, hidden),
            nn.ReLU(),
            nn.BatchNorm1d(hidden),
            nn.Dropout(dropout),
            nn.Linear(hidden, classes),
        )
        self.apply(kaiming)

    def forward(self, pooled: Float[Tensor, "batch dim"]) -> Float[Tensor, "batch classes"]:
        return super().forward(pooled)
