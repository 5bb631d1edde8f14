"""LLM-DAN: a dual attention network of median beats, informed by reports, for the risk of heart failure."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from pydantic import Field

from bench.batch import ECGBatch
from bench.method.attributions import Attributions, Score
from bench.method.published_names import PublishedNames, within
from bench.signals.leads import LEADS
from methods.nets.checkpoint_names import DAN
from methods.nets.dual_attention import BeatDecoder, DualAttentionEncoder
from methods.report_informed import ReportInformed


class LLMDAN(ReportInformed):
    """Attention across leads and, lead by lead, across time; reconstruction and alignment with reports.

    Source: Chen et al., "Large Language Model-informed ECG Dual Attention Network for Heart Failure Risk Prediction", IEEE
    Transactions on Big Data 2024, and its released code. Deviations: the packaged MiniLM replaces BioClinicalBERT
    (``--set text.model=bioclinicalbert``); PTB-XL's median beats are computed where PTB-XL+ is not available; the last epoch
    of pretraining is kept, not the one with the best masked error on validation data.
    """

    name = "llm-dan"

    class Config(ReportInformed.Config):
        lead_attention: bool = Field(True, description="attention across leads; Table V leaves it out")
        time_attention: bool = Field(True, description="attention across time in each lead; Table V leaves it out")
        as_released: bool = Field(
            False,
            description="the released network, which mixes leads before the attention, in place of the paper's; see "
            "methods/nets/dual_attention.py",
        )

    def build_networks(self, config: Config) -> int:
        self.encoder = DualAttentionEncoder(
            config.samples, config.lead_attention, config.time_attention, config.as_released
        )
        self.decoder = BeatDecoder(config.samples, self.encoder.dim, config.as_released)
        return self.encoder.dim

    def attributions(self, batch: ECGBatch, score: Score) -> Attributions:
        """Attention between leads, and activation over time by the paper's appendix A.

        Grad-CAM at every position of every lead's features, weighted by the attention that the position receives in its
        lead (the column sums of the temporal attention), on the samples of the beat.
        """
        encoder = self.encoder
        with torch.enable_grad():
            features = encoder.features(self.beat(batch)).detach().requires_grad_(True)
            attended, lead_weights, time_weights = encoder.attend(features)
            (gradient,) = torch.autograd.grad(score(encoder.pool(attended)).sum(), features)
        raised = F.relu((features * gradient).sum(1)).detach()  # [record, lead, position]
        if time_weights is not None:
            raised = raised * time_weights.detach().sum(-2)
        samples, length = self.config.samples, batch.ecg.shape[-1]
        spread = F.interpolate(raised, size=samples, mode="linear", align_corners=False)
        first = (samples - length) // 2
        return Attributions(
            activation=spread[..., first : first + length],
            lead_attention=None if lead_weights is None else lead_weights.detach(),
        )

    @classmethod
    def published_names(cls, config: Any) -> dict[str, PublishedNames]:
        """What LLM-DAN publishes as ``as_released``: encoder and decoder."""
        return {"autoencoder": PublishedNames(within("", "", DAN), LEADS, covers="encoder.")}
