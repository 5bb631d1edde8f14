"""The Cross-Reconstruction Transformer: waveform, amplitude and phase spectra reconstruct each other.

Source: Zhang et al., "Self-supervised time series representation learning via cross reconstruction transformer" (CRT),
IEEE TNNLS 2023, and its released code. Two of the release's defects are options here: what each prediction is compared
with (:class:`CRT`), and how fine-tuning marks the domains (:class:`CRTEncoder`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from bench.errors import ConfigError
from methods.nets.resnet import ResidualBlock
from methods.nets.transformer import TransformerBlock

DOMAINS = ("time", "magnitude", "phase")


def time_magnitude_phase(signal: Float[Tensor, "batch lead time"]) -> Float[Tensor, "batch lead doubled"]:
    """The signal, then the magnitudes and phases of the lower half of its discrete Fourier transform.

    As in the release, a bin that is real and negative with an imaginary part of exactly zero has phase 0, not pi.
    """
    bins = torch.fft.fft(signal)[..., : signal.shape[-1] // 2]
    phase = torch.where(bins.imag == 0, 0.0, bins.angle())
    return torch.cat([signal, bins.abs(), phase], dim=-1)


class PatchCNN(nn.Sequential):
    """A small ResNet18 that turns one patch of all leads into one vector; its widths double up to ``dim``."""

    def __init__(self, leads: int, dim: int):
        width = dim // 8
        stem = nn.Conv1d(leads, width, 3, stride=2, padding=1, bias=False)
        layers: list[nn.Module] = [stem, nn.BatchNorm1d(width), nn.ReLU(), nn.MaxPool1d(3, stride=2, padding=1)]
        channels = width
        for stage in range(4):
            for i in range(2):
                stride = 2 if stage > 0 and i == 0 else 1
                layers.append(ResidualBlock(channels, width * 2**stage, stride, bottleneck=False))
                channels = width * 2**stage
        super().__init__(*layers)

    def forward(self, patches: Float[Tensor, "batch patch lead time"]) -> Float[Tensor, "batch patch dim"]:
        return super().forward(patches.flatten(0, 1)).mean(dim=-1).unflatten(0, patches.shape[:2])


class CRTEncoder(nn.Module):
    """Tokens of three domains, a class token for each, one transformer over all.

    Args:
        samples: input length in time; the spectra add as much again. A multiple of twice ``patch``.
        leads: input leads.
        patch: samples, or bins, per token; 20 in the release.
        dim: width; 128 for PTB-XL (2,567,776 parameters).
        depth, heads, head_dim: 6, 8 and 64; queries, keys and values have no bias, and the MLP does not widen.
        dropout, embedding_dropout: 0.2 and 0.1.
        batch_sliced_domains: in :meth:`forward`, add the embedding of the time domain to every token of the first
            records of a batch, as the released fine-tuning does by slicing the wrong axis. Off: each token is marked
            with its own domain, as in pretraining.

    Attributes:
        dim: length of the pooled vector.
    """

    def __init__(
        self,
        samples: int = 5000,
        leads: int = 12,
        patch: int = 20,
        dim: int = 128,
        depth: int = 6,
        heads: int = 8,
        head_dim: int = 64,
        dropout: float = 0.2,
        embedding_dropout: float = 0.1,
        batch_sliced_domains: bool = False,
    ):
        super().__init__()
        if samples % (2 * patch) or dim % 8:
            raise ConfigError(
                f"CRT needs samples ({samples}) in multiples of two patches (2 x {patch}) and a width ({dim}) in "
                f"multiples of 8."
            )
        times = samples // patch
        self.counts = (times, times // 2, times // 2)
        self.dim, self.patch, self.leads = dim, patch, leads
        self.batch_sliced_domains = batch_sliced_domains
        self.positions = nn.Parameter(torch.randn(1, sum(self.counts) + 3, dim))
        self.domain_embedding = nn.Parameter(torch.randn(3, 1, dim))
        self.class_tokens = nn.Parameter(torch.randn(1, 3, dim))
        self.dropout = nn.Dropout(embedding_dropout)
        self.blocks = nn.ModuleList(
            TransformerBlock(dim, heads, 1.0, dropout, head_dim=head_dim, qkv_bias=False) for _ in range(depth)
        )
        self.patch_cnns = nn.ModuleList(PatchCNN(leads, dim) for _ in DOMAINS)

    def patches(self, domains: Float[Tensor, "batch lead doubled"]) -> list[Float[Tensor, "batch patch lead time"]]:
        """The three domains of :func:`time_magnitude_phase`, each in patches of all leads."""
        pieces = domains.unflatten(-1, (-1, self.patch)).transpose(1, 2)
        return list(pieces.split(self.counts, dim=1))

    def position_of(self, domain: int) -> int:
        """Where a domain's class token lies in the full sequence; its patches follow."""
        return sum(self.counts[:domain]) + domain

    def forward(self, ecg: Float[Tensor, "batch lead time"]) -> Float[Tensor, "batch dim"]:
        """The mean of the three class tokens of a recording."""
        return self.encode_domains(time_magnitude_phase(ecg))

    def encode_domains(self, domains: Float[Tensor, "batch lead doubled"]) -> Float[Tensor, "batch dim"]:
        """The mean of the three class tokens, from domains that are computed already."""
        contents = [cnn(patches) for cnn, patches in zip(self.patch_cnns, self.patches(domains), strict=True)]
        all_patches = [torch.arange(count, device=domains.device) for count in self.counts]
        if self.batch_sliced_domains:
            tokens = self.sequence(contents, all_patches, mark_domains=False)
            first, second = (self.position_of(domain) for domain in (1, 2))
            record = torch.arange(len(tokens), device=tokens.device)
            tokens = tokens + self.domain_embedding[(record >= first).long() + (record >= second).long()]
        else:
            tokens = self.sequence(contents, all_patches)
        encoded = self.transform(self.dropout(tokens))
        return encoded[:, [self.position_of(domain) for domain in range(3)]].mean(dim=1)

    def sequence(
        self,
        contents: Sequence[Float[Tensor, "batch _ dim"]],
        shown: Sequence[Int[Tensor, " _"]],
        mark_domains: bool = True,
    ) -> Float[Tensor, "batch token dim"]:
        """Each domain's class token and shown tokens, with positions and domain embeddings added."""
        parts = []
        for domain, (content, index) in enumerate(zip(contents, shown, strict=True)):
            first = self.class_tokens[:, domain : domain + 1].expand(len(content), -1, -1)
            start = self.position_of(domain)
            places = torch.cat([index.new_tensor([start]), index + start + 1])
            part = torch.cat([first, content], dim=1) + self.positions[:, places]
            parts.append(part + self.domain_embedding[domain] if mark_domains else part)
        return torch.cat(parts, dim=1)

    def transform(self, tokens: Float[Tensor, "batch token dim"]) -> Float[Tensor, "batch token dim"]:
        """The transformer."""
        for block in self.blocks:
            tokens = block(tokens)
        return tokens


