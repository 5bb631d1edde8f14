"""LLM-DAN: a dual attention network of median beats, informed by reports, for the risk of heart failure."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from bench.training.published_names import PublishedNames, within
from methods.nets.checkpoint_names import DAN
from methods.nets.dual_attention import BeatDecoder, DualAttentionEncoder
from methods.report_informed import ReportInformed


class LLMDAN(ReportInformed):
    """Attention across leads and, lead by lead, across time; reconstruction and alignment with reports.

    Source: Chen et al., "Large Language Model-informed ECG Dual Attention Network for Heart Failure Risk Prediction", IEEE
    Transactions on Big Data 2024, and its released code. Deviations: the packaged MiniLM stands in for BioClinicalBERT
    (``--set text.model=bioclinicalbert``); PTB-XL's median beats are computed where PTB-XL+ is not at hand; the last epoch
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

    @classmethod
    def published_names(cls, config: Any) -> dict[str, PublishedNames]:
        """What LLM-DAN publishes as ``as_released``: encoder and decoder."""
        return {"autoencoder": PublishedNames(within("", "", DAN), covers="encoder.")}
