"""LLM-DAN's dual attention network: an encoder that attends across leads and, lead by lead, across time, and a decoder.

Source: Chen et al., "Large Language Model-informed ECG Dual Attention Network for Heart Failure Risk Prediction", IEEE
Transactions on Big Data 2024, III-B and Tables A2 and A3, and its released code. The two differ; ``as_released`` chooses:

- The second convolution reads all leads and channels are reshaped so that leads mix before anything is called a lead
  (released), or each lead keeps to itself (paper).
- Attention normalises first and its feed-forward network has a GELU (released), or equations 2 and 3 (paper).
- Dropout before the pooling only without any attention (released), or always (Table A2).
- Two linear layers and a sixth block in the decoder (released), or one and five (Table A3).
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from bench.errors import ConfigError

LEADS = 12
FEATURES = 4
"""Channels of each lead after the first convolutions (C_in, IV-B)."""
WIDTHS = (8, 16, 16, 16, 16)
"""Channels after each of the five blocks (Table A2)."""


def padded_length(samples: int) -> int:
    """The shortest multiple of 32 (five halvings) that holds ``samples``: 608 for a median beat of 600."""
    return -(-samples // 32) * 32


def centred(ecg: Float[Tensor, "batch lead time"], length: int) -> Float[Tensor, "batch lead length"]:
    """Zeros on both sides up to ``length``, as IV-B pads; an odd one goes to the right."""
    missing = length - ecg.shape[-1]
    if missing < 0:
        raise ConfigError(f"recordings of {ecg.shape[-1]} samples do not fit a network of {length}; raise its samples.")
    return F.pad(ecg, (missing // 2, missing - missing // 2))


class BatchwiseDropout(nn.Module):
    """Dropout with one mask for all records of a batch, so that their risks stay comparable (IV-B).

    Args:
        rate: share of features that are dropped.
    """

    def __init__(self, rate: float):
        super().__init__()
        self.rate = rate

    def forward(self, x: Float[Tensor, "batch ..."]) -> Float[Tensor, "batch ..."]:
        if not self.training or self.rate == 0:
            return x
        retained = torch.rand(x.shape[1:], device=x.device) >= self.rate
        return x * retained / (1 - self.rate)


class Residual(nn.Module):
    """Two convolutions of 5 samples along time next to a shortcut; time is halved, doubled or kept.

    Args:
        channels, out: features in and out; leads are the rows of the map and never mix.
        change: ``"half"``, ``"double"`` or ``"same"``.
    """

    def __init__(self, channels: int, out: int, change: str):
        super().__init__()
        self.doubles = change == "double"
        first = out if self.doubles else channels
        if self.doubles:
            self.up = nn.ConvTranspose2d(channels, out, (1, 4), stride=(1, 2), padding=(0, 1))
        self.pool = nn.MaxPool2d((1, 2)) if change == "half" else nn.Identity()
        self.shortcut = nn.Conv2d(first, out, 1, bias=not self.doubles)
        stride = (1, 2) if change == "half" else (1, 1)
        self.conv1 = nn.Conv2d(first, out, (1, 5), stride=stride, padding=(0, 2), bias=False)
        self.norm1 = nn.BatchNorm2d(out)
        self.conv2 = nn.Conv2d(out, out, (1, 5), padding=(0, 2), bias=False)
        self.norm2 = nn.BatchNorm2d(out)

    def forward(self, x: Float[Tensor, "batch channels lead time"]) -> Float[Tensor, "batch out lead changed"]:
        if self.doubles:
            x = self.shortcut(self.up(x))
        body = F.leaky_relu(self.norm1(self.conv1(x)))
        body = F.leaky_relu(self.norm2(self.conv2(body)))
        return F.gelu(body + (x if self.doubles else self.shortcut(self.pool(x))))


def sinusoids(tokens: int, width: int) -> Float[Tensor, "token width"]:
    """Vaswani et al.'s positions: sines and cosines alternate."""
    rate = torch.exp(torch.arange(0, width, 2) * (-math.log(10_000.0) / width))
    angle = torch.arange(tokens)[:, None] * rate
    return torch.stack([angle.sin(), angle.cos()], dim=-1).flatten(1)[:, :width]


