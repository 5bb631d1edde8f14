"""CLEF: released single-lead encoders in three sizes."""

from __future__ import annotations

from typing import ClassVar

from jaxtyping import Bool, Float
from torch import Tensor

from bench.method.published_names import PublishedNames, within
from bench.signals.input_spec import InputSpec
from bench.signals.leads import LEADS
from methods.nets.net1d import CLEF_FILE, LARGE, MEDIUM, SMALL, Net1D, Net1DSize
from methods.released_model import ReleasedModel


class CLEFSmall(ReleasedModel):
    """A single-lead encoder of 0.4 million parameters, with the authors' weights; lead I is read.

    Source: CLEF, arXiv 2512.02180, 2025, and its released code. The release states no filter; each lead is scaled by its
    mean and standard deviation.
    """

    name = "clef-small"
    family = "contrastive"
    input = InputSpec(fs=500, seconds=10, normalise="zscore-lead")
    size: ClassVar[Net1DSize] = SMALL
    published_facts: ClassVar = {
        "page": "https://zenodo.org/records/17572734",
        "licence": "BSD-3-Clause-Clear",
        "corpora": ("mimic-iv-ecg",),
        "reference": "CLEF, arXiv 2512.02180, 2025",
    }
    published_weights: ClassVar = {
        "small": {
            "file": "clef_small.ckpt",
            "url": "https://zenodo.org/records/17572734/files/clef_small.ckpt",
        }
    }

    def build(self, config: ReleasedModel.Config) -> None:
        self.net = Net1D(self.size, leads=1)

    def encode_window(
        self, ecg: Float[Tensor, "record lead time"], leads: Bool[Tensor, "record lead"]
    ) -> Float[Tensor, "record dim"]:
        return self.net(ecg[:, :1])

    @classmethod
    def published_names(cls, config: ReleasedModel.Config) -> dict[str, PublishedNames]:
        return {"model": PublishedNames(within("", "net.", CLEF_FILE), LEADS)}


class CLEFMedium(CLEFSmall):
    """A single-lead encoder of 30.6 million parameters, with the authors' weights; lead I is read.

    Source: CLEF, arXiv 2512.02180, 2025, and its released code.
    """

    name = "clef-medium"
    size: ClassVar[Net1DSize] = MEDIUM
    published_weights: ClassVar = {
        "medium": {
            "file": "clef_medium.ckpt",
            "url": "https://zenodo.org/records/17572734/files/clef_medium.ckpt",
        }
    }


class CLEFLarge(CLEFSmall):
    """A single-lead encoder of 296 million parameters, with the authors' weights; lead I is read.

    Source: CLEF, arXiv 2512.02180, 2025, and its released code. The file's name is spelled as it is published.
    """

    name = "clef-large"
    size: ClassVar[Net1DSize] = LARGE
    published_weights: ClassVar = {
        "large": {
            "file": "clef_largel.ckpt",
            "url": "https://zenodo.org/records/17572734/files/clef_largel.ckpt",
        }
    }
