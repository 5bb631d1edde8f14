"""The shape of one beat: P, QRS and ST-T as sums of Gaussian dipoles, seen by eight independent leads.

The ventricles are eight pieces of muscle, each a dipole that rises and falls as the activation front crosses it (after
the Gaussian VCG model of Sameni et al., EURASIP J Adv Signal Process 2007, with pieces of anatomy in place of fitted
kernels). Blocks change when and in which direction a piece is crossed, hypertrophy how strongly, scar removes it and
leaves the forces that it used to balance. T keeps the ventricular gradient (Wilson et al., Am Heart J 1934): what
altered conduction adds to the area of QRS, repolarisation takes away, which makes ST-T discordant in blocks,
pre-excitation and ectopic beats without a rule for each.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bench.simulate.heart import TERRITORIES, Hearts
from bench.simulate.leadfield import frontal, lead_field

QRS_LEAD_IN = 0.080
"""Seconds of the QRS template before QRS onset (a delta wave starts early)."""
QRS_SECONDS = 0.36
P_SECONDS = 0.24
ST_SECONDS = 0.80

SEGMENTS = ("septum", "right_ventricle", "anterior", "inferior", "lateral", "high_lateral", "posterior", "base")
SEPTUM, RIGHT, ANTERIOR, INFERIOR, LATERAL, HIGH_LATERAL, POSTERIOR, BASE = range(8)
_LEFT = np.array([ANTERIOR, INFERIOR, LATERAL, HIGH_LATERAL, POSTERIOR, BASE])

# Direction (X left, Y feet, Z back), size in mV, centre in ms after QRS onset, width in ms. Set so that the average
# heart has the average normal adult's vectorcardiogram: first to the right and front, then left and down, last back.
_DIRECTION = np.array(
    [
        [-0.33, -0.15, -0.93],
        [-0.30, 0.15, -0.94],
        [0.85, 0.45, -0.28],
        [0.35, 0.93, 0.12],
        [0.95, 0.12, 0.30],
        [0.65, -0.70, 0.30],
        [0.15, 0.10, 0.98],
        [-0.55, -0.40, 0.73],
    ]
)
_SIZE = np.array([0.21, 0.08, 0.66, 0.50, 0.70, 0.24, 0.76, 0.24])
_CENTRE = np.array([16.0, 24.0, 35.0, 39.0, 42.0, 45.0, 50.0, 61.0])
_WIDTH = np.array([7.0, 8.0, 8.5, 9.0, 8.5, 8.5, 10.0, 9.0])

# How much more (or less) than the distant-dipole field each chest lead sees of the muscle right under it.
_PROXIMITY = np.ones((8, 8))  # [independent lead, segment]
for _segment, _gains in {
    SEPTUM: (1.15, 1.1, 1.0, 0.9, 0.9, 0.9),
    RIGHT: (1.2, 1.15, 1.0, 0.8, 0.7, 0.7),
    ANTERIOR: (0.9, 1.1, 1.25, 1.2, 1.0, 0.9),
    LATERAL: (0.8, 0.85, 0.9, 1.0, 1.12, 1.15),
    POSTERIOR: (0.68, 1.12, 1.0, 1.0, 1.1, 1.1),
}.items():
    _PROXIMITY[2:, _segment] = _gains

# Scar: the unbalanced force points away from the dead wall, early in QRS where that wall used to be crossed.
_AWAY = np.array(
    [
        [0.25, 0.0, 0.97],
        [-0.30, -0.10, 0.95],
        [-0.97, 0.10, -0.10],
        [0.05, -1.0, 0.05],
        [0.0, -0.10, -1.0],
    ]
)
_SCAR_SIZE = np.array([0.50, 0.75, 0.70, 0.62, 0.75])
_SCAR_CENTRE = np.array([21.0, 30.0, 23.0, 25.0, 48.0])
_SCAR_WIDTH = np.array([9.0, 12.0, 9.5, 10.5, 13.0])
# Share of each segment lost when a territory is all scar, [territory, segment].
_LOSS = np.zeros((len(TERRITORIES), len(SEGMENTS)))
_LOSS[0, [SEPTUM, RIGHT, ANTERIOR]] = 0.95, 0.6, 0.3
_LOSS[1, [ANTERIOR, SEPTUM]] = 0.85, 0.3
_LOSS[2, [LATERAL, HIGH_LATERAL]] = 0.55, 0.7
_LOSS[3, [INFERIOR]] = 0.8
_LOSS[4, [POSTERIOR]] = 0.7

# Direction in which each wall's ST vector points when it is transmurally injured (away for subendocardial injury).
_TOWARDS = np.array(
    [
        [-0.25, 0.0, -0.97],
        [0.40, 0.05, -0.92],
        [0.97, -0.15, 0.10],
        [0.0, 1.0, 0.05],
        [0.0, 0.10, 1.0],
    ]
)
_INJURY_MV = np.array([0.16, 0.20, 0.20, 0.20, 0.15])  # ST shift of a full injury
_INVERSION_MV = np.array([0.34, 0.52, 0.55, 0.46, 0.30])  # T shift of a full delay of repolarisation

_T_VECTOR = np.array([0.34, 0.13, -0.22])  # mV, average adult at the peak of T
_T_RISE, _T_FALL = 48.0, 31.0  # ms, widths before and after the peak at a QT of 400 ms


@dataclass
class Activation:
    """The dipoles of one QRS: ``vector`` [record, dipole, XYZ] mV, ``centre`` and ``width`` [record, dipole] ms, and
    ``end`` [record], the J point in ms after QRS onset."""

    vector: np.ndarray
    centre: np.ndarray
    width: np.ndarray
    end: np.ndarray

    def area(self, dipoles: slice = slice(None)) -> np.ndarray:
        """Integral of the dipoles over time, [record, XYZ], mV ms."""
        return np.sqrt(2 * np.pi) * np.einsum("rdx,rd->rx", self.vector[:, dipoles], self.width[:, dipoles])


def activation(heart: Hearts) -> Activation:
    """How the ventricles of stacked hearts are activated: 8 segments, 1 delta wave, 5 scars."""
    n = len(heart)
    direction = np.broadcast_to(_DIRECTION, (n, 8, 3)).copy()
    size = np.broadcast_to(_SIZE, (n, 8)).copy()
    centre = np.broadcast_to(_CENTRE, (n, 8)).copy()
    width = np.broadcast_to(_WIDTH, (n, 8)).copy()

    _block_fascicles(heart, direction, size, centre)
    _block_bundles(heart, direction, size, centre, width)

    size[:, [SEPTUM, *_LEFT]] *= heart.lv_mass[:, None] ** 0.9
    # Thick walls take longer to cross, and the free wall outgrows the rest.
    size[:, [LATERAL, POSTERIOR]] *= np.clip(1 + 0.25 * (heart.lv_mass - 1), 0.5, None)[:, None]
    more_right = np.clip(heart.rv_mass - 1, 0, None)
    size[:, RIGHT] += 0.50 * more_right
    direction[:, RIGHT] += more_right[:, None] * np.array([-0.55, 0.30, 0.1])
    centre[:, RIGHT] += 14 * np.minimum(more_right, 1.2)
    width[:, RIGHT] += 4 * np.minimum(more_right, 1.2)
    size[:, _LEFT] *= (1 - 0.25 * np.minimum(more_right, 1.5))[:, None]

    # Fragmentation: neighbouring pieces part in time, alternately early and late.
    part = np.array([0, 0, -1, 1, 1, -1, 1, 1.6])
    centre += heart.notching[:, None] * 9 * part

    stretch = heart.qrs_stretch * (1 + 0.10 * np.clip(heart.lv_mass - 1, 0, 2)) * (1 + 0.16 * heart.notching)
    centre *= stretch[:, None]
    width *= stretch[:, None]

    alive = np.prod(1 - np.clip(heart.scar, 0, 1)[:, :, None] * _LOSS[None], axis=1)
    size *= alive

    # The part of the ventricles reached early over the pathway no longer adds to the sharp wave.
    pre = np.clip(heart.preexcitation, 0, 1.2)
    size *= (1 - 0.35 * pre)[:, None]
    a = np.radians(heart.pathway_angle)
    delta = np.stack([0.75 * np.cos(a), np.full(n, 0.35), 0.75 * np.sin(a)], axis=-1) * (0.55 * pre)[:, None]

    vector = np.concatenate(
        [
            direction * size[..., None],
            delta[:, None],
            _AWAY * (_SCAR_SIZE * heart.scar)[..., None],
        ],
        axis=1,
    )
    centre = np.concatenate([centre, np.full((n, 1), 8.0), _SCAR_CENTRE * stretch[:, None]], axis=1)
    width = np.concatenate([width, np.full((n, 1), 19.0), _SCAR_WIDTH * stretch[:, None]], axis=1)
    end = (centre[:, :8] + 2.2 * width[:, :8]).max(axis=1)
    return Activation(vector, centre, width, end)


def _block_fascicles(heart: Hearts, direction: np.ndarray, size: np.ndarray, centre: np.ndarray) -> None:
    """Hemiblocks: the wall of the intact fascicle goes first, the blocked one last, and pulls the axis to itself."""
    anterior, posterior = heart.lafb[:, None], heart.lpfb[:, None]
    turn = frontal(-52 * heart.lafb + 58 * heart.lpfb)
    late = [ANTERIOR, LATERAL, HIGH_LATERAL, POSTERIOR, BASE]
    turned = np.einsum("rxy,rsy->rsx", turn, direction[:, late])
    direction[:, late] = turned
    centre[:, late] += 7 * anterior + 7 * posterior
    # First forces: down and right when the anterior fascicle is blocked (r in III, q in aVL), up and left when the
    # posterior one is (r in aVL, q in III).
    first = np.array([-0.30, 0.93, 0.15]) * anterior + np.array([0.70, -0.75, 0.1]) * posterior
    share = np.clip(anterior + posterior, 0, 1)
    direction[:, INFERIOR] = (1 - share) * direction[:, INFERIOR] + first
    centre[:, INFERIOR] -= 13 * share[:, 0]
    size[:, INFERIOR] *= 1 - 0.40 * share[:, 0]


def _block_bundles(
    heart: Hearts, direction: np.ndarray, size: np.ndarray, centre: np.ndarray, width: np.ndarray
) -> None:
    """Bundle branch blocks: the blocked ventricle is crossed late and slowly, from muscle to muscle."""
    right = np.clip(heart.rbbb, 0, 1.3)
    # Even a short delay brings the right ventricle past the end of the left, so delay grows faster than the rest.
    centre[:, RIGHT] += 68 * right**0.6
    width[:, RIGHT] += 10 * right
    size[:, RIGHT] += 0.60 * right
    direction[:, RIGHT] += right[:, None] * np.array([-0.55, -0.15, 0.10])
    size[:, BASE] *= 1 - 0.7 * np.minimum(right, 1)

    left = np.clip(heart.lbbb, 0, 1.4)[:, None]
    # The septum is crossed from right to left: the small first r of V1 and q of V6 go.
    direction[:, SEPTUM] = (1 - np.minimum(left, 1)) * direction[:, SEPTUM] + left * np.array([0.75, 0.05, 0.45])
    size[:, SEPTUM] *= 1 + 0.6 * left[:, 0]
    centre[:, SEPTUM] += 12 * left[:, 0]
    width[:, SEPTUM] += 6 * left[:, 0]
    size[:, RIGHT] *= 1 - 0.5 * np.minimum(left[:, 0], 1)
    centre[:, _LEFT] += left * (22 + 0.85 * (_CENTRE[_LEFT] - 35))
    width[:, _LEFT] += left * 5
    direction[:, ANTERIOR] += left * np.array([0.0, -0.1, 0.55])
    direction[:, BASE] += left * np.array([0.75, 0.2, 0.0])


def ventricular_focus(heart: Hearts, left: np.ndarray, rotation: np.ndarray) -> Hearts:
    """The same hearts activated from one spot of ventricular muscle (an ectopic or a paced beat): wide, discordant.

    ``left`` [record] bool: the spot lies in the left ventricle (a right-bundle-like beat); ``rotation`` [record]
    degrees in the frontal plane.
    """
    ectopic = heart.copy()
    ectopic.lbbb = np.where(left, 0.0, 1.15)
    ectopic.rbbb = np.where(left, 1.3, 0.0)
    ectopic.lafb = ectopic.lpfb = ectopic.preexcitation = np.zeros_like(ectopic.lbbb)
    ectopic.notching = np.where(left, 0.5, 0.1)
    ectopic.qrs_stretch = np.full_like(ectopic.qrs_stretch, 1.12)
    ectopic.frontal_rotation = heart.frontal_rotation * 0.3 + rotation
    ectopic.horizontal_rotation = heart.horizontal_rotation + np.where(left, -55.0, 0.0)
    ectopic.amplitude = heart.amplitude * 0.95
    ectopic.lv_mass = 1 + 0.4 * (heart.lv_mass - 1)
    ectopic.scar = 0.4 * heart.scar
    ectopic.lv_strain = ectopic.rv_strain = np.zeros_like(ectopic.lbbb)
    return ectopic


@dataclass
class Templates:
    """One beat of each record, [record, independent lead, time], mV: P from its onset, QRS from QRS_LEAD_IN before its
    onset, ST-T from QRS onset; ``qt`` [record] seconds is the QT interval that ST-T was drawn for."""

    p: np.ndarray
    qrs: np.ndarray
    st: np.ndarray
    qt: np.ndarray


def templates(heart: Hearts, rr: np.ndarray, fs: int) -> Templates:
    """Draw one beat of stacked hearts at ``fs`` Hz; ``rr`` [record] seconds sets the QT interval (Fridericia)."""
    field = lead_field(heart)
    individual = _individual_field(heart.fingerprint)
    act = activation(heart)
    p = _atrial(heart, lead_field(heart, turn=0.25), fs)
    qrs = _ventricular(act, field, individual, fs)
    qt = heart.qtc_ms * np.cbrt(np.clip(rr, 0.28, 2.0))
    st = _repolarisation(heart, act, field, individual, qt, fs)
    return Templates(p, qrs, st, qt / 1000)


def _individual_field(fingerprint: np.ndarray) -> np.ndarray:
    """Each body's own departures from the average lead field, [record, independent lead, dipole + T]."""
    drawn = [np.random.default_rng(int(seed)).standard_normal((8, 15)) for seed in fingerprint]
    return 1 + 0.09 * np.reshape(drawn, (len(fingerprint), 8, 15))


