"""K-MERL's lead-aware encoder: one token per lead and segment, so that any subset of leads is an input.

Source: "Knowledge-enhanced Multimodal ECG Representation Learning with Arbitrary-Lead Inputs" (K-MERL, arXiv
2502.17900), sections 3.2 and 3.3. No code was published. What the paper leaves open is settled here, and said where.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from bench.errors import ConfigError, DataError
from methods.nets.transformer import DEPTH, TransformerBlock


class TokenFeatures(NamedTuple):
    """What an encoder saw, token by token.

    ``mask`` is true for real tokens and false for padding; ``None`` says that all are real. ``groups`` are the rows of the
    records that have equally many tokens, and that number; empty where records were not grouped. Real tokens come first.
    """

    tokens: Float[Tensor, "batch token dim"]
    mask: Bool[Tensor, "batch token"] | None
    groups: tuple[tuple[Int[Tensor, " record"], int], ...] = ()

    def pooled(self) -> Float[Tensor, "batch dim"]:
        """The mean over the real tokens of each record."""
        if self.mask is None:
            return self.tokens.mean(dim=1)
        weights = self.mask / self.mask.sum(dim=1, keepdim=True)
        return torch.einsum("btd,bt->bd", self.tokens, weights.to(self.tokens.dtype))


class LeadViT(nn.Module):
    """Tokens of ``segment`` samples of one lead; a shared projection, plus a lead and a time embedding; ViT blocks.

    Only visible tokens enter the blocks. Records that show equally many tokens pass through them together, so that a batch
    costs what its records show. If there are more than 12 such groups (joint tokens under random masks), all records pass
    together: shorter ones are padded and the padding is masked in every attention. Both give the same features.

    Args:
        samples: input length, a multiple of ``segment``; 5000 (10 s at 500 Hz).
        segment: samples per token; 100 is the best of K-MERL's Figure 7 (200 ms, 50 tokens a lead).
        dim, heads, depth: width, attention heads and blocks; the published ones: :data:`methods.nets.transformer.SIZES`.
        tokens: ``"lead"``, or ``"joint"`` for MERL's tokens over all leads (row "- Lead-specific Tokenization" of
            Table 2b): what is hidden is zero, a segment hidden in every lead is dropped, and there is no lead
            embedding, for a joint token belongs to no lead.
        lead_embedding: learned vector per lead (12), added to all its tokens.
        time_embedding: learned vector per segment, shared by all leads.
        embedding_std: spread of the initial embeddings; the paper gives none. 0.02 is the usual one (Dosovitskiy et
            al. 2021); MERL's ViT starts its positions from 1, which drowns the projected signal at first.

    Attributes:
        dim: length of tokens and pooled vectors.
        segments: tokens per lead.
        most_groups: of records that show equally many tokens, up to which each group passes alone.

    The paper feeds the same features to the average pooling and to the query network (3.5), so the last LayerNorm
    comes before the mean here, not after it as in MERL's ViT. The tiny size has 5,369,856 parameters (blocks and norm
    5,338,752, projection 19,200, leads 2,304, times 9,600): our own arithmetic; the paper prints no count.
    """

    LEADS = 12
    most_groups = 12

    def __init__(
        self,
        samples: int = 5000,
        segment: int = 100,
        dim: int = 192,
        heads: int = 3,
        depth: int = DEPTH,
        tokens: Literal["lead", "joint"] = "lead",
        lead_embedding: bool = True,
        time_embedding: bool = True,
        embedding_std: float = 0.02,
    ):
        super().__init__()
        if samples % segment:
            raise ConfigError(f"{samples} samples do not divide into segments of {segment}; choose a divisor.")
        self.samples, self.segment, self.segments, self.dim = samples, segment, samples // segment, dim
        self.joint = tokens == "joint"
        self.project = nn.Linear(segment * (self.LEADS if self.joint else 1), dim, bias=False)
        lead_embedding = lead_embedding and not self.joint
        self.lead_embedding = nn.Parameter(torch.randn(self.LEADS, dim) * embedding_std) if lead_embedding else None
        self.time_embedding = nn.Parameter(torch.randn(self.segments, dim) * embedding_std) if time_embedding else None
        self.blocks = nn.ModuleList(TransformerBlock(dim, heads) for _ in range(depth))
        self.norm = nn.LayerNorm(dim)

    def forward(
        self,
        ecg: Float[Tensor, "batch lead time"],
        leads: Bool[Tensor, "batch lead"] | None = None,
        visible: Bool[Tensor, "batch lead segment"] | None = None,
    ) -> TokenFeatures:
        """Features of the visible tokens, in lead-major order.

        Args:
            ecg: all 12 leads in the project's order; rows of absent leads may hold anything.
            leads: which leads each record has; all, by default.
            visible: which segments to see, from :meth:`LeadMasking.draw`; all, by default. Absent leads stay unseen.

        Raises:
            ConfigError: when the recordings have another length or number of leads.
            DataError: when a record has no visible token.
        """
        batch = len(ecg)
        if ecg.shape[1:] != (self.LEADS, self.samples):
            raise ConfigError(
                f"this encoder reads {self.LEADS} leads of {self.samples} samples and received "
                f"{ecg.shape[1]} of {ecg.shape[2]}; deliver all 12 rows and mark absent leads in `leads`."
            )
        seen = ecg.new_ones(batch, self.LEADS, self.segments, dtype=torch.bool) if visible is None else visible
        if leads is not None:
            seen = seen & leads[:, :, None]
        pieces = ecg.view(batch, self.LEADS, self.segments, self.segment)
        if self.joint:
            pieces = pieces.masked_fill(~seen[..., None], 0.0).transpose(1, 2).flatten(2)
            seen = seen.any(dim=1)
        seen = seen.flatten(1)
        pieces = pieces.reshape(batch, -1, pieces.shape[-1])
        counts = seen.sum(dim=1)
        lengths = counts.unique().tolist()
        if lengths[0] == 0:
            raise DataError(
                f"record {int(counts.argmin())} of the batch has no visible lead; leave such records out, or pass at "
                f"least one present lead for each."
            )
        if len(lengths) == 1 or len(lengths) > self.most_groups:
            index, mask = _padded(seen, counts, lengths[-1])
            return TokenFeatures(self._encode(pieces, index, mask), mask)
        groups = tuple(((counts == length).nonzero()[:, 0], length) for length in lengths)
        parts = [self._encode(pieces[rows], _positions(seen[rows], length), None) for rows, length in groups]
        tokens = torch.cat([F.pad(part, (0, 0, 0, lengths[-1] - part.shape[1])) for part in parts])
        order = torch.cat([rows for rows, _ in groups]).argsort()
        return TokenFeatures(tokens[order], torch.arange(lengths[-1], device=ecg.device) < counts[:, None], groups)

    def _encode(
        self,
        pieces: Float[Tensor, "batch all samples"],
        index: Int[Tensor, "batch token"],
        mask: Bool[Tensor, "batch token"] | None,
    ) -> Float[Tensor, "batch token dim"]:
        """Features of the tokens at ``index``; ``mask`` marks the real ones."""
        x = self.project(pieces.gather(1, index[..., None].expand(-1, -1, pieces.shape[-1])))
        if self.lead_embedding is not None:
            x = x + self.lead_embedding[index // self.segments]
        if self.time_embedding is not None:
            x = x + self.time_embedding[index % self.segments]
        for block in self.blocks:
            x = block(x, mask)
        return self.norm(x)


def _positions(seen: Bool[Tensor, "batch token"], count: int) -> Int[Tensor, "batch count"]:
    """Positions of the true entries of rows that have ``count`` each, in order."""
    return seen.nonzero()[:, 1].view(len(seen), count)


def _padded(
    seen: Bool[Tensor, "batch token"], counts: Int[Tensor, " batch"], most: int
) -> tuple[Int[Tensor, "batch most"], Bool[Tensor, "batch most"] | None]:
    """Positions of the true entries of each row, in order, padded to the longest row; and which of them are real."""
    if int(counts.min()) == most:
        return _positions(seen, most), None
    index = (~seen).to(torch.uint8).argsort(dim=1, stable=True)[:, :most]
    mask = torch.arange(most, device=seen.device) < counts[:, None]
    # Padding repeats the first visible token: an absent lead may hold NaN, and NaN survives a zero attention weight.
    return index.where(mask, index[:, :1]), mask
