"""The variational autoencoder of 12-lead beats that LLM-DAN compares with (Table III, CNN-VAE).

Source: Beetz et al., "Combined generation of electrocardiogram and cardiac anatomy models using multi-modal variational
autoencoders", ISBI 2022, and Sang et al., ISBI 2022, in the form that LLM-DAN's released code has (512 features).
"""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn

from bench.errors import ConfigError

CHANNELS = 5


class VAEEncoder(nn.Module):
    """40 samples of every lead, then all leads of a sample, then two linear heads.

    Args:
        samples: input length, even; 608 gives the 7.0 M parameters of Table III (with the decoder).
        dim: of the code; 512 in LLM-DAN.
    """

    def __init__(self, samples: int, leads: int = 12, dim: int = 512):
        super().__init__()
        if samples % 2:
            raise ConfigError(f"samples = {samples}: this network halves time and needs an even number.")
        self.dim = dim
        self.body = nn.Sequential(
            nn.Conv2d(1, CHANNELS, (1, 40), padding="same", bias=False),
            nn.BatchNorm2d(CHANNELS),
            nn.ELU(),
            nn.Conv2d(CHANNELS, CHANNELS, (leads, 1), bias=False),
            nn.BatchNorm2d(CHANNELS),
            nn.ELU(),
            nn.AvgPool2d((1, 2)),
            nn.Flatten(),
        )
        self.mean = nn.Linear(samples // 2 * CHANNELS, dim)
        self.log_variance = nn.Linear(samples // 2 * CHANNELS, dim)

    def distribution(
        self, ecg: Float[Tensor, "batch lead time"]
    ) -> tuple[Float[Tensor, "batch dim"], Float[Tensor, "batch dim"]]:
        """Mean and log variance of the code."""
        x = self.body(ecg[:, None])
        return self.mean(x), self.log_variance(x)

    def forward(self, ecg: Float[Tensor, "batch lead time"]) -> Float[Tensor, "batch dim"]:
        """The mean of the code."""
        return self.distribution(ecg)[0]


class VAEDecoder(nn.Module):
    """Two linear layers, all leads of a sample, then 41 samples of every lead.

    Args:
        samples, dim: as in the encoder.
    """

    def __init__(self, samples: int, leads: int = 12, dim: int = 512):
        super().__init__()
        half = samples // 2 * CHANNELS
        self.linear = nn.Sequential(nn.Linear(dim, half), nn.Linear(half, 2 * half))
        self.body = nn.Sequential(
            nn.ConvTranspose2d(CHANNELS, CHANNELS, (leads, 1), bias=False),
            nn.BatchNorm2d(CHANNELS),
            nn.ELU(),
            nn.ConvTranspose2d(CHANNELS, 1, (1, 41), padding=(0, 20), bias=False),
            nn.BatchNorm2d(1),
            nn.ELU(),
        )

    def forward(self, code: Float[Tensor, "batch dim"]) -> Float[Tensor, "batch lead time"]:
        x = self.linear(code)
        return self.body(x.view(len(x), CHANNELS, 1, -1))[:, 0]
