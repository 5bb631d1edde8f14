"""MMCL's ECG transformer and its masked autoencoder.

Source: Turgut et al., "Unlocking the diagnostic potential of electrocardiograms through information transfer from
cardiac magnetic resonance imaging" (MMCL), and its released code, after He et al., "Masked autoencoders are scalable
vision learners", CVPR 2022. A token is 100 samples of one lead.
"""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from bench.errors import ConfigError
from methods.nets.pooling import MeanQueryPool
from methods.nets.transformer import DropPath, TransformerBlock, drop_path_rates

EPS = 1e-6
"""Of every LayerNorm, as in MAE."""


def sincos_positions(dim: int, leads: int, times: int) -> Float[Tensor, "token dim"]:
    """Fixed positions over the grid of leads and times, lead-major, after a first row of zeros for the class token.

    The first half of the channels encodes the time index, the second half the lead index; each half holds sines, then
    cosines, of wavelengths from 2 pi to 10,000 x 2 pi.
    """
    if dim % 4:
        raise ConfigError(f"sine-cosine positions need a width that is a multiple of 4, not {dim}.")
    rates = 10_000.0 ** (-torch.arange(dim // 4, dtype=torch.float64) / (dim // 4))

    def waves(index: Tensor) -> Tensor:
        angles = index.double()[:, None] * rates
        return torch.cat([angles.sin(), angles.cos()], dim=1)

    time, lead = waves(torch.arange(times)), waves(torch.arange(leads))
    grid = torch.cat([time.repeat(leads, 1), lead.repeat_interleave(times, dim=0)], dim=1)
    return torch.cat([torch.zeros(1, dim, dtype=torch.float64), grid])


class PatchViT(nn.Module):
    """MMCL's ECG encoder: class token, tokens of 100 samples of one lead, three pre-LayerNorm blocks.

    Args:
        samples: input length; 2500 (5 s at 500 Hz) in MMCL.
        leads: input leads.
        patch: samples per token.
        dim, heads, depth: 384, 6 and 3 in MMCL (its "tiny", 5,363,328 parameters without positions).
        pool: ``"mean"`` of the tokens, class token left out; ``"attention"``: the mean asks all tokens (MMCL's
            fine-tuning); ``"class"`` token.
        trainable_positions: positions start as sines and cosines; fixed in pretraining, trained in fine-tuning.
        norm_twice: apply the last LayerNorm of a pooled vector twice, as the released fine-tuning does (once among
            the features, once before the classifier).
        drop_path: rate of the last block, rising linearly; 0.1 in the released multimodal training.

    Attributes:
        dim: length of tokens and of the pooled vector.
    """

    def __init__(
        self,
        samples: int = 2500,
        leads: int = 12,
        patch: int = 100,
        dim: int = 384,
        heads: int = 6,
        depth: int = 3,
        pool: Literal["mean", "attention", "class"] = "mean",
        trainable_positions: bool = False,
        norm_twice: bool = False,
        drop_path: float = 0.0,
    ):
        super().__init__()
        if samples % patch:
            raise ConfigError(
                f"{samples} samples do not divide into patches of {patch}; make the input (seconds times fs) a multiple, or "
                f"choose a divisor as patch where the method has that field."
            )
        self.dim, self.heads, self.patch, self.grid = dim, heads, patch, (leads, samples // patch)
        self.class_token = nn.Parameter(torch.randn(1, 1, dim) * 0.02)
        positions = sincos_positions(dim, *self.grid).float()[None]
        self.positions = nn.Parameter(positions, requires_grad=trainable_positions)
        self.patch_embedding = nn.Conv2d(1, dim, (1, patch), stride=(1, patch))
        self.blocks = nn.ModuleList(
            TransformerBlock(dim, heads, drop_path=rate, eps=EPS) for rate in drop_path_rates(drop_path, depth)
        )
        self.norm = nn.LayerNorm(dim, eps=EPS)
        self.pool = MeanQueryPool(dim, heads) if pool == "attention" else None
        self.reads_class_token, self.norm_twice = pool == "class", norm_twice

    def begin_finetuning(self, pool: Literal["mean", "attention", "class"], drop_path: float, norm_twice: bool) -> None:
        """From the network of pretraining to that of fine-tuning: see the arguments of the class; positions train."""
        self.pool = MeanQueryPool(self.dim, self.heads).to(self.positions.device) if pool == "attention" else None
        self.reads_class_token, self.norm_twice = pool == "class", norm_twice
        self.positions.requires_grad_(True)
        self.set_drop_path(drop_path)

    def set_drop_path(self, last: float) -> None:
        """From now on, whole branches are skipped at a rate that rises to ``last`` in the last block."""
        dropped = [module for module in self.blocks.modules() if isinstance(module, DropPath)]
        for module, rate in zip(dropped, drop_path_rates(last, len(dropped)), strict=True):
            module.rate = rate

    @property
    def tokens(self) -> int:
        """Tokens of one recording, class token left out: 300."""
        return self.grid[0] * self.grid[1]

    def patches(self, ecg: Float[Tensor, "batch lead time"]) -> Float[Tensor, "batch token sample"]:
        """The samples of every token, lead-major."""
        return ecg.reshape(len(ecg), self.tokens, self.patch)

    def encode_tokens(
        self, ecg: Float[Tensor, "batch lead time"], visible: Int[Tensor, "batch kept"] | None = None
    ) -> Float[Tensor, "batch seen dim"]:
        """Class token and tokens after the last block, not normalised.

        Args:
            ecg: recordings of the length the network was built for.
            visible: indices of the tokens to see, in the order to see them; all, by default.
        """
        leads, times = self.grid
        if ecg.shape[1:] != (leads, times * self.patch):
            raise ConfigError(
                f"this encoder has positions for {leads} leads of {times * self.patch} samples and received "
                f"{ecg.shape[1]} of {ecg.shape[2]}; crop the recordings, or build it for these."
            )
        x = self.patch_embedding(ecg[:, None]).flatten(2).transpose(1, 2) + self.positions[:, 1:]
        if visible is not None:
            x = x.gather(1, visible[..., None].expand(-1, -1, self.dim))
        first = (self.class_token + self.positions[:, :1]).expand(len(x), -1, -1)
        x = torch.cat([first, x], dim=1)
        for block in self.blocks:
            x = block(x)
        return x

    def forward(self, ecg: Float[Tensor, "batch lead time"]) -> Float[Tensor, "batch dim"]:
        """One vector for each recording."""
        tokens = self.encode_tokens(ecg)
        if self.reads_class_token:
            return self.norm(tokens)[:, 0]
        pooled = self.norm(tokens[:, 1:].mean(dim=1) if self.pool is None else self.pool(tokens[:, 1:]))
        return self.norm(pooled) if self.norm_twice else pooled


class Masking(NamedTuple):
    """Which tokens a masked forward pass saw."""

    visible: Int[Tensor, "batch kept"]
    hidden: Bool[Tensor, "batch token"]


def random_masking(noise: Float[Tensor, "batch token"], keep: int) -> Masking:
    """Keep the tokens with the ``keep`` smallest noise values of each record, in the order of the noise."""
    visible = noise.argsort(dim=1)[:, :keep]
    return Masking(visible, torch.ones_like(noise, dtype=torch.bool).scatter(1, visible, False))


def kept_tokens(tokens: int, ratio: float, as_released: bool = False) -> int:
    """How many of ``tokens`` stay visible at a masking ratio: 60 of 300 at 0.8.

    The released code keeps 59, because 300 * (1 - 0.8) is just below 60 in floating point and is truncated.
    """
    return int(tokens * (1 - ratio)) if as_released else math.floor(tokens * (1 - ratio) + 1e-9)


class MaskedAutoencoder(nn.Module):
    """Rebuilds all patches of a recording from a few of its tokens.

    Args:
        encoder: sees the visible tokens only.
        dim, heads, depth: of the decoder; 256, 8 and 2 in MMCL (1,704,292 parameters without the mask token).
    """

    def __init__(self, encoder: PatchViT, dim: int = 256, heads: int = 8, depth: int = 2):
        super().__init__()
        self.encoder = encoder
        self.embed = nn.Linear(encoder.dim, dim)
        self.mask_token = nn.Parameter(torch.randn(1, 1, dim) * 0.02)
        positions = sincos_positions(dim, *encoder.grid).float()[None]
        self.positions = nn.Parameter(positions, requires_grad=False)
        self.blocks = nn.ModuleList(TransformerBlock(dim, heads, eps=EPS) for _ in range(depth))
        self.norm = nn.LayerNorm(dim, eps=EPS)
        self.predict = nn.Linear(dim, encoder.patch)

    def encode(
        self, ecg: Float[Tensor, "batch lead time"], visible: Int[Tensor, "batch kept"]
    ) -> Float[Tensor, "batch seen dim"]:
        """Normalised class token and visible tokens."""
        return self.encoder.norm(self.encoder.encode_tokens(ecg, visible))

    def decode(
        self, latent: Float[Tensor, "batch seen dim"], visible: Int[Tensor, "batch kept"]
    ) -> Float[Tensor, "batch token sample"]:
        """A prediction for every patch, visible ones included."""
        x = self.embed(latent).to(self.mask_token.dtype)
        tokens = self.mask_token.expand(len(x), self.encoder.tokens, -1)
        tokens = tokens.scatter(1, visible[..., None].expand(-1, -1, x.shape[-1]), x[:, 1:])
        x = torch.cat([x[:, :1], tokens], dim=1) + self.positions
        for block in self.blocks:
            x = block(x)
        return self.predict(self.norm(x))[:, 1:]

    def forward(
        self, ecg: Float[Tensor, "batch lead time"], visible: Int[Tensor, "batch kept"]
    ) -> Float[Tensor, "batch token sample"]:
        """A prediction for every patch from the visible ones."""
        return self.decode(self.encode(ecg, visible), visible)


def reconstruction_loss(
    prediction: Float[Tensor, "batch token sample"],
    patches: Float[Tensor, "batch token sample"],
    leads: int,
    normalise_patches: bool = False,
    correlation_weight: float = 0.0,
    hidden: Bool[Tensor, "batch token"] | None = None,
) -> Float[Tensor, ""]:
    """Mean squared error over patches, optionally mixed with one minus the correlation of whole leads.

    Args:
        prediction, patches: what the decoder said and what was there.
        leads: rows that the tokens form, for the correlation.
        normalise_patches: compare with patches of mean 0 and variance 1 (an option of MAE, off in MMCL).
        correlation_weight: share of ``1 - Pearson r`` per lead, averaged, always against the patches as they are;
            MMCL's paper has none (equation 2a), its code's default is 0.1.
        hidden: count these patches only, as He et al. do; MMCL counts all.
    """
    target = patches
    if normalise_patches:
        deviation = (patches.var(dim=-1, keepdim=True) + 1e-6).sqrt()
        target = (patches - patches.mean(dim=-1, keepdim=True)) / deviation
    errors = (prediction - target).square().mean(dim=-1)
    loss = errors.mean() if hidden is None else errors[hidden].mean()
    if not correlation_weight:
        return loss
    predicted, signal = (t.reshape(len(t), leads, -1) for t in (prediction, patches))
    predicted, signal = (t - t.mean(dim=-1, keepdim=True) for t in (predicted, signal))
    correlation = F.cosine_similarity(predicted, signal, dim=-1, eps=1e-12).mean()
    return (1 - correlation_weight) * loss + correlation_weight * (1 - correlation)
