"""Base of the methods that learn from labels alone: an encoder by name."""

from __future__ import annotations

from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from bench.batch import ECGBatch
from bench.method import Method, MethodConfig
from bench.signals.input_spec import InputSpec
from methods.nets.backbones import backbone, code_of

PTBXL_MEAN, PTBXL_DEVIATION = -0.00077717, 0.23895642
"""mV, over all samples and leads of PTB-XL's training recordings (all statements, 100 Hz). Source: Strodthoff et al.,
IEEE JBHI 2021, the released standardiser."""


class SupervisedEncoder(Method):
    """One of the named encoders; nothing is pretrained."""

    family = "supervised"
    input = InputSpec(fs=500, seconds=10, normalise="zscore")

    class Config(MethodConfig):
        encoder: str = Field("resnet18", description="backbone")
        fs: int = Field(500, ge=50, description="Hz of the input")
        width: int | None = Field(
            None,
            ge=2,
            description="channels of the first stage, of a ViT's tokens or units of an LSTM; default: published",
        )
        depth: int | None = Field(None, ge=1, description="blocks of a ViT; default: published")

    @classmethod
    def extra_code(cls, config: Config) -> tuple[str, ...]:
        return code_of(config.encoder)

    def build(self, config: Config) -> None:
        self.encoder = backbone(config.encoder, self.input.length, width=config.width, depth=config.depth)

    def encode(self, batch: ECGBatch) -> Float[Tensor, "record dim"]:
        return self.encoder(batch.ecg)
