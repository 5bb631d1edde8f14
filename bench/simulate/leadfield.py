"""From a dipole in the chest to twelve leads.

Axes of the vectorcardiogram: X to the patient's left, Y to the feet, Z to the back; mV. Eight leads are independent
(I, II, V1 to V6); the other four follow from I and II, so Einthoven's and Goldberger's relations hold by
construction.
"""

from __future__ import annotations

import numpy as np

from bench.signals.leads import LEADS
from bench.simulate.heart import Hearts

ELECTRODES = ("RA", "LA", "LL", "V1", "V2", "V3", "V4", "V5", "V6")

DOWER = np.array(
    [
        [0.632, -0.235, 0.059],
        [0.235, 1.066, -0.132],
        [-0.515, 0.157, -0.917],
        [0.044, 0.164, -1.387],
        [0.882, 0.098, -1.277],
        [1.213, 0.127, -0.601],
        [1.125, 0.127, -0.086],
        [0.831, 0.076, 0.230],
    ]
)
"""Lead field [independent lead, XYZ]: Dower, Machado and Osborne, Clin Cardiol 3:87 (1980)."""


def _twelve_from_independent() -> np.ndarray:
    m = np.zeros((12, 8), np.float32)
    i, ii = 0, 1
    m[LEADS.index("I"), i] = 1
    m[LEADS.index("II"), ii] = 1
    m[LEADS.index("III"), [i, ii]] = -1, 1
    m[LEADS.index("aVR"), [i, ii]] = -0.5, -0.5
    m[LEADS.index("aVL"), [i, ii]] = 1, -0.5
    m[LEADS.index("aVF"), [i, ii]] = -0.5, 1
    for k in range(6):
        m[LEADS.index(f"V{k + 1}"), 2 + k] = 1
    return m


TWELVE = _twelve_from_independent()
"""[lead, independent lead]: III = II - I, aVR = -(I + II)/2, aVL = I - II/2, aVF = II - I/2."""


def _electrodes_to_leads() -> np.ndarray:
    m = np.zeros((8, 9), np.float32)
    ra, la, ll = 0, 1, 2
    m[0, [la, ra]] = 1, -1
    m[1, [ll, ra]] = 1, -1
    for k in range(6):
        m[2 + k, 3 + k] = 1
        m[2 + k, [ra, la, ll]] = -1 / 3  # Wilson's central terminal
    return m


ELECTRODES_TO_LEADS = _electrodes_to_leads()
"""[independent lead, electrode]: what an electrode's own noise does to each lead."""


def lead_field(heart: Hearts, turn: float = 1.0) -> np.ndarray:
    """Lead field of stacked hearts, [record, independent lead, XYZ], with body, rotation and electrode placement.

    ``turn`` is the share of the heart's rotation that the sources follow: QRS all of it, P and T less, for their axes
    vary less between people than that of QRS.

    Displacing the chest electrodes sideways interpolates between neighbouring rows of the average field; moving them
    up an intercostal space tilts their vectors to point more upwards (the known effect of high V1-V2 placement).
    """
    n = len(heart)
    position = np.clip(np.arange(6)[None] + heart.electrode_shift[:, None], -0.6, 5.8)
    left = np.clip(np.floor(position).astype(int), 0, 4)
    share = (position - left)[..., None]
    chest = DOWER[2:]
    precordial = (1 - share) * chest[left] + share * chest[left + 1]
    # About 0.25 of the lead vector's length per intercostal space, away from the feet for a higher electrode.
    precordial[..., 1] -= 0.25 * heart.electrode_height[:, None] * np.linalg.norm(precordial, axis=-1)
    field = np.empty((n, 8, 3))
    field[:, :2] = DOWER[:2]
    field[:, 2:] = precordial * heart.precordial_gain[:, None, None]
    rotation = frontal(turn * heart.frontal_rotation) @ horizontal(turn * heart.horizontal_rotation)
    return (field @ rotation) * heart.amplitude[:, None, None]


def frontal(degrees: np.ndarray) -> np.ndarray:
    """Rotation matrices [record, 3, 3] in the frontal plane; positive turns left towards the feet."""
    a = np.radians(degrees)
    m = np.zeros((*np.shape(a), 3, 3))
    m[..., 0, 0] = m[..., 1, 1] = np.cos(a)
    m[..., 0, 1], m[..., 1, 0] = -np.sin(a), np.sin(a)
    m[..., 2, 2] = 1
    return m


def horizontal(degrees: np.ndarray) -> np.ndarray:
    """Rotation matrices [record, 3, 3] in the horizontal plane; positive turns left towards the back."""
    a = np.radians(degrees)
    m = np.zeros((*np.shape(a), 3, 3))
    m[..., 0, 0] = m[..., 2, 2] = np.cos(a)
    m[..., 0, 2], m[..., 2, 0] = -np.sin(a), np.sin(a)
    m[..., 1, 1] = 1
    return m
