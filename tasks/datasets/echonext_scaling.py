"""The scaling of EchoNext's published signals, and the test whether it is the one of a user's copy.

The publisher subtracted a mean and divided by an SD, lead by lead. Both were published with the authors' small model (file
``waveform_normalization_params.json``, github PierreElias/IntroECG), not with the data. The unit was the recorder's
converter count of 4.88 microvolts. Others circulate constants of another data set, with which aVL and aVF come out at 56 to
58 % of their size.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

COUNT_MV = 0.00488
MEAN = np.array([
    5.438902932, 4.386144028, -0.882852112, -4.901228424, 3.179303316, 1.718962497,
    -4.385367892, -1.499178939, -0.239010164, 3.622168549, 5.396823627, 5.660982479,
])  # fmt: skip
SD = np.array([
    32.428323796, 31.372623670, 30.155474931, 28.126380180, 27.097711990, 26.148743374,
    37.739210939, 52.792504469, 56.751388603, 49.902238602, 45.001427330, 39.066061034,
])  # fmt: skip
LOWEST = np.array([-140, -206, -324, -247, -153, -249, -369, -522, -554, -411, -290, -209])
HIGHEST = np.array([287, 297, 236, 118.5, 270, 245.5, 219, 297, 366, 450, 451, 396])
"""Counts at which the publisher cut each lead, in standard order, as all of these."""
STEP = np.array([1, 1, 1, 0.5, 0.5, 0.5, 1, 1, 1, 1, 1, 1])
"""Counts are whole, and halves in aVR, aVL and aVF, which are means of two leads."""
NEAR, SHARE = 0.01, 0.999


def on_grid(scaled: Float[np.ndarray, "record time lead"]) -> bool:
    """Whether the inverse scaling puts at least 99.9 % of the samples within 0.01 of a possible count."""
    steps = (np.asarray(scaled, np.float64) * SD + MEAN) / STEP
    return bool(np.mean(np.abs(steps - np.rint(steps)) * STEP <= NEAR) >= SHARE)
