"""Released models, and what can be fed to them instead of what they were trained on."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import replace
from typing import Any, ClassVar, Literal

import torch
from jaxtyping import Bool, Float
from pydantic import Field
from torch import Tensor

from bench.batch import ECGBatch
from bench.errors import ConfigError
from bench.method import Method, MethodConfig
from bench.signals.filter_steps import check
from bench.signals.input_spec import InputSpec
from bench.signals.leads import LEADS

Inputs = Literal[
    "as-trained", "raw-windows", "ptbxl-zscore", "100hz", "250hz", "500hz", "avl-avf-exchanged", "ecg-fm-benchmarking"
]
RATES = {"100hz": 100, "250hz": 250, "500hz": 500}
SECONDS, WINDOW = 10.0, 2.5
EXCHANGED = [LEADS.index(lead) for lead in ("I", "II", "III", "aVR", "aVF", "aVL", "V1", "V2", "V3", "V4", "V5", "V6")]

_ORDER = ("I", "II", "V1", "V2", "V3", "V4", "V5", "V6", "III", "aVR", "aVL", "aVF")
_MEAN = (
    -0.00184586, -0.00130277, 0.00017031, -0.00091313, -0.00148835, -0.00174687,
    -0.00077071, -0.00207407, 0.00054329, 0.00155546, -0.00114379, -0.00035649,
)  # fmt: skip
_SD = (
    0.16401004, 0.1647168, 0.23374124, 0.33767231, 0.33362807, 0.30583013,
    0.2731171, 0.27554379, 0.17128962, 0.14030828, 0.14606956, 0.14656108,
)  # fmt: skip
PTBXL_MEAN = tuple(_MEAN[_ORDER.index(lead)] for lead in LEADS)
PTBXL_SD = tuple(_SD[_ORDER.index(lead)] for lead in LEADS)
"""mV per lead, of PTB-XL's recordings; published with Mehari and Strodthoff, Computers in Biology and Medicine 2022."""