def _gaussian(time: np.ndarray, centre: np.ndarray, width: np.ndarray) -> np.ndarray:
    z = (time.astype(np.float32) - centre[..., None].astype(np.float32)) / width[..., None].astype(np.float32)
    return np.exp(-0.5 * z * z)


def _ventricular(act: Activation, field: np.ndarray, individual: np.ndarray, fs: int) -> np.ndarray:
    time = (np.arange(round(QRS_SECONDS * fs)) / fs - QRS_LEAD_IN) * 1000
    seen = np.einsum("rlx,rdx->rld", field, act.vector) * individual[:, :, :14]
    seen[:, :, :8] *= _PROXIMITY
    return (seen.astype(np.float32)) @ _gaussian(time, act.centre, act.width)


def _atrial(heart: Hearts, field: np.ndarray, fs: int) -> np.ndarray:
    n = len(heart)
    time = np.arange(round(P_SECONDS * fs)) / fs * 1000
    right = np.array([0.050, 0.080, -0.050])
    left = np.array([0.085, 0.035, 0.040])
    big_right, big_left = np.clip(heart.ra_size, 0.3, 3), np.clip(heart.la_size, 0.3, 3)
    vector = np.stack([right * big_right[:, None] ** 1.5, left * big_left[:, None] ** 1.1], axis=1)
    vector *= heart.p_amplitude[:, None, None]
    vector = np.einsum("rxy,rsy->rsx", frontal(heart.p_axis), vector)
    centre = np.stack([np.full(n, 36.0), 62 + 30 * (big_left - 1)], axis=1)
    width = np.stack([np.full(n, 14.5), 15 + 4 * (big_left - 1)], axis=1)
    return np.einsum("rlx,rsx->rls", field, vector).astype(np.float32) @ _gaussian(time, centre, width)


