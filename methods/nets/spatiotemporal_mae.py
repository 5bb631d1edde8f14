"""ST-MEM's transformer: a token is a segment of one lead, with embeddings of its time and its lead.

Source: Na et al., "Guiding Masked Representation Learning to Capture Spatio-Temporal Relationship of
Electrocardiogram", ICLR 2024, and the parameter names and shapes of its released code (none of that code is used: its
licence forbids it).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from bench.errors import ConfigError
from methods.nets.transformer import TransformerBlock

SIZES = {"small": (384, 6), "base": (768, 12)}
"""Width and attention heads of the published encoders; both are 12 deep."""


def sincos_positions(patches: int, dim: int) -> Float[Tensor, "token dim"]:
    """Fixed positions of the patches of one lead between rows of zeros for its two separators.

    Sines, then cosines, of wavelengths from 2 pi to 10,000 x 2 pi.
    """
    rates = 10_000.0 ** (-torch.arange(dim // 2, dtype=torch.float64) / (dim // 2))
    angles = torch.arange(patches, dtype=torch.float64)[:, None] * rates
    return F.pad(torch.cat([angles.sin(), angles.cos()], dim=1).float(), (0, 0, 1, 1))


class SpatioTemporalViT(nn.Module):
    """ST-MEM's encoder: patches of each lead between two separators, time positions, lead embeddings, one transformer.

    Args:
        samples: input length; 2250 (9 s at 250 Hz) in the paper.
        leads: rows of the input, each with a separate embedding; any subset of them can be read.
        patch: samples per token; 75 in the paper.
        dim, heads, depth: 768, 12 and 12 (base, 85,150,614 parameters) or 384, 6 and 12 (small, 21,341,718).

    Attributes:
        dim: length of tokens and of the pooled vector.
        patches_per_lead: 30.
    """

    def __init__(
        self, samples: int = 2250, leads: int = 12, patch: int = 75, dim: int = 768, heads: int = 12, depth: int = 12
    ):
        super().__init__()
        if samples % patch:
            raise ConfigError(f"{samples} samples do not divide into patches of {patch}; choose a divisor as patch.")
        self.dim, self.leads, self.patch, self.patches_per_lead = dim, leads, patch, samples // patch
        self.embed = nn.Sequential(nn.LayerNorm(patch), nn.Linear(patch, dim), nn.LayerNorm(dim))
        positions = sincos_positions(self.patches_per_lead, dim)[None]
        self.positions = nn.Parameter(positions, requires_grad=False)
        self.separator = nn.Parameter(0.02 * torch.randn(dim))
        self.lead_embedding = nn.Parameter(0.02 * torch.randn(leads, dim))
        self.blocks = nn.ModuleList(TransformerBlock(dim, heads) for _ in range(depth))
        self.norm = nn.LayerNorm(dim)

    def patches(self, ecg: Float[Tensor, "batch lead time"]) -> Float[Tensor, "batch lead patch sample"]:
        """The samples of every token."""
        if ecg.shape[-1] != self.patches_per_lead * self.patch:
            raise ConfigError(
                f"this encoder has positions for {self.patches_per_lead * self.patch} samples and received "
                f"{ecg.shape[-1]}; crop the recordings, or build it for these."
            )
        return ecg.unflatten(-1, (self.patches_per_lead, self.patch))

    def encode_tokens(
        self,
        ecg: Float[Tensor, "batch lead time"],
        present: Bool[Tensor, "batch lead"] | None = None,
        visible: Int[Tensor, "batch lead kept"] | None = None,
    ) -> Float[Tensor, "batch lead seen dim"]:
        """Tokens after the last block, not normalised; each lead's lie between its two separators.

        Args:
            ecg: recordings.
            present: leads that are real; no token attends to the others. All, by default.
            visible: indices of the patches to see of each lead; all, by default.
        """
        x = self.embed(self.patches(ecg)) + self.positions[:, 1:-1]
        if visible is not None:
            x = x.gather(2, visible[..., None].expand(-1, -1, -1, self.dim))
        ends = (self.separator + self.positions[0, [0, -1]]).expand(*x.shape[:2], 2, -1)
        x = torch.cat([ends[:, :, :1], x, ends[:, :, 1:]], dim=2) + self.lead_embedding[:, None]
        shape = x.shape[1:3]
        mask = None if present is None else present.repeat_interleave(shape[1], dim=1)
        x = x.flatten(1, 2)
        for block in self.blocks:
            x = block(x, mask)
        return x.unflatten(1, shape)

    def forward(
        self, ecg: Float[Tensor, "batch lead time"], present: Bool[Tensor, "batch lead"] | None = None
    ) -> Float[Tensor, "batch dim"]:
        """The mean token of the leads that are there, separators left out, then LayerNorm."""
        tokens = self.encode_tokens(ecg, present)[:, :, 1:-1].mean(2)
        if present is None:
            return self.norm(tokens.mean(1))
        weight = present.to(tokens.dtype)[..., None]
        return self.norm((tokens * weight).sum(1) / weight.sum(1).clamp(min=1))


class SpatioTemporalMAE(nn.Module):
    """Rebuilds each lead's hidden patches from its own encoded ones, which have seen the other leads.

    Args:
        encoder: sees the visible patches of all leads together.
        dim, heads, depth: of the decoder, which reads one lead at a time; 256, 4 and 4 in the paper.
        normalise: rebuild patches of mean 0 and variance 1, as the released configuration does.
    """

    def __init__(
        self, encoder: SpatioTemporalViT, dim: int = 256, heads: int = 4, depth: int = 4, normalise: bool = True
    ):
        super().__init__()
        self.encoder, self.normalise = encoder, normalise
        self.embed = nn.Linear(encoder.dim, dim)
        self.mask_token = nn.Parameter(0.02 * torch.randn(dim))
        positions = sincos_positions(encoder.patches_per_lead, dim)[None]
        self.positions = nn.Parameter(positions, requires_grad=False)
        self.blocks = nn.ModuleList(TransformerBlock(dim, heads) for _ in range(depth))
        self.norm = nn.LayerNorm(dim, eps=1e-6)
        self.predict = nn.Linear(dim, encoder.patch)

    def decode(
        self, latent: Float[Tensor, "batch lead seen dim"], visible: Int[Tensor, "batch lead kept"]
    ) -> Float[Tensor, "batch lead patch sample"]:
        """A prediction for every patch, from normalised tokens of the visible ones between two separators."""
        seen = self.embed(latent).flatten(0, 1).to(self.mask_token.dtype)
        places = visible.flatten(0, 1)[..., None].expand(-1, -1, seen.shape[-1])
        tokens = self.mask_token.expand(len(seen), self.encoder.patches_per_lead, -1).scatter(1, places, seen[:, 1:-1])
        x = torch.cat([seen[:, :1], tokens, seen[:, -1:]], dim=1) + self.positions
        for block in self.blocks:
            x = block(x)
        return self.predict(self.norm(x))[:, 1:-1].unflatten(0, latent.shape[:2])

    def forward(
        self, ecg: Float[Tensor, "batch lead time"], present: Bool[Tensor, "batch lead"], hidden: float = 0.75
    ) -> Float[Tensor, ""]:
        """Mean squared error over the hidden patches of leads that are there.

        Args:
            ecg: recordings.
            present: leads that are real.
            hidden: share of each lead's patches that is hidden, drawn lead by lead; 7 of 30 are kept at 0.75.
        """
        batch, leads = present.shape
        count = self.encoder.patches_per_lead
        order = torch.rand(batch, leads, count, device=ecg.device).argsort(-1)
        keep = max(1, int(count * (1 - hidden) + 1e-9))
        visible = order[..., :keep]
        prediction = self.decode(self.encoder.norm(self.encoder.encode_tokens(ecg, present, visible)), visible)

        target = self.encoder.patches(ecg)
        if self.normalise:
            target = (target - target.mean(-1, keepdim=True)) / (target.var(-1, keepdim=True) + 1e-6).sqrt()
        counted = torch.ones_like(order, dtype=torch.bool).scatter(-1, visible, False) & present[..., None]
        return F.mse_loss(prediction[counted], target[counted])
