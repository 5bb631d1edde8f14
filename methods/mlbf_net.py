"""MLBF-Net: one branch per lead, their fusion, and a loss for each."""

from __future__ import annotations

from typing import ClassVar

from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn

from bench.batch import ECGBatch
from bench.method import Method, MethodConfig
from bench.signals.input_spec import InputSpec
from bench.signals.leads import LEADS
from methods.nets.mlbf import MLBFNet, MultiLossHead


class MLBF(Method):
    """Lead-specific branches learn diversity, their fusion integrity; every output is trained on the labels.

    Source: Zhang et al., "MLBF-Net: a multi-lead-branch fusion network for multi-class arrhythmia classification using
    12-lead ECG", IEEE JTEHM 2021; ESI Table 2. No code was released, and the full text was not available. Known of it:
    twelve branches of five blocks with 15 convolutions, bidirectional GRU, one-layer attention, one more attention over
    the concatenated branches, a loss for each. Kernels, widths and dropout are those of a third party's port; norm,
    leak and the plain sum of the losses are ours.
    """

    name = "mlbf-net"
    family = "supervised"
    input = InputSpec(fs=500, seconds=10, normalise="zscore")
    smoke: ClassVar = {"fs": 100}

    class Config(MethodConfig):
        fs: int = Field(500, ge=100, description="Hz of the input; that of CPSC2018, the paper's data set")
        width: int = Field(12, ge=1, description="channels of a branch and units of its GRU; third party's port")
        dropout: float = Field(0.2, ge=0, lt=1, description="after blocks and attention; third party's port")

    def build(self, config: Config) -> None:
        self.encoder = MLBFNet(len(LEADS), config.width, config.dropout)

    def encode(self, batch: ECGBatch) -> Float[Tensor, "record dim"]:
        return self.encoder(batch.ecg)

    def head(self, dim: int, n_outputs: int) -> nn.Module:
        return MultiLossHead(len(LEADS), self.encoder.branch_dim, n_outputs)
