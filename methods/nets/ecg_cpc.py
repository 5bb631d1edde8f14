"""ECG-CPC's encoder: convolutions to 120 Hz, then four causal structured state space (S4) layers.

Sources: the names, shapes and description of the released code of ECG-CPC (arXiv 2509.25095); Gu et al., "Efficiently
Modeling Long Sequences with Structured State Spaces", ICLR 2022, for the kernel of a diagonal plus low-rank state.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from bench.errors import ConfigError
from bench.method.published_names import Rules

STATES = 4
"""Of eight, of which four are the conjugates of the others."""


def unit_roots(length: int) -> Float[Tensor, "node part"]:
    """The upper half of the roots of unity of a length, clockwise from 1, as real and imaginary parts."""
    angles = -2 * math.pi * torch.arange(length // 2 + 1, dtype=torch.float64) / length
    return torch.stack([angles.cos(), angles.sin()], dim=-1).float()


class StateSpaceKernel(nn.Module):
    """The impulse response of a channel's state space with the state matrix ``diag(w) - P Q*``.

    ``C`` alone is trained. As in the release, it contains the factor that cuts the response at ``length``, so that a
    shorter response is the beginning of this one. The initial values are placeholders for those of a file.

    Args:
        dim: channels.
        length: positions of the response, 1200 in the release (10 s); its file has this many roots of unity.
    """

    omega: Tensor
    log_dt: Tensor
    B: Tensor
    P: Tensor
    Q: Tensor
    w: Tensor

    def __init__(self, dim: int, length: int):
        super().__init__()
        self.length = length
        self.C = nn.Parameter(torch.randn(1, dim, STATES, 2) * 0.5**0.5)
        self.register_buffer("omega", unit_roots(length))
        self.register_buffer("log_dt", torch.linspace(math.log(1e-3), math.log(1e-1), dim))
        for name in ("B", "P", "Q"):
            self.register_buffer(name, torch.randn(1, dim, STATES, 2) * 0.5**0.5)
        poles = torch.stack([torch.full((STATES,), -0.5), math.pi * torch.arange(STATES)], dim=-1)
        self.register_buffer("w", poles.expand(dim, STATES, 2).clone())

    def forward(self, positions: int) -> Float[Tensor, "dim position"]:
        """The first positions of the response.

        Raises:
            ConfigError: there are more positions than the response has.
        """
        if positions > self.length:
            raise ConfigError(
                f"ECG-CPC's weights hold for {self.length} positions and received {positions}; crop recordings to 10 s."
            )
        parts = (self.omega, self.w, self.B, self.C, self.P, self.Q)
        omega, w, b, c, p, q = (torch.view_as_complex(part.double().contiguous()) for part in parts)
        dt = self.log_dt.double().exp()[:, None]
        # the bilinear rule at a root: 1 / (z - w dt) with z = 2 (1 - omega) / (1 + omega); multiplied out, since z has a pole
        nodes, poles = 2 * (1 - omega), (w * dt)[..., None]
        upper, lower = nodes - poles * (1 + omega), nodes - poles.conj() * (1 + omega)

        residues = torch.cat([b * c, b * q, p * c, p * q]).transpose(0, 1)
        whole, left, right, both = (dt[..., None] * (residues @ (1 / upper) + residues.conj() @ (1 / lower))).unbind(1)
        correction = (1 + omega) * left * right / (1 + (1 + omega) * both)
        response = torch.fft.irfft(2 * (whole - correction), n=self.length)
        return response[:, :positions].to(self.C.dtype)


class ChannelMix(nn.Module):
    """A linear map of the channels at each position."""

    def __init__(self, before: int, after: int):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(after, before))
        self.bias = nn.Parameter(torch.zeros(after, 1))
        nn.init.kaiming_uniform_(self.weight, a=5**0.5)

    def forward(self, x: Float[Tensor, "batch dim position"]) -> Float[Tensor, "batch wide position"]:
        return self.weight @ x + self.bias


class StateSpaceLayer(nn.Module):
    """Causal convolution with the kernel, GELU and a gated linear unit."""

    def __init__(self, dim: int, length: int):
        super().__init__()
        self.kernel = StateSpaceKernel(dim, length)
        self.D = nn.Parameter(torch.randn(1, dim))
        self.mix = ChannelMix(dim, 2 * dim)

    def forward(self, x: Float[Tensor, "batch dim position"]) -> Float[Tensor, "batch dim position"]:
        positions = x.shape[-1]
        spectrum = torch.fft.rfft(self.kernel(positions).to(x.dtype), n=2 * positions)
        y = torch.fft.irfft(torch.fft.rfft(x, n=2 * positions) * spectrum, n=2 * positions)[..., :positions]
        return F.glu(self.mix(F.gelu(y + self.D[..., None] * x)), dim=1)


class ECGCPCEncoder(nn.Module):
    """The mean over positions of the last layer.

    Args:
        leads: rows of the recording.
        dim: channels, 512 in the release.
        depth: layers, 4 in the release.
        length: positions that the file was trained for, two samples each; 1200 in the release.

    Attributes:
        dim: length of the pooled vector.
    """

    def __init__(self, leads: int = 12, dim: int = 512, depth: int = 4, length: int = 1200):
        super().__init__()
        self.dim = dim
        convolutions = [nn.Conv1d(leads, dim, 3, 2, padding=1, bias=False)]
        convolutions += [nn.Conv1d(dim, dim, 1, bias=False) for _ in range(3)]
        self.stem = nn.Sequential(
            *(nn.Sequential(convolution, nn.BatchNorm1d(dim), nn.ReLU()) for convolution in convolutions)
        )
        self.layers = nn.ModuleList(StateSpaceLayer(dim, length) for _ in range(depth))
        self.norms = nn.ModuleList(nn.LayerNorm(dim) for _ in range(depth))

    def encode_tokens(self, ecg: Float[Tensor, "batch lead time"]) -> Float[Tensor, "batch position dim"]:
        """Every position of the last layer; none sees a later sample than its own convolution does."""
        x = self.stem(ecg)
        for layer, norm in zip(self.layers, self.norms, strict=True):
            x = norm((x + layer(x)).transpose(1, 2)).transpose(1, 2)
        return x.transpose(1, 2)

    def forward(self, ecg: Float[Tensor, "batch lead time"]) -> Float[Tensor, "batch dim"]:
        return self.encode_tokens(ecg).mean(1)


_PREDICTOR = r"ts_encoder\.predictor\.predictor\."

ECG_CPC: Rules = (
    (r"ts_encoder\.encoder\.layers\.", "stem."),
    (rf"{_PREDICTOR}s4_layers\.(\d+)\.D$", r"layers.\1.D"),
    (rf"{_PREDICTOR}s4_layers\.(\d+)\.kernel\.kernel\.z$", None),  # follows from omega
    (rf"{_PREDICTOR}s4_layers\.(\d+)\.kernel\.kernel\.", r"layers.\1.kernel."),
    (rf"{_PREDICTOR}s4_layers\.(\d+)\.output_linear\.0\.", r"layers.\1.mix."),
    (rf"{_PREDICTOR}norms\.", "norms."),
)
"""ECG-CPC's encoder."""