def _repolarisation(
    heart: Hearts, act: Activation, field: np.ndarray, individual: np.ndarray, qt: np.ndarray, fs: int
) -> np.ndarray:
    time = (np.arange(round(ST_SECONDS * fs)) / fs * 1000).astype(np.float32)
    scale = qt / 400
    rise, fall = _T_RISE * scale * heart.t_width, _T_FALL * scale * heart.t_width
    peak = qt - 2.2 * _T_FALL * scale

    # T: the body's own vector, less what altered conduction added to the area of QRS.
    plain = heart.copy()
    plain.rbbb = plain.lbbb = plain.lafb = plain.lpfb = plain.preexcitation = np.zeros(len(qt))
    extra = act.area(slice(0, 9)) - activation(plain).area(slice(0, 9))
    secondary = -extra / (np.sqrt(np.pi / 2) * (rise + fall))[:, None]

    t_vector = np.einsum("rxy,y->rx", frontal(heart.t_frontal_rotation), _T_VECTOR)
    a = np.radians(heart.t_horizontal_rotation)
    x, z = t_vector[:, 0].copy(), t_vector[:, 2].copy()
    t_vector[:, 0], t_vector[:, 2] = np.cos(a) * x - np.sin(a) * z, np.sin(a) * x + np.cos(a) * z
    own = t_vector * heart.t_amplitude[:, None]
    strain = np.array([-0.42, -0.16, 0.14]) * heart.lv_strain[:, None]
    strain_right = np.array([0.05, -0.22, 0.30]) * heart.rv_strain[:, None]
    inversion = -(heart.delayed_repolarisation * _INVERSION_MV) @ _TOWARDS
    # Injury and block turn with the heart; the T vector of the healthy body follows it only in part.
    t_other = 0.85 * secondary + strain + strain_right + inversion

    # ST: a shelf from the J point that melts into T.
    injury = ((heart.transmural_injury - 0.75 * heart.subendocardial_injury) * _INJURY_MV) @ _TOWARDS
    unit = _T_VECTOR / np.linalg.norm(_T_VECTOR)
    normal_st = np.array([0.02, 0.01, -0.06]) * heart.t_amplitude[:, None]  # the normal 0.1 mV in V2 and V3
    st = injury + normal_st + heart.j_point_mv[:, None] * unit + 0.30 * secondary + 0.28 * strain + 0.25 * strain_right
    st += heart.st_mv[:, None] * np.array([0.75, 0.60, -0.25])
    sag = heart.digitalis[:, None] * np.array([-0.13, -0.10, 0.05])

    j = act.end
    before = (time < peak[:, None]).astype(np.float32)
    width = before * rise[:, None] + (1 - before) * fall[:, None]
    t_shape = np.exp(-0.5 * ((time - peak[:, None]) / width) ** 2)
    # In the last milliseconds before J the shelf rises under the end of QRS; it falls with the end of T.
    rises = 1 / (1 + np.exp(-(time - j[:, None] + 6) / 5))
    shelf = rises / (1 + np.exp(np.minimum((time - peak[:, None]) / (0.6 * fall[:, None]), 60)))
    middle = 0.5 * (j + peak)
    scoop = np.exp(-0.5 * ((time - middle[:, None]) / (0.22 * (peak - j + 60))[:, None]) ** 2)
    u_shape = np.exp(-0.5 * ((time - (qt + 70 * scale)[:, None]) / (32 * scale)[:, None]) ** 2)
    shapes = np.stack([t_shape, shelf, scoop, u_shape], axis=1).astype(np.float32)
    vectors = np.stack([t_other, st, sag, heart.u_wave[:, None] * 0.5 * _T_VECTOR], axis=1)
    seen = np.einsum("rlx,rsx->rls", field, vectors)
    seen[:, :, 0] += np.einsum("rlx,rx->rl", lead_field(heart, turn=0.3), own)
    seen *= 1 + 1.2 * (individual[:, :, 14:15] - 1)
    return seen.astype(np.float32) @ shapes


def frontal_axis(heart: Hearts) -> np.ndarray:
    """Mean electrical axis of QRS in degrees, [record], from the net areas of I and aVF of stacked hearts."""
    field = lead_field(heart)
    area = np.einsum("rlx,rx->rl", field[:, :2], activation(heart).area())
    lead_i, avf = area[:, 0], area[:, 1]
    return np.degrees(np.arctan2((avf - lead_i / 2) * 2 / np.sqrt(3), lead_i))
