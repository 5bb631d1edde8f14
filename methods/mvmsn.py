"""MVMSN: six groups of leads, each with a separate multi-scale network."""

from __future__ import annotations

from typing import ClassVar

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from bench.batch import ECGBatch
from bench.method import Method, MethodConfig
from bench.signals.input_spec import InputSpec
from methods.nets.mvmsn import MVMSN
from methods.supervised import PTBXL_DEVIATION, PTBXL_MEAN


class MVMSNet(Method):
    """Views of the heart by lead group, weighted by separate gates and added.

    Source: Yang et al., "A multi-view multi-scale neural network for multi-label ECG classification", IEEE TETCI 2023,
    and its released code (ysxGitHub/MVMS-net); ESI Table 2. The release adds its noise to validation and test
    recordings too, and looks at the test set after every epoch: here noise is for training, and the epoch is chosen on
    validation data. Its distillation into one view is left out.
    """

    name = "mvmsn"
    family = "supervised"
    input = InputSpec(fs=100, seconds=10)
    smoke: ClassVar = {"dim": 64}
    protocols: ClassVar = {
        "scratch": {
            "epochs": 100,
            "patience": 100,
            "batch_size": 64,
            "lr": 1e-3,
            "weight_decay": 0.0,
            "schedule": "constant",
            "warmup": 0.0,
            "clip_norm": None,
        }
    }

    class Config(MethodConfig):
        dim: int = Field(128, ge=8, description="channels of a view, and length of the vector; released code")
        mean: float = Field(PTBXL_MEAN, description="mV, subtracted; released code, as the PTB-XL benchmark")
        deviation: float = Field(PTBXL_DEVIATION, gt=0, description="mV, divided by; likewise")
        noise: float = Field(0.1, ge=0, description="SD of the noise added in training, after division; released code")

    def build(self, config: Config) -> None:
        self.encoder = MVMSN(config.dim)

    def encode(self, batch: ECGBatch) -> Float[Tensor, "record dim"]:
        ecg = (batch.ecg - self.config.mean) / self.config.deviation
        if self.training:
            ecg = ecg + self.config.noise * torch.randn_like(ecg)
        return self.encoder(ecg)