class ReleasedModel(Method):
    """A network with its authors' weights. It is fed as it was trained, unless ``inputs`` asks for something else.

    Subclasses write :meth:`encode_window`, and :meth:`encode_as_trained` and :meth:`scaled` where the released code does
    more to a recording than ``input`` states.
    """

    net_fs: ClassVar[int] = 0
    """Hz, at which the network reads; 0: that of ``input``."""
    net_samples: ClassVar[int] = 0
    """The most samples that the network reads at once; 0: the length of ``input``."""
    samples_multiple: ClassVar[int] = 1
    """The network reads a multiple of so many samples."""
    any_rate: ClassVar[bool] = False
    """Whether the released preparation brings recordings of any rate to the samples that the network reads."""
    mislabelled_leads: ClassVar[bool] = False
    """Whether ecg-fm-benchmarking feeds aVL where the weights learned aVF, and the reverse."""

    class Config(MethodConfig):
        input_fields = frozenset({"inputs"})

        inputs: Inputs = Field(
            "as-trained",
            description="what the network is fed. as-trained: what its authors prepare. raw-windows: four windows of 2.5 s "
            "in mV at the network's rate, without filter and scaling; their features are averaged. ptbxl-zscore: mV, each "
            "lead less PTB-XL's mean and over its standard deviation, in place of filter and scaling. 100hz, 250hz, 500hz: "
            "the released preparation at this rate, and the samples as if they had the network's. avl-avf-exchanged: as "
            "trained, but aVL and aVF change places. ecg-fm-benchmarking: as the comparison of that name (arXiv "
            "2509.25095)",
        )

    @classmethod
    def trained_input(cls, config: Any) -> InputSpec:
        """The input as the authors prepare it."""
        return cls.input

    @classmethod
    def input_for(cls, config: Any) -> InputSpec:
        spec, inputs = cls.trained_input(config), config.inputs
        if inputs in RATES:
            fs = RATES[inputs]
            filters = spec.filters if spec.filters_at == "recorded" else tuple(f for f in spec.filters if _works(f, fs))
            return replace(spec, fs=fs, seconds=SECONDS, filters=filters)
        if inputs in ("as-trained", "avl-avf-exchanged"):
            return spec
        fs = cls.net_fs or spec.fs
        return replace(spec, fs=fs, seconds=SECONDS, normalise="none", filters=(), filters_at="fs", padding="after")

    @abstractmethod
    def encode_window(
        self, ecg: Float[Tensor, "record lead time"], leads: Bool[Tensor, "record lead"]
    ) -> Float[Tensor, "record dim"]:
        """The network on samples at its rate, at most ``net_samples`` of them."""

    def scaled(
        self, ecg: Float[Tensor, "record lead time"], leads: Bool[Tensor, "record lead"]
    ) -> Float[Tensor, "record lead time"]:
        """Samples as the released code scales and filters them, beyond what ``input`` states."""
        return ecg

    def encode_as_trained(
        self, ecg: Float[Tensor, "record lead time"], leads: Bool[Tensor, "record lead"]
    ) -> Float[Tensor, "record dim"]:
        """The released representation of a recording that was prepared as ``input`` states."""
        return self.encode_window(self.scaled(ecg, leads), leads)

    def encode(self, batch: ECGBatch) -> Float[Tensor, "record dim"]:
        inputs, ecg, leads = self.config.inputs, batch.ecg, batch.leads
        if inputs == "avl-avf-exchanged":
            ecg, leads = ecg[:, EXCHANGED], leads[:, EXCHANGED]
        if inputs in ("as-trained", "avl-avf-exchanged") or (inputs in RATES and self.any_rate):
            return self.encode_as_trained(ecg, leads)
        windows = self.windows(ecg)
        weight = (windows != 0).flatten(2).any(2)
        weight[:, 0] = True  # a recording without a signal has features too
        return (self.encode_windows(batch) * weight[..., None]).sum(1) / weight.sum(1, keepdim=True)

    def encode_windows(self, batch: ECGBatch) -> Float[Tensor, "record window dim"]:
        """A representation of each of :meth:`windows`."""
        inputs, ecg, leads = self.config.inputs, batch.ecg, batch.leads
        if inputs == "ptbxl-zscore":
            mean, sd = (ecg.new_tensor(values)[:, None] for values in (PTBXL_MEAN, PTBXL_SD))
            ecg = (ecg - mean) / sd * leads[..., None]
        elif inputs == "ecg-fm-benchmarking" and self.mislabelled_leads:
            ecg, leads = ecg[:, EXCHANGED], leads[:, EXCHANGED]
        windows = self.windows(ecg).unbind(1)
        prepared = [self.scaled(w, leads) for w in windows] if self.scales(inputs) else windows
        return torch.stack([self.encode_window(window, leads) for window in prepared], dim=1)

    def scales(self, inputs: Inputs) -> bool:
        """Whether windows pass :meth:`scaled`."""
        return inputs in RATES

    def windows(self, ecg: Float[Tensor, "record lead time"]) -> Float[Tensor, "record window lead sample"]:
        """Windows at equal distances from the first sample to the last: of 2.5 s, or as long as the network reads, so that no
        sample is left out."""
        inputs, total = self.config.inputs, ecg.shape[-1]
        longest = self.net_samples or type(self).input.length
        whole = inputs in RATES or inputs == "ptbxl-zscore"
        size = min(total, longest if whole else round(WINDOW * self.input.fs))
        size -= size % self.samples_multiple
        count = -(-total // size) if whole else round(SECONDS / WINDOW)
        starts = torch.linspace(0, total - size, count).round().long().tolist()
        return torch.stack([ecg[..., start : start + size] for start in starts], dim=1)


def _works(step: str, fs: float) -> bool:
    """Whether a filter exists at a rate: at 100 Hz there is no notch at 50 Hz, and no 50 Hz either."""
    try:
        check(step, fs)
    except ConfigError:
        return False
    return True
