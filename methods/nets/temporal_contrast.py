"""TS-TCC's temporal contrasting module: summarise the past of one view, predict the future of the other.

Source: Eldele et al., "Time-Series Representation Learning via Temporal and Contextual Contrasting", IJCAI 2021, and
its code. No configuration for 12-lead ECG was published.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from bench.training.distributed import agreed
from methods.losses.predictive import temporal_contrast


class PastBlock(nn.Module):
    """A pre-LayerNorm block with ReLU, no bias on queries, keys and values, and logits scaled by the whole width."""

    def __init__(self, dim: int, heads: int, hidden: int, dropout: float):
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.norm1 = nn.LayerNorm(dim)
        self.qkv = nn.Linear(dim, 3 * dim, bias=False)
        self.proj = nn.Linear(dim, dim)
        self.norm2 = nn.LayerNorm(dim)
        self.fc1 = nn.Linear(dim, hidden)
        self.fc2 = nn.Linear(hidden, dim)

    def forward(self, x: Float[Tensor, "batch token dim"]) -> Float[Tensor, "batch token dim"]:
        batch, tokens, dim = x.shape
        q, k, v = self.qkv(self.norm1(x)).view(batch, tokens, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        out = F.scaled_dot_product_attention(q, k, v, scale=dim**-0.5).transpose(1, 2).reshape(batch, tokens, dim)
        x = x + self._drop(self.proj(out))
        return x + self._drop(self.fc2(self._drop(F.relu(self.fc1(self.norm2(x))))))

    def _drop(self, x: Tensor) -> Tensor:
        return F.dropout(x, self.dropout, self.training)


class TemporalContrast(nn.Module):
    """Predicts the features ``1..steps`` ahead of view 2 from the past of view 1.

    Args:
        channels: of the encoder's feature map.
        steps: how many future positions are predicted (50 for sleep, 6 for activity, 10 for epilepsy in the paper).
        dim: width of the summary; 100 or 64 in the paper.
        depth, heads, hidden: 4 blocks, 4 heads and an MLP of 64 in the code.
        projection: length of the projected summary that the contextual NT-Xent compares; 0: the summary is not
            projected.
        dropout: 0.1 in the code.
    """

    def __init__(
        self,
        channels: int,
        steps: int,
        dim: int = 100,
        depth: int = 4,
        heads: int = 4,
        hidden: int = 64,
        projection: int | None = None,
        dropout: float = 0.1,
    ):
        super().__init__()
        self.steps = steps
        self.embed = nn.Linear(channels, dim)
        self.summary_token = nn.Parameter(torch.randn(1, 1, dim))
        self.blocks = nn.ModuleList(PastBlock(dim, heads, hidden, dropout) for _ in range(depth))
        self.predict = nn.ModuleList(nn.Linear(dim, channels) for _ in range(steps))
        middle, out = channels // 2, channels // 4 if projection is None else projection
        self.project = (
            nn.Sequential(nn.Linear(dim, middle), nn.BatchNorm1d(middle), nn.ReLU(), nn.Linear(middle, out))
            if out
            else nn.Identity()
        )

    def forward(
        self,
        features1: Float[Tensor, "batch channels time"],
        features2: Float[Tensor, "batch channels time"],
        now: int | None = None,
    ) -> tuple[Float[Tensor, ""], Float[Tensor, "batch projection"]]:
        """The temporal loss and the projected summary.

        Args:
            features1, features2: feature maps of the two views; each position is L2-normalised over channels.
            now: last position of the past; drawn at random, for all processes, when not given.
        """
        past = F.normalize(features1, dim=1).transpose(1, 2)
        future = F.normalize(features2, dim=1).transpose(1, 2)
        if now is None:
            now = agreed(int(torch.randint(past.shape[1] - self.steps, ())))
        tokens = self.embed(past[:, : now + 1])
        x = torch.cat([self.summary_token.expand(len(tokens), -1, -1), tokens], dim=1)
        for block in self.blocks:
            x = block(x)
        summary = x[:, 0]
        predictions = [head(summary) for head in self.predict]
        targets = [future[:, now + step] for step in range(1, self.steps + 1)]
        return temporal_contrast(predictions, targets), self.project(summary)
