"""MERL's projection heads around an ECG encoder, and the network they make together.

Source: Liu et al. (MERL), ICML 2024, section 3, and its released code. The text encoder is not part of the network: it
is frozen in the released training, so its features come in from outside.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from jaxtyping import Float
from torch import Tensor, nn

from methods.nets.pooling import AttentionPool


class MERLEmbeddings(NamedTuple):
    """``ecg`` meets the report (CMA, zero-shot); the two branches meet each other (UMA). None is normalised."""

    ecg: Float[Tensor, "batch dim"]
    branch1: Float[Tensor, "batch dim"]
    branch2: Float[Tensor, "batch dim"]


class FeatureMapHeads(nn.Module):
    """Heads over a ResNet's feature map.

    A 1x1 convolution to ``dim`` channels; attention pooling gives the ECG embedding. The two branches are separate
    linear layers on the time mean, each with its own dropout; the paper speaks of dropout only, the two layers are in
    the code.
    """

    def __init__(self, channels: int, length: int, dim: int = 256, dropout: float = 0.1):
        super().__init__()
        self.reduce = nn.Conv1d(channels, dim, 1)
        self.pool = AttentionPool(dim, length)
        self.branch1 = nn.Linear(dim, dim, bias=False)
        self.branch2 = nn.Linear(dim, dim, bias=False)
        self.dropout = nn.Dropout(dropout)

    def forward(self, features: Float[Tensor, "batch channels position"]) -> MERLEmbeddings:
        reduced = self.reduce(features)
        mean = reduced.mean(dim=-1)
        return MERLEmbeddings(self.pool(reduced), self.dropout(self.branch1(mean)), self.dropout(self.branch2(mean)))


class VectorHeads(nn.Module):
    """Heads over a ViT's pooled vector: a two-layer projector with BatchNorm, and the two branches."""

    def __init__(self, width: int, dim: int = 256, dropout: float = 0.1):
        super().__init__()
        self.project = nn.Sequential(
            nn.Linear(width, dim), nn.BatchNorm1d(dim), nn.ReLU(), nn.Linear(dim, dim), nn.BatchNorm1d(dim)
        )
        self.branch1 = nn.Linear(width, dim, bias=False)
        self.branch2 = nn.Linear(width, dim, bias=False)
        self.dropout = nn.Dropout(dropout)

    def forward(self, pooled: Float[Tensor, "batch width"]) -> MERLEmbeddings:
        return MERLEmbeddings(
            self.project(pooled), self.dropout(self.branch1(pooled)), self.dropout(self.branch2(pooled))
        )


class MERLNet(nn.Module):
    """An ECG encoder with MERL's heads and its text projector.

    Args:
        encoder: a ResNet, whose feature map is read, or a ViT, whose pooled vector is read. Attributes decide which, so
            that a method with one of them does not depend on the other.
        samples: input length, which the ResNet's attention pooling learns positions for.
        dim: width of the shared space, 256 in MERL.
        text_dim: length of the text features, 768 for BERT-base encoders.
        dropout: of the two branches; 0.1 in the code.
    """

    def __init__(self, encoder: Any, samples: int = 5000, dim: int = 256, text_dim: int = 768, dropout: float = 0.1):
        super().__init__()
        self.encoder = encoder
        self.heads: FeatureMapHeads | VectorHeads
        if hasattr(encoder, "output_length"):
            self.heads = FeatureMapHeads(encoder.dim, encoder.output_length(samples), dim, dropout)
        else:
            self.heads = VectorHeads(encoder.dim, dim, dropout)
        self.text_projector = nn.Sequential(nn.Linear(text_dim, dim), nn.GELU(), nn.Linear(dim, dim))

    def forward(self, ecg: Float[Tensor, "batch lead time"]) -> MERLEmbeddings:
        """The three embeddings of an ECG."""
        reads_map = isinstance(self.heads, FeatureMapHeads)
        return self.heads(self.encoder.features(ecg) if reads_map else self.encoder(ecg))

    def embed_text(self, features: Float[Tensor, "text text_dim"]) -> Float[Tensor, "text dim"]:
        """Text features in the shared space, not normalised."""
        return self.text_projector(features)
