"""Standardise features by the labelled recordings."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float, Int
from sklearn.preprocessing import StandardScaler
from torch import Tensor

from bench.storage.large_array import large_array

CHUNK = 65_536
"""Recordings read at a time: scikit-learn holds a chunk several times, in float64."""


def standardised(
    features: Float[np.ndarray, "record dim"], train: Int[np.ndarray, " train"]
) -> tuple[Float[Tensor, "record dim"], StandardScaler]:
    """All features, float32, shifted and scaled so that those of ``train`` have mean 0 and deviation 1; and the scaler.

    The result may be a file (:func:`bench.storage.large_array.large_array`).
    """
    scaler = StandardScaler()
    for start in range(0, len(train), CHUNK):
        scaler.partial_fit(features[train[start : start + CHUNK]])
    scaled = large_array(features.shape)
    for start in range(0, len(features), CHUNK):
        scaled[start : start + CHUNK] = scaler.transform(features[start : start + CHUNK])
    return torch.from_numpy(scaled), scaler
