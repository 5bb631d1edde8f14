"""The mean of other methods' predictions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from pydantic import Field

from bench.method import Method, MethodConfig


class Ensemble(Method):
    """The mean probability of named methods, from their finished results; nothing is trained beyond them.

    Source: Strodthoff et al., IEEE JBHI 2021: the mean over the seven models of its tables; ESI Table 2, "Ensemble".
    """

    name = "ensemble"
    family = "ensemble"

    class Config(MethodConfig):
        members: tuple[str, ...] = Field(
            ("inception1d", "xresnet1d101", "resnet1d-wang", "fcn-wang", "lstm", "lstm-bidir", "wavelet-nn"),
            min_length=1,
            description="methods whose predictions are averaged; released code: all models of its tables",
        )

    @classmethod
    def members(cls, config: Config) -> tuple[str, ...]:
        return config.members

    def combine(self, scores: Sequence[np.ndarray]) -> np.ndarray:
        return np.mean(scores, axis=0)
