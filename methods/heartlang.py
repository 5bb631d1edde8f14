"""HeartLang: a released encoder that reads heartbeats as words."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from bench.method.published_names import PublishedNames, within
from bench.signals.input_spec import InputSpec
from bench.signals.leads import LEADS
from methods.nets.heartlang import HEARTLANG, HeartLangEncoder
from methods.nets.heartlang_words import sentence
from methods.released_model import ReleasedModel


class HeartLang(ReleasedModel):
    """A transformer over the heartbeats of all leads, with the authors' weights.

    Source: Jin et al., "Reading Your Heart: Learning ECG Words and Sentences via Pre-training ECG Language Model", ICLR 2025,
    and its released code since May 2025, which finds the beats on lead I. Its preparations differ between datasets; this is
    that of MIMIC-IV-ECG, on which it was pretrained: 0.67 to 40 Hz at 100 Hz, in mV.
    """

    name = "heartlang"
    family = "masked"
    input = InputSpec(fs=100, seconds=10, resampling="fft", filters=("bandpass:0.67:40/5/scipy",))
    published_weights: ClassVar = {
        "pretrained": {
            "file": "checkpoint-200.pth",
            "page": "https://huggingface.co/PKUDigitalHealth/HeartLang",
            "licence": "MIT",
            "corpora": ("mimic-iv-ecg",),
            "reference": "Jin et al., ICLR 2025",
        }
    }

    def build(self, config: ReleasedModel.Config) -> None:
        self.net = HeartLangEncoder()

    def encode_window(
        self, ecg: Float[Tensor, "record lead time"], leads: Bool[Tensor, "record lead"]
    ) -> Float[Tensor, "record dim"]:
        device = ecg.device
        read = [sentence(recording) for recording in ecg.detach().float().cpu().numpy()]
        words, leads, seconds = (torch.from_numpy(np.stack(part)).to(device) for part in zip(*read, strict=True))
        return self.net(words, leads, seconds)

    @classmethod
    def published_names(cls, config: ReleasedModel.Config) -> dict[str, PublishedNames]:
        return {"model": PublishedNames(within("", "net.", HEARTLANG), LEADS)}