class AttentionModule(nn.Module):
    """Positions, multi-head self-attention and a feed-forward network over a short sequence.

    Args:
        tokens, width: of the sequence.
        heads: of the attention; 8 in the released code.
        dropout: after the positions, batch-wise, and in the feed-forward network of the released code; 0.2 there.
    """

    positions: Tensor

    def __init__(self, tokens: int, width: int, as_released: bool, heads: int = 8, dropout: float = 0.2):
        super().__init__()
        self.as_released = as_released
        self.register_buffer("positions", sinusoids(tokens, width), persistent=False)
        self.position_dropout = BatchwiseDropout(dropout)
        self.norm1 = nn.LayerNorm(width)
        self.attention = nn.MultiheadAttention(width, heads, batch_first=True)
        self.norm2 = nn.LayerNorm(width)
        self.fc1 = nn.Linear(width, 4 * width)
        self.fc2 = nn.Linear(4 * width, width)
        self.dropout = nn.Dropout(dropout)

    def forward(
        self, x: Float[Tensor, "batch token width"]
    ) -> tuple[Float[Tensor, "batch token width"], Float[Tensor, "batch token token"]]:
        """The sequence, and the attention matrix, mean over heads."""
        x = self.position_dropout(x + self.positions)
        if self.as_released:
            normed = self.norm1(x)
            attended, weights = self.attention(normed, normed, normed)
            x = x + attended
            hidden = self.dropout(F.gelu(self.fc1(self.norm2(x))))
            return x + self.dropout(self.fc2(hidden)), weights
        x = self.norm1(x)
        attended, weights = self.attention(x, x, x)
        x = self.norm2(x + attended)
        return x + self.fc2(F.relu(self.fc1(x))), weights


