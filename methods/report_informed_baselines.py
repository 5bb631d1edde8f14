"""The two networks with which LLM-DAN's Table III compares, in its protocol."""

from __future__ import annotations

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from methods.nets.cnn_vae import VAEDecoder, VAEEncoder
from methods.nets.dual_attention import BeatDecoder
from methods.nets.xresnet import XResNet
from methods.report_informed import ReportInformed


class CNNVAE(ReportInformed):
    """A variational autoencoder of beats, with reconstruction, alignment and the divergence of its code.

    Source: Chen et al. (LLM-DAN), IEEE Transactions on Big Data 2024, Table III, after Beetz et al., ISBI 2022; released
    code. Its 7.0 M parameters belong to 608 samples. The representation is the mean of the code, which the released code
    samples even when it predicts.
    """

    name = "cnn-vae"
    family = "supervised"

    class Config(ReportInformed.Config):
        samples: int = Field(608, ge=32, description="zero-padded length; Table III's 7.0 M parameters; IV-B says 1024")
        divergence: float = Field(1e-4, ge=0, description="weight of the Kullback-Leibler divergence; released code")

    def build_networks(self, config: Config) -> int:
        self.encoder = VAEEncoder(config.samples)
        self.decoder = VAEDecoder(config.samples)
        return self.encoder.dim

    def code(self, beat: Float[Tensor, "record lead time"]) -> tuple[Float[Tensor, "record dim"], dict[str, Tensor]]:
        """A sample of the code in training, its mean otherwise."""
        mean, log_variance = self.encoder.distribution(beat)
        divergence = -0.5 * (1 + log_variance - mean**2 - log_variance.exp()).sum(1).mean()
        z = mean + (0.5 * log_variance).exp() * torch.randn_like(mean) if self.training else mean
        return z, {"divergence": self.config.divergence * divergence}


class XResNetBeats(ReportInformed):
    """xresnet1d101 of the PTB-XL benchmark, over median beats, with LLM-DAN's decoder.

    Source: Chen et al. (LLM-DAN), IEEE Transactions on Big Data 2024, Table III, "XResNet1D", after Strodthoff et al., IEEE
    JBHI 2021. Maximum and mean over time are its 512 features. ``xresnet1d101`` is the same network in the protocol of
    that benchmark.
    """

    name = "xresnet1d101-beats"
    family = "supervised"

    class Config(ReportInformed.Config):
        depth: int = Field(101, description="layers; Table III")
        released_decoder: bool = Field(
            False,
            description="the released decoder, which with samples = 608 gives the 1.9 M parameters of Table III, in place of "
            "that of Table A3",
        )

    def build_networks(self, config: Config) -> int:
        self.encoder = XResNet(config.depth)
        self.decoder = BeatDecoder(config.samples, self.encoder.dim, config.released_decoder)
        return self.encoder.dim
