"""Draw the leads, and the segments of each lead, that an encoder reads in one pretraining step (K-MERL 3.3)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from bench.errors import ConfigError

LEAD_COUNT = 12


@dataclass(frozen=True)
class LeadMasking:
    """Dynamic lead masking, then lead-independent segment masking.

    Source: K-MERL (arXiv 2502.17900) section 3.3; the ablations are rows of its Table 2d and Figure 7.

    Attributes:
        masked_leads: the numbers of masked leads to draw from, one draw per record, counted in the 12 standard leads.
            (9, 10, 11) is the paper's dynamic lead masking, so 1 to 3 leads stay; a single number fixes it (the row
            "- Dynamic Lead Masking"); empty masks no lead (the row "- Lead Masking"). A record that has fewer leads
            than the draw would leave keeps all its leads; at least one lead always stays.
        segments: ``"per_lead"`` hides equally many segments of every visible lead, each lead by its own draw;
            ``"any"`` hides as large a share of all visible segments regardless of lead (the row "- Lead-independent
            Segment Masking"); ``"none"`` hides none (the row "- Segment Masking").
        ratio: share of segments hidden, 0.25 in the paper. The paper does not say how 12.5 of 50 is rounded; the
            number hidden is rounded down here (12).
    """

    masked_leads: Sequence[int] = (9, 10, 11)
    segments: Literal["per_lead", "any", "none"] = "per_lead"
    ratio: float = 0.25

    def __post_init__(self) -> None:
        outside = [n for n in self.masked_leads if not 0 <= n < LEAD_COUNT]
        if outside:
            raise ConfigError(f"masked_leads {outside[0]}: of 12 leads, 0 to 11 can be masked; one must stay.")
        if not 0 <= self.ratio < 1:
            raise ConfigError(f"segment masking ratio {self.ratio}: expected a share in [0, 1).")

    def draw(
        self, leads: Bool[Tensor, "batch lead"], segments: int, generator: torch.Generator | None = None
    ) -> Bool[Tensor, "batch lead segment"]:
        """True where a segment of a lead is to be seen.

        Args:
            leads: which leads each record really has.
            segments: segments per lead.
            generator: source of all draws. One on the CPU gives the same masks whatever device ``leads`` is on.
        """
        device = generator.device if generator is not None else leads.device
        present = leads.to(device)
        visible_leads = self._draw_leads(present, generator)
        visible = visible_leads[:, :, None].expand(-1, -1, segments)
        if self.segments == "per_lead":
            scores = torch.rand(visible.shape, generator=generator, device=device)
            visible = visible & (_ranks(scores) >= _hidden(self.ratio, segments))
        elif self.segments == "any":
            scores = torch.rand(visible.shape, generator=generator, device=device) + 2.0 * ~visible
            hidden = [_hidden(self.ratio, n) for n in (visible_leads.sum(1) * segments).tolist()]
            ranks = _ranks(scores.flatten(1)).view(visible.shape)
            visible = visible & (ranks >= torch.tensor(hidden, device=device)[:, None, None])
        return visible.to(leads.device)

    def _draw_leads(
        self, present: Bool[Tensor, "batch lead"], generator: torch.Generator | None
    ) -> Bool[Tensor, "batch lead"]:
        if not self.masked_leads:
            return present
        choices = torch.tensor(self.masked_leads, device=present.device)
        drawn = torch.randint(len(choices), (len(present),), generator=generator, device=present.device)
        scores = torch.rand(present.shape, generator=generator, device=present.device) + 2.0 * ~present
        return present & (_ranks(scores) < (LEAD_COUNT - choices[drawn])[:, None])


def _hidden(ratio: float, count: int) -> int:
    return math.floor(ratio * count + 1e-9)  # the small term keeps 0.29 * 100 at 29


def _ranks(scores: Float[Tensor, "... n"]) -> Tensor:
    """Position of each score in the ascending order along the last axis."""
    return scores.argsort(dim=-1).argsort(dim=-1)