class DualAttentionEncoder(nn.Module):
    """12 leads of a median beat to 512 features.

    Args:
        samples: input length, a multiple of 32; 608 in the released training, 1024 in the paper.
        lead_attention, time_attention: Table V leaves out either or both.
        as_released: see the module's description.

    Attributes:
        dim: 512.
    """

    dim = 512

    def __init__(
        self,
        samples: int = 1024,
        lead_attention: bool = True,
        time_attention: bool = True,
        as_released: bool = False,
    ):
        super().__init__()
        if samples % 32:
            raise ConfigError(
                f"samples = {samples}: five halvings need a multiple of 32, such as {padded_length(samples)}."
            )
        self.as_released, self.samples = as_released, samples
        channels, time, width = LEADS * FEATURES, samples // 32, WIDTHS[-1]
        self.input_conv = nn.Sequential(
            nn.Conv1d(LEADS, channels, 5, padding=2, groups=LEADS),
            nn.GroupNorm(LEADS, channels),
            nn.GELU(),
            nn.Conv1d(channels, channels, 5, padding=2, groups=1 if as_released else LEADS),
            nn.GroupNorm(LEADS, channels),
            nn.GELU(),
        )
        self.blocks = nn.Sequential(
            *(Residual(a, b, "half") for a, b in zip((FEATURES, *WIDTHS), WIDTHS, strict=False))
        )
        self.lead_attention = AttentionModule(LEADS, width * time, as_released) if lead_attention else None
        self.time_attention = (
            nn.ModuleList(AttentionModule(time, width, as_released) for _ in range(LEADS)) if time_attention else None
        )
        dropped = not as_released or not (lead_attention or time_attention)
        self.dropout = nn.Dropout(0.2 if dropped else 0.0)
        self.average_pool = nn.Conv1d(LEADS * width, 256, 1)
        self.max_pool = nn.Conv1d(LEADS * width, 256, 1)

    def features(self, ecg: Float[Tensor, "batch lead time"]) -> Float[Tensor, "batch channel lead position"]:
        """Every lead's features after the five blocks."""
        if ecg.shape[-1] != self.samples:
            raise ConfigError(f"this network has positions for {self.samples} samples and received {ecg.shape[-1]}.")
        x = self.input_conv(ecg)
        if self.as_released:  # channels come lead by lead, so that this view spreads each lead over four
            return self.blocks(x.view(len(x), FEATURES, LEADS, -1))
        return self.blocks(x.view(len(x), LEADS, FEATURES, -1).transpose(1, 2))

    def attend(
        self, features: Float[Tensor, "batch channel lead position"]
    ) -> tuple[Tensor, Float[Tensor, "batch lead lead"] | None, Float[Tensor, "batch lead position position"] | None]:
        """The features after both attentions, and their matrices; a part that is left out gives None."""
        lead_weights = time_weights = None
        parts = []
        if self.lead_attention is not None:
            leads = features.transpose(1, 2)
            attended, lead_weights = self.lead_attention(leads.flatten(2))
            parts.append(attended.view_as(leads).transpose(1, 2))
        if self.time_attention is not None:
            each = [module(features[:, :, i].transpose(1, 2)) for i, module in enumerate(self.time_attention)]
            parts.append(torch.stack([sequence.transpose(1, 2) for sequence, _ in each], dim=2))
            time_weights = torch.stack([weights for _, weights in each], dim=1)
        return (sum(parts) if parts else features), lead_weights, time_weights

    def pool(self, features: Float[Tensor, "batch channel lead position"]) -> Float[Tensor, "batch dim"]:
        """Means, then maxima."""
        x = self.dropout(features.flatten(1, 2))
        return torch.cat([self.average_pool(x).mean(-1), self.max_pool(x).amax(-1)], dim=1)

    def forward(self, ecg: Float[Tensor, "batch lead time"]) -> Float[Tensor, "batch dim"]:
        return self.pool(self.attend(self.features(ecg))[0])


class BeatDecoder(nn.Module):
    """A median beat from the features of its encoder.

    Args:
        samples: output length.
        dim: features of the encoder.
        as_released: see the module's description.
    """

    def __init__(self, samples: int, dim: int = DualAttentionEncoder.dim, as_released: bool = False):
        super().__init__()
        time = samples // 32
        outputs = FEATURES * LEADS * time
        inner = [nn.Linear(dim, FEATURES * time), nn.Linear(FEATURES * time, outputs)] if as_released else []
        self.linear = nn.Sequential(*(inner or [nn.Linear(dim, outputs)]))
        widths = (FEATURES,) * 5 if as_released else (*(FEATURES,) * 4, 1)
        blocks = [Residual(a, b, "double") for a, b in zip((FEATURES, *widths), widths, strict=False)]
        self.blocks = nn.Sequential(*blocks, *([Residual(FEATURES, 1, "same")] if as_released else []))
        self.smooth = nn.Conv1d(LEADS, LEADS, 1, groups=LEADS)

    def forward(self, z: Float[Tensor, "batch dim"]) -> Float[Tensor, "batch lead time"]:
        x = self.blocks(self.linear(z).view(len(z), FEATURES, LEADS, -1))
        return F.instance_norm(self.smooth(x.squeeze(1)))


class RiskHead(nn.Sequential):
    """512 features to three, to the answers. Source: Table A4; the text (III-B) speaks of three linear layers."""

    def __init__(self, dim: int, n_outputs: int):
        super().__init__(
            nn.BatchNorm1d(dim),
            BatchwiseDropout(0.25),
            nn.Linear(dim, 3),
            nn.ReLU(),
            nn.BatchNorm1d(3),
            nn.Linear(3, n_outputs),
        )
