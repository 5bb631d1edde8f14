"""From leads to electrodes and back: what a misplaced electrode or noise on one electrode does to all leads.

Potentials are relative to the right arm, which changes no lead, as leads are differences. With the right arm at 0, lead I is
the left arm, lead II the left leg, Wilson's central terminal their sum over three, and a chest electrode its lead plus the
terminal. The right leg is taken to have the potential of the left leg: between the legs an ECG shows almost nothing.

Source: Macfarlane and Lawrie (eds.), Comprehensive Electrocardiology, 2nd ed. 2010, on lead definitions and misplacement.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from bench.signals.leads import LEADS

ELECTRODES = ("RA", "LA", "LL", "C1", "C2", "C3", "C4", "C5", "C6")
"""The order of the electrode axis."""

LIMB = {name: LEADS.index(name) for name in ("I", "II", "III", "aVR", "aVL", "aVF")}


def _matrix() -> Float[np.ndarray, "lead electrode"]:
    """Each lead as a weighted sum of electrodes: Einthoven's, Goldberger's and Wilson's definitions."""
    right, left, leg = np.eye(len(ELECTRODES))[:3]
    terminal = (right + left + leg) / 3
    rows = [left - right, leg - right, leg - left]
    rows += [right - (left + leg) / 2, left - (right + leg) / 2, leg - (right + left) / 2]
    return np.stack([*rows, *(np.eye(len(ELECTRODES))[3:] - terminal)])


LEADS_OF_ELECTRODES: Float[np.ndarray, "lead electrode"] = _matrix()
"""[12, 9]: leads = this @ potentials."""


def potentials(signal: Float[np.ndarray, "lead time"]) -> Float[np.ndarray, "electrode time"]:
    """Potentials in mV relative to the right arm, from leads I, II and V1 to V6 (rows in ``LEADS`` order)."""
    left, leg = signal[LIMB["I"]], signal[LIMB["II"]]
    terminal = (left + leg) / 3
    return np.concatenate([np.stack([np.zeros_like(left), left, leg]), signal[len(LIMB) :] + terminal])


def leads(electrodes: Float[np.ndarray, "electrode time"]) -> Float[np.ndarray, "lead time"]:
    """The twelve leads in mV that these potentials give, in ``LEADS`` order."""
    return (LEADS_OF_ELECTRODES @ electrodes).astype(electrodes.dtype)


def reversed_electrodes(
    signal: Float[np.ndarray, "lead time"], exchanged: tuple[tuple[str, str], ...]
) -> Float[np.ndarray, "lead time"]:
    """The recording as it would be with pairs of electrodes exchanged; ``RL`` is the right leg.

    A recording whose limb leads disagree with each other (they were edited or rounded) changes by its leads' differences
    only: each lead gets what the exchange adds to it.
    """
    before = potentials(signal)
    after = before.copy()
    rows = {name: row for row, name in enumerate(ELECTRODES)}
    for first, second in exchanged:
        if second == "RL":  # the ground of the recorder now lies on the first limb, which the recorder does not measure
            after[rows[first]] = before[rows["LL"]]
        else:
            after[[rows[first], rows[second]]] = after[[rows[second], rows[first]]]
    return signal + leads(after - before)
