"""The output of modes that score the test recordings at several points: numbers of labels, or layers."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from bench.modes.mode_io import ModeOutput


@dataclass(frozen=True)
class CurveOutput(ModeOutput):
    """As :class:`ModeOutput`, whose scores are those of one point.

    Attributes:
        curve: of each entry of ``history`` the scores of the test recordings, in row order. Nothing is chosen by them.
    """

    curve: list[np.ndarray] = field(default_factory=list)
