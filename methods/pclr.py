"""PCLR, C3PO-PCLR and Ribeiro's network: released ResNets of one family, published as Keras files."""

from __future__ import annotations

from typing import ClassVar

import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

from bench.method.published_names import PublishedNames, within
from bench.signals.input_spec import InputSpec
from bench.signals.leads import LEADS
from methods.nets.pclr_resnet import PCLR as PCLR_NAMES
from methods.nets.pclr_resnet import RIBEIRO, STRIDES, KerasResNet, convert
from methods.released_model import ReleasedModel


class PCLR(ReleasedModel):
    """A ResNet that tells patients apart, with the authors' weights.

    Source: Diamant et al., "Patient contrastive learning", PLOS Computational Biology 2022 (arXiv 2104.04569), and its
    released files. It reads millivolts; ten seconds become 4,096 samples on straight
    lines.
    """

    name = "pclr"
    family = "contrastive"
    input = InputSpec(fs=500, seconds=10)
    any_rate = True
    samples: ClassVar[int] = 4096
    net_leads: ClassVar[tuple[int, ...]] = tuple(range(12))
    stem_norm: ClassVar[bool] = True
    published_facts: ClassVar = {
        "page": "https://github.com/broadinstitute/ml4h/tree/master/model_zoo/PCLR",
        "licence": "GPL-3.0 (of the repository)",
        "corpora": ("other:mgh",),
        "reference": "Diamant et al., PLOS Computational Biology 2022",
    }
    published_weights: ClassVar = {
        "pclr": {
            "file": "PCLR.h5",
        }
    }

    def build(self, config: ReleasedModel.Config) -> None:
        self.net = KerasResNet(len(self.net_leads), STRIDES[self.samples], self.stem_norm)

    def encode_window(
        self, ecg: Float[Tensor, "record lead time"], leads: Bool[Tensor, "record lead"]
    ) -> Float[Tensor, "record dim"]:
        """The net on a recording of 10 s at any rate, or on a part of one at 500 Hz."""
        ecg = ecg[:, self.net_leads]
        whole = ecg.shape[-1] == self.input.length
        samples = self.samples if whole else round(ecg.shape[-1] * self.samples / self.input.length)
        if ecg.shape[-1] != samples:
            ecg = F.interpolate(ecg, samples, mode="linear", align_corners=True)
        return self.net(ecg.transpose(1, 2))

    @classmethod
    def published_names(cls, config: ReleasedModel.Config) -> dict[str, PublishedNames]:
        return {"model": PublishedNames(within("", "net.", PCLR_NAMES), LEADS, convert=convert)}


class PCLRLeadII(PCLR):
    """PCLR for lead II alone, with the authors' weights; ten seconds become 2,500 samples.

    Source: Diamant et al., PLOS Computational Biology 2022, and its released files.
    """

    name = "pclr-lead-ii"
    samples: ClassVar[int] = 2500
    net_leads: ClassVar[tuple[int, ...]] = (1,)
    stem_norm: ClassVar[bool] = False
    published_weights: ClassVar = {
        "pclr-lead-ii": {
            "file": "PCLR_lead_II.h5",
        }
    }


class C3POPCLR(PCLR):
    """PCLR of patients with cardiology care (C3PO), with the authors' weights; ten seconds become 2,500 samples.

    Source: the model zoo of ml4h; the released code that computes its representations feeds 4,096 samples, which this network
    does not read.
    """

    name = "c3po-pclr"
    samples: ClassVar[int] = 2500
    published_weights: ClassVar = {
        "c3po-pclr": {
            "file": "c3po_pclr.h5",
            "reference": "ml4h model zoo",
        }
    }


class RibeiroResNet(PCLR):
    """The network that read six abnormalities in Brazil's tele-ECGs, with the authors' weights.

    Source: Ribeiro et al., "Automatic diagnosis of the 12-lead ECG using a deep neural network", Nature Communications 11,
    1760 (2020), and its released model. It reads tenths of a millivolt at 400 Hz, 4,096 samples, padded with zeros; the
    representation is the mean over time before its classifier.
    """

    name = "ribeiro-resnet"
    family = "supervised"
    input = InputSpec(fs=400, seconds=10.24)
    any_rate = False
    published_weights: ClassVar = {
        "code": {
            "file": "model.hdf5",
            "page": "https://zenodo.org/records/3625017",
            "url": "https://zenodo.org/records/3625017/files/model.hdf5",
            "licence": "unknown",
            "corpora": ("code-full",),
            "reference": "Ribeiro et al., Nature Communications 2020",
        }
    }

    def scaled(
        self, ecg: Float[Tensor, "record lead time"], leads: Bool[Tensor, "record lead"]
    ) -> Float[Tensor, "record lead time"]:
        """In tenths of a millivolt."""
        return 10 * ecg

    def encode_window(
        self, ecg: Float[Tensor, "record lead time"], leads: Bool[Tensor, "record lead"]
    ) -> Float[Tensor, "record dim"]:
        return self.net(ecg.transpose(1, 2))

    @classmethod
    def published_names(cls, config: ReleasedModel.Config) -> dict[str, PublishedNames]:
        return {"model": PublishedNames(within("", "net.", RIBEIRO), LEADS, convert=convert)}
