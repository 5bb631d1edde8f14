"""LEAVES's view module: augmentations whose strengths are learned.

Source: Yu et al., "LEAVES: Learning Views for Time-Series Data in Contrastive Learning", 2022. The order of the five
operations, the four knots, the five components and the slope of the gates are those of its released code; how strengths
are laid out is our own. The code's Fourier transform runs over leads; here it runs over time, as the paper means it.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from methods.augment import resample_at, unit_range

OPERATIONS = ("jitter", "scaling", "frequency", "magnitude", "time")

SLOPE = 10.0
"""How sharply a gate decides between an operation and none."""


class LearnedViews(nn.Module):
    """Jitter, scaling, frequency suppression, magnitude warp, time distortion, each behind a learned gate.

    Every draw is a differentiable function of what is learned: SDs for each lead, how likely each frequency is to be
    suppressed, a mixture of normals for the time axis, and how likely each operation is to be used on a record.

    Args:
        leads: input channels.
        samples: input length.
        strength: largest SD that can be learned, for signals in [0, 1].
        knots: of the magnitude curve.
        components: of the mixture that time is drawn from.
    """

    def __init__(
        self, leads: int = 12, samples: int = 1000, strength: float = 0.1, knots: int = 4, components: int = 5
    ):
        super().__init__()
        self.strength, self.knots = strength, knots
        self.sigma = nn.Parameter(torch.zeros(3, leads))  # jitter, scaling, magnitude; before the sigmoid
        self.suppress = nn.Parameter(torch.full((samples // 2 + 1,), -2.0))
        self.weights = nn.Parameter(torch.zeros(components))
        self.means = nn.Parameter(torch.linspace(-1, 1, components))
        self.log_spread = nn.Parameter(torch.full((components,), -1.0))
        self.use = nn.Parameter(torch.zeros(len(OPERATIONS)))

    def forward(self, ecg: Float[Tensor, "batch lead time"]) -> Float[Tensor, "batch lead time"]:
        """One random view, every lead in [0, 1] again."""
        jitter, scaling, magnitude = self.strength * self.sigma.sigmoid()[:, :, None]
        batch, leads, time = ecg.shape
        for number, operation in enumerate(OPERATIONS):
            if operation == "jitter":
                changed = ecg + jitter * torch.randn_like(ecg)
            elif operation == "scaling":
                changed = ecg * (1 + scaling * torch.randn(batch, leads, 1, device=ecg.device))
            elif operation == "frequency":
                passed = 1 - self._chance(self.suppress, batch)
                changed = torch.fft.irfft(torch.fft.rfft(ecg) * passed[:, None], n=time)
            elif operation == "magnitude":
                curve = torch.randn(batch, leads, self.knots, device=ecg.device)
                changed = ecg * (1 + magnitude * F.interpolate(curve, time, mode="linear", align_corners=True))
            else:
                changed = self._distort(ecg)
            gate = self._chance(self.use[number : number + 1], batch)[..., None]
            ecg = gate * changed + (1 - gate) * ecg
        return unit_range(ecg)

    def _chance(self, logits: Float[Tensor, " n"], batch: int) -> Float[Tensor, "batch n"]:
        """Nearly 1 with the learned probability of each of ``n``, nearly 0 otherwise, for each record."""
        draw = torch.rand(batch, len(logits), device=logits.device)
        return torch.sigmoid(SLOPE * (logits.sigmoid() - draw))

    def _distort(self, ecg: Float[Tensor, "batch lead time"]) -> Float[Tensor, "batch lead time"]:
        """The signal at sorted positions drawn from the mixture, squashed into the recording."""
        batch, _, time = ecg.shape
        component = F.gumbel_softmax(self.weights.expand(batch, time, -1), hard=True)
        noise = torch.randn(batch, time, device=ecg.device)
        drawn = component @ self.means + (component @ self.log_spread.exp()) * noise
        return resample_at(ecg, (drawn.tanh().sort(dim=1)[0] + 1) / 2 * (time - 1))