def token_discrimination(
    tokens: Float[Tensor, "batch token dim"], encoded: Float[Tensor, "batch token dim"]
) -> Float[Tensor, ""]:
    """CRT's instance discrimination constraint: tokens should not resemble the encodings of other tokens.

    The log of the sum, over pairs of different tokens, of exp(cosine between one before and one after the
    transformer); mean over records.
    """
    cosines = F.normalize(tokens, dim=-1) @ F.normalize(encoded, dim=-1).transpose(1, 2)
    itself = torch.eye(tokens.shape[1], dtype=torch.bool, device=tokens.device)
    return cosines.masked_fill(itself, -torch.inf).flatten(1).logsumexp(dim=1).mean()


class CRT(nn.Module):
    """Pretraining around a :class:`CRTEncoder`: rebuild all patches of all domains.

    Hidden patches are rebuilt by a decoder from mask tokens, shown ones from their encodings. The same patches are
    hidden in all records of a batch, and in magnitude and phase alike.

    Args:
        encoder: sees the shown tokens only.
        depth: blocks of the decoder, 2.
        constraint_weight: of :func:`token_discrimination`, 1e-4.
        crossed_targets: the release lists predictions with shown patches first and targets with hidden patches first,
            so that each is compared with another patch's signal; true reproduces this.
    """

    def __init__(
        self, encoder: CRTEncoder, depth: int = 2, constraint_weight: float = 1e-4, crossed_targets: bool = False
    ):
        super().__init__()
        self.encoder = encoder
        self.constraint_weight, self.crossed_targets = constraint_weight, crossed_targets
        dim, total = encoder.dim, sum(encoder.counts)
        self.mask_tokens = nn.Parameter(torch.randn(3, dim))
        self.blocks = nn.ModuleList(TransformerBlock(dim, 8, 1.0, head_dim=64, qkv_bias=False) for _ in range(depth))
        # Three rows more than are used, as in released checkpoints.
        self.positions = nn.Embedding(total + 3, dim)
        self.rebuild = nn.ModuleList(nn.Linear(dim, encoder.leads * encoder.patch) for _ in DOMAINS)
        self.project_tokens = nn.Linear(dim, dim)
        self.project_encoded = nn.Linear(dim, dim)

    def draw(self, generator: torch.Generator | None = None) -> tuple[Int[Tensor, " times"], Int[Tensor, " bins"]]:
        """A random order of the time patches and of the spectral ones; the first of each will be hidden."""
        times, bins, _ = self.encoder.counts
        return torch.randperm(times, generator=generator), torch.randperm(bins, generator=generator)

    def forward(
        self,
        domains: Float[Tensor, "batch lead doubled"],
        ratio: float,
        orders: tuple[Int[Tensor, " times"], Int[Tensor, " bins"]] | None = None,
    ) -> dict[str, Float[Tensor, ""]]:
        """The terms ``reconstruction`` and ``constraint``, weighted, to be added.

        Args:
            domains: from :func:`time_magnitude_phase`.
            ratio: share of patches hidden; 0.3 to 0.8, rising over the epochs, in the release.
            orders: from :meth:`draw`; drawn when not given.
        """
        encoder = self.encoder
        patches = encoder.patches(domains)
        times, bins = (order.to(domains.device) for order in (orders or self.draw()))
        hidden_count = math.floor(ratio * sum(encoder.counts) + 1e-9)
        hide_times, hide_bins = hidden_count // 2, hidden_count // 4
        hidden = [times[:hide_times].sort()[0], *[bins[:hide_bins].sort()[0]] * 2]
        shown = [times[hide_times:].sort()[0], *[bins[hide_bins:].sort()[0]] * 2]

        contents = [cnn(p[:, s]) for cnn, p, s in zip(encoder.patch_cnns, patches, shown, strict=True)]
        encoded = encoder.transform(encoder.sequence(contents, shown))
        encodings = [part[:, 1:] for part in encoded.split([len(s) + 1 for s in shown], dim=1)]
        constraint = token_discrimination(
            self.project_tokens(torch.cat(contents, dim=1)), self.project_encoded(torch.cat(encodings, dim=1))
        )

        starts = [sum(encoder.counts[:domain]) for domain in range(3)]
        masked = [self.mask_tokens[d] + self.positions(hidden[d] + starts[d]) for d in range(3)]
        x = torch.cat([encoded, torch.cat(masked).expand(len(encoded), -1, -1)], dim=1)
        for block in self.blocks:
            x = block(x)
        decoded = x[:, encoded.shape[1] :].split([len(h) for h in hidden], dim=1)

        errors, values = domains.new_zeros(()), 0
        for d in range(3):
            prediction = self.rebuild[d](torch.cat([encodings[d], decoded[d]], dim=1))
            order = [hidden[d], shown[d]] if self.crossed_targets else [shown[d], hidden[d]]
            target = patches[d][:, torch.cat(order)].flatten(2)
            errors = errors + (prediction - target).square().sum()
            values += target.numel()
        return {"reconstruction": errors / values, "constraint": self.constraint_weight * constraint}
