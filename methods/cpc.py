"""CPC: a recurrent summary of the past identifies the encoding of the future."""

from __future__ import annotations

from typing import ClassVar

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn

from bench.batch import ECGBatch
from bench.method import Method, MethodConfig
from bench.method.pretrain_config import PretrainConfig
from bench.signals.input_spec import InputSpec
from methods.losses.predictive import cpc, draw_negatives


class CPC(Method):
    """A summary of the past identifies the encoding twelve samples ahead among 128 others of the same recording.

    Source: van den Oord et al., "Representation Learning with Contrastive Predictive Coding", 2018, as Mehari and
    Strodthoff, "Self-supervised representation learning from 12-lead ECG data", 2022, set it up for ECG at 100 Hz,
    with their released code (5,261,312 parameters). A row of K-MERL Table 1 and ETP Table 1. Theirs standardises each
    lead by constants of PTB-XL, which the first layer's weights take in; here leads stay in mV.
    """

    name = "cpc"
    family = "contrastive"
    input = InputSpec(fs=100, seconds=10, normalise="none")
    smoke: ClassVar = {
        "width": 32,
        "layers": 1,
        "negatives": 8,
        "pretrain.epochs": 6,
        "pretrain.batch_size": 64,
        "pretrain.lr": 1e-3,
    }
    small: ClassVar = {**smoke, "pretrain.epochs": 10, "pretrain.batch_size": 32, "pretrain.lr": 3e-4}

    class Config(MethodConfig):
        width: int = Field(512, ge=1, description="channels of every convolution and units of the LSTM; Mehari's code")
        convolutions: int = Field(4, ge=1, description="pointwise convolutions before the LSTM; Mehari's code")
        layers: int = Field(2, ge=1, description="stacked LSTMs; Mehari's code")
        steps: int = Field(
            12, ge=1, description="samples at 100 Hz between the summary and the predicted features; Mehari's code"
        )
        negatives: int = Field(128, ge=1, description="distractors; Mehari's code")
        same_sequence: bool = Field(True, description="distractors come from the recording itself; Mehari's recipe")
        pretrain: PretrainConfig = Field(
            PretrainConfig(epochs=1000, batch_size=32, lr=1e-4, weight_decay=1e-3, schedule="constant"),
            description="Mehari and Strodthoff 2022: AdamW 1e-4, 1e-3, batch 32, 1000 epochs",
        )

    def build(self, config: Config) -> None:
        layers: list[nn.Module] = []
        for i in range(config.convolutions):
            source = config.width if i else 12
            layers += [nn.Conv1d(source, config.width, 1, bias=False), nn.BatchNorm1d(config.width), nn.ReLU()]
        self.encoder = nn.Sequential(*layers)
        self.summary = nn.LSTM(config.width, config.width, config.layers, batch_first=True)
        self.predict = nn.Linear(config.width, config.width, bias=False)

    def pretraining_loss(self, batch: ECGBatch) -> dict[str, Tensor]:
        encoded = self.encoder(batch.ecg).transpose(1, 2)
        context = self.predict(self.summary(encoded)[0])
        negatives = draw_negatives(
            len(batch), encoded.shape[1], self.config.steps, self.config.negatives, self.config.same_sequence
        )
        return {"cpc": cpc(context, encoded, negatives, self.config.steps, self.config.same_sequence)}

    def encode(self, batch: ECGBatch) -> Float[Tensor, "batch dim"]:
        """Mean, maximum and last of the summaries: what the released classifier reads."""
        summaries = self.summary(self.encoder(batch.ecg).transpose(1, 2))[0]
        return torch.cat([summaries.mean(1), summaries.amax(1), summaries[:, -1]], dim=1)
