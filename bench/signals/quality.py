"""Treatment of invalid samples and flat leads: one stated rule, applied when a dataset is prepared.

* A run of invalid samples (NaN; :mod:`bench.signals.bounds` refuses infinite ones) of at most ``MAX_GAP_SECONDS`` in a
  lead is filled: linearly between its neighbours, and with the nearest valid sample at either end of the recording. A
  tenth of a second is the length of a normal QRS complex, so nothing longer is invented.
* Longer runs, and leads without a valid sample, become 0 mV.
* A lead is *flat* if, after that, it never changes. A recording is *dead* if all its leads are flat.

Recordings with invalid samples or flat leads are kept: the counts of every published split include them. Dead ones stop
the preparation, unless ``--on-bad-record skip`` leaves them out or ``keep`` keeps them, as zeros. All three are counted, and
their ids listed, in the manifest of the store.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Shaped

MAX_GAP_SECONDS = 0.1


@dataclass(frozen=True)
class Quality:
    """What was found in one recording."""

    n_invalid: int = 0  # samples, over all leads
    n_zeroed: int = 0  # of those, samples in gaps too long to fill
    flat_leads: int = 0
    dead: bool = False
    absent: int = 0  # leads that were not recorded; they are not among the flat ones


def repair(signal: Shaped[np.ndarray, "lead time"], fs: float) -> tuple[Shaped[np.ndarray, "lead time"], Quality]:
    """The recording without invalid samples, by the rule of this module, and what was found in it.

    Args:
        signal: any unit whose zero is 0 mV; integers have no invalid samples and come back as they are.
        fs: Hz.
    """
    n_invalid = n_zeroed = 0
    if np.issubdtype(signal.dtype, np.floating):
        invalid = ~np.isfinite(signal)
        n_invalid = int(invalid.sum())
        if n_invalid:
            signal = signal.copy()
            longest = round(MAX_GAP_SECONDS * fs)
            for lead in np.flatnonzero(invalid.any(axis=1)):
                n_zeroed += _fill(signal[lead], invalid[lead], longest)
    flat = (signal == signal[:, :1]).all(axis=1)
    return signal, Quality(n_invalid, n_zeroed, int(flat.sum()), bool(flat.all()))


def _fill(samples: Float[np.ndarray, " time"], invalid: np.ndarray, longest: int) -> int:
    """Fill one lead in place; returns the number of samples set to zero."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], invalid, [False]])))
    valid = np.flatnonzero(~invalid)
    zeroed = 0
    for start, stop in edges.reshape(-1, 2):
        if stop - start <= longest and len(valid):
            samples[start:stop] = np.interp(np.arange(start, stop), valid, samples[valid])
        else:
            samples[start:stop] = 0
            zeroed += int(stop - start)
    return zeroed
