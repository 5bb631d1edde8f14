"""Effects of diagnoses on a patient: each condition changes parameters of heart or rhythm by its severity.

Severity 1 is a textbook case, 0.3 a borderline one. Conditions compose: each adds to what is there. Names are the
field's own terms; a dataset maps its codes to them.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.random import Generator

from bench.errors import UnknownName
from bench.simulate.heart import TERRITORIES, Heart, Patient, Rhythm

Condition = Callable[[Heart, Rhythm, float, Generator], None]

CONDITIONS: dict[str, Condition] = {}
"""Name -> what it does to a patient's heart and rhythm, in place."""


def afflict(patient: Patient, condition: str, severity: float, rng: Generator) -> None:
    """Give ``patient`` (in place) a condition of the given severity.

    Raises:
        UnknownName: when no condition has that name.
    """
    if condition not in CONDITIONS:
        raise UnknownName("condition", condition, CONDITIONS)
    CONDITIONS[condition](patient.heart, patient.rhythm, severity, rng)


def _condition(function: Condition) -> Condition:
    CONDITIONS[function.__name__] = function
    return function


def _walls(**shares: float) -> np.ndarray:
    return np.array([shares.get(t, 0.0) for t in TERRITORIES])


# --- infarction and ischaemia, by territory -------------------------------------------------------------------------

_INFARCTIONS = {
    "anteroseptal": _walls(septal=1.0, anterior=0.45),
    "anterior": _walls(septal=0.5, anterior=1.0),
    "anterolateral": _walls(septal=0.2, anterior=0.75, lateral=0.85),
    "lateral": _walls(lateral=1.0),
    "inferior": _walls(inferior=1.0),
    "inferolateral": _walls(inferior=0.9, lateral=0.7),
    "inferoposterior": _walls(inferior=0.85, posterior=0.85),
    "inferoposterolateral": _walls(inferior=0.8, posterior=0.7, lateral=0.6),
    "posterior": _walls(posterior=1.0),
}

_ISCHAEMIAS = {
    "anteroseptal": _walls(septal=1.0, anterior=0.4),
    "anterior": _walls(septal=0.3, anterior=1.0),
    "anterolateral": _walls(anterior=0.6, lateral=0.9),
    "lateral": _walls(lateral=1.0),
    "inferior": _walls(inferior=1.0),
    "inferolateral": _walls(inferior=0.8, lateral=0.8),
}


def _infarction(walls: np.ndarray, heart: Heart, rhythm: Rhythm, severity: float, rng: Generator) -> None:
    heart.scar = np.clip(heart.scar + severity * walls * rng.uniform(0.85, 1.15, len(walls)), 0, 1.1)
    # Most infarctions on file are old: T inverted or recovered, ST settled; some still have raised ST.
    heart.delayed_repolarisation = heart.delayed_repolarisation + severity * walls * rng.uniform(0.25, 1.0)
    if rng.random() < 0.25:
        heart.transmural_injury = heart.transmural_injury + severity * walls * rng.uniform(0.3, 1.2)
    heart.notching += 0.15 * severity * rng.random()


def _subendocardial_injury(walls: np.ndarray, heart: Heart, rhythm: Rhythm, severity: float, rng: Generator) -> None:
    heart.subendocardial_injury = heart.subendocardial_injury + severity * walls * rng.uniform(1.0, 1.7)
    heart.delayed_repolarisation = heart.delayed_repolarisation + severity * walls * rng.uniform(0.6, 1.1)
    heart.scar = np.clip(heart.scar + 0.20 * severity * walls, 0, 1.1)


def _ischaemia(walls: np.ndarray, heart: Heart, rhythm: Rhythm, severity: float, rng: Generator) -> None:
    heart.subendocardial_injury = heart.subendocardial_injury + severity * walls * rng.uniform(0.35, 0.9)
    heart.delayed_repolarisation = heart.delayed_repolarisation + severity * walls * rng.uniform(0.6, 1.15)


for _name, _shares in _INFARCTIONS.items():
    CONDITIONS[f"{_name}_infarction"] = partial(_infarction, _shares)
for _name, _shares in _ISCHAEMIAS.items():
    CONDITIONS[f"{_name}_ischaemia"] = partial(_ischaemia, _shares)
    CONDITIONS[f"{_name}_subendocardial_injury"] = partial(_subendocardial_injury, _shares)


@_condition
def ventricular_aneurysm(heart: Heart, rhythm: Rhythm, severity: float, rng: Generator) -> None:
    heart.transmural_injury = heart.transmural_injury + severity * _walls(septal=0.9, anterior=1.0)
    heart.scar = np.clip(heart.scar + severity * _walls(septal=0.2, anterior=0.3), 0, 1.1)


# --- one field of the heart, by a size that grows with severity ------------------------------------------------------

_ONE_FIELD: dict[str, tuple[str, Callable[[float, float], float], float, float]] = {
    # condition: field, change, by how much at severity 0, and how much more at severity 1
    "left_ventricular_voltage": ("lv_mass", operator.add, 0.12, 0.30),
    "st_depression": ("st_mv", operator.add, -0.05, -0.08),
    "st_elevation": ("j_point_mv", operator.add, 0.10, 0.12),
    "left_atrial_enlargement": ("la_size", operator.mul, 1.45, 0.5),
    "right_atrial_enlargement": ("ra_size", operator.mul, 1.5, 0.45),
    "high_voltage": ("amplitude", operator.mul, 1.3, 0.35),
    "incomplete_right_bundle_branch_block": ("rbbb", max, 0.24, 0.30),
    "incomplete_left_bundle_branch_block": ("lbbb", max, 0.28, 0.22),
    "left_ventricular_strain": ("lv_strain", max, 0.45, 0.65),
}


def _one_field(name: str, heart: Heart, rhythm: Rhythm, severity: float, rng: Generator) -> None:
    field, change, base, slope = _ONE_FIELD[name]
    setattr(heart, field, change(getattr(heart, field), base + slope * severity))


for _name in _ONE_FIELD:
    CONDITIONS[_name] = partial(_one_field, _name)


# --- conduction -----------------------------------------------------------------------------------------------------


@_condition
def right_bundle_branch_block(heart: Heart, rhythm: Rhythm, severity: float, rng: Generator) -> None:
    heart.rbbb = max(heart.rbbb, 0.82 + 0.28 * severity)
    heart.qrs_stretch *= 1.04


@_condition
def left_bundle_branch_block(heart: Heart, rhythm: Rhythm, severity: float, rng: Generator) -> None:
    heart.lbbb = max(heart.lbbb, 0.85 + 0.25 * severity)
    heart.qrs_stretch = max(heart.qrs_stretch, 1.0)
    heart.notching += float(rng.uniform(0.1, 0.45))  # the plateau or notch of R in I and V6
    heart.frontal_rotation -= 15 * rng.random()


@_condition
def left_anterior_fascicular_block(heart: Heart, rhythm: Rhythm, severity: float, rng: Generator) -> None:
    heart.lafb = max(heart.lafb, 0.35 + 0.6 * severity)
    heart.frontal_rotation = min(heart.frontal_rotation, 10.0) - 6 * severity


@_condition
def left_posterior_fascicular_block(heart: Heart, rhythm: Rhythm, severity: float, rng: Generator) -> None:
    heart.lpfb = max(heart.lpfb, 0.6 + 0.45 * severity)
    heart.frontal_rotation = max(heart.frontal_rotation, 22 + 10 * rng.random())


@_condition
def intraventricular_conduction_delay(heart: Heart, rhythm: Rhythm, severity: float, rng: Generator) -> None:
    heart.notching += 0.25 + 0.6 * severity
    heart.qrs_stretch *= 1.03 + 0.14 * severity


@_condition
def preexcitation(heart: Heart, rhythm: Rhythm, severity: float, rng: Generator) -> None:
    heart.preexcitation = 0.6 + 0.5 * severity
    heart.pathway_angle = float(rng.choice([-70.0, -15.0]) + 12 * rng.standard_normal())
    heart.pr_ms = float(rng.uniform(102, 124))


@_condition
def first_degree_av_block(heart: Heart, rhythm: Rhythm, severity: float, rng: Generator) -> None:
    heart.pr_ms = float(203 + 55 * severity * rng.uniform(0.1, 1.3))


@_condition
def prolonged_pr(heart: Heart, rhythm: Rhythm, severity: float, rng: Generator) -> None:
    heart.pr_ms = max(heart.pr_ms, float(200 + 30 * severity * rng.random()))


@_condition
def second_degree_av_block(heart: Heart, rhythm: Rhythm, severity: float, rng: Generator) -> None:
    rhythm.av_block = "wenckebach" if rng.random() < 0.6 else "two_to_one"
    rhythm.rate = float(rng.uniform(68, 95))


@_condition
def third_degree_av_block(heart: Heart, rhythm: Rhythm, severity: float, rng: Generator) -> None:
    rhythm.av_block = "complete"
    rhythm.atrial_rate = float(rng.uniform(68, 100))
    rhythm.rate = float(rng.uniform(30, 48))
    # A low escape is wide (it comes from the ventricles), a high one narrow.
    rhythm.pvc = 1.0 if rng.random() < 0.4 else 0.0


# --- chambers -------------------------------------------------------------------------------------------------------


@_condition
def left_ventricular_hypertrophy(heart: Heart, rhythm: Rhythm, severity: float, rng: Generator) -> None:
    heart.lv_mass += 0.22 + 0.62 * severity
    heart.la_size *= 1 + 0.12 * severity * rng.random()
    heart.lv_strain = max(heart.lv_strain, severity * rng.uniform(-0.15, 0.45))
    heart.frontal_rotation -= 8 * severity


@_condition
def septal_hypertrophy(heart: Heart, rhythm: Rhythm, severity: float, rng: Generator) -> None:
    # Deep narrow q in inferior and lateral leads, tall r in V1: the septum outweighs the free wall early on.
    heart.lv_mass += 0.15 + 0.25 * severity
    heart.scar = np.clip(heart.scar + severity * _walls(lateral=0.35, inferior=0.30), 0, 1.1)
    heart.lv_strain = max(heart.lv_strain, 0.5 * severity * rng.random())


@_condition
def right_ventricular_hypertrophy(heart: Heart, rhythm: Rhythm, severity: float, rng: Generator) -> None:
    heart.rv_mass += 0.55 + 0.75 * severity
    heart.frontal_rotation = max(heart.frontal_rotation, 0.0) + 25 * severity
    heart.rv_strain = max(heart.rv_strain, severity * rng.uniform(0.2, 1.0))


@_condition
def low_voltage(heart: Heart, rhythm: Rhythm, severity: float, rng: Generator) -> None:
    heart.amplitude *= 1 - 0.5 * min(severity, 1)


@_condition
def abnormal_qrs(heart: Heart, rhythm: Rhythm, severity: float, rng: Generator) -> None:
    heart.notching += 0.3 * severity * rng.uniform(0.4, 1.2)


@_condition
def q_waves(heart: Heart, rhythm: Rhythm, severity: float, rng: Generator) -> None:
    walls = _INFARCTIONS["inferior" if rng.random() < 0.6 else "anteroseptal"]
    if heart.scar.max() < 0.4:
        heart.scar = np.clip(heart.scar + 0.6 * severity * walls, 0, 1.1)
    else:
        heart.scar = np.clip(heart.scar * (1 + 0.25 * severity), 0, 1.1)


# --- ST and T -------------------------------------------------------------------------------------------------------


@_condition
def low_t(heart: Heart, rhythm: Rhythm, severity: float, rng: Generator) -> None:
    heart.t_amplitude *= 1 - 0.8 * min(severity, 1.0)


@_condition
def nonspecific_t(heart: Heart, rhythm: Rhythm, severity: float, rng: Generator) -> None:
    heart.t_amplitude *= 1 - 0.62 * min(severity, 1.1)
    heart.t_frontal_rotation += severity * rng.choice([-1.0, 1.0]) * rng.uniform(15, 60)
    heart.t_horizontal_rotation += severity * rng.uniform(-35, 25)


@_condition
def nonspecific_st_t(heart: Heart, rhythm: Rhythm, severity: float, rng: Generator) -> None:
    heart.st_mv -= severity * rng.uniform(0.03, 0.09)
    heart.t_amplitude *= 1 - severity * rng.uniform(0.35, 0.65)


@_condition
def nonspecific_ischaemia(heart: Heart, rhythm: Rhythm, severity: float, rng: Generator) -> None:
    # "May be due to strain or ischaemia": ST down and T inverted or flat over the left ventricle.
    heart.lv_strain = max(heart.lv_strain, 0.4 + 0.55 * severity)
    heart.st_mv -= 0.04 * severity * rng.random()


@_condition
def t_inversion(heart: Heart, rhythm: Rhythm, severity: float, rng: Generator) -> None:
    if heart.delayed_repolarisation.max() < 0.5:
        walls = list(_ISCHAEMIAS.values())[int(rng.integers(0, len(_ISCHAEMIAS)))]
        heart.delayed_repolarisation = heart.delayed_repolarisation + walls * (0.5 + 0.6 * severity)
    else:
        heart.delayed_repolarisation = heart.delayed_repolarisation * (1 + 0.35 * severity)


@_condition
def abnormal_t(heart: Heart, rhythm: Rhythm, severity: float, rng: Generator) -> None:
    heart.t_width *= 0.85
    heart.t_horizontal_rotation += severity * rng.choice([-60.0, 60.0])


@_condition
def long_qt(heart: Heart, rhythm: Rhythm, severity: float, rng: Generator) -> None:
    heart.qtc_ms = float(465 + 55 * severity * rng.uniform(0.5, 1.2))


@_condition
def digitalis(heart: Heart, rhythm: Rhythm, severity: float, rng: Generator) -> None:
    heart.digitalis += 0.6 + 0.6 * severity
    heart.t_amplitude *= 1 - 0.45 * min(severity, 1)
    heart.qtc_ms -= 22 * severity


@_condition
def low_potassium(heart: Heart, rhythm: Rhythm, severity: float, rng: Generator) -> None:
    heart.t_amplitude *= 1 - 0.65 * min(severity, 1)
    heart.u_wave += 0.35 + 0.5 * severity
    heart.st_mv -= 0.05 * severity
    heart.qtc_ms += 12 * severity


@_condition
def high_potassium(heart: Heart, rhythm: Rhythm, severity: float, rng: Generator) -> None:
    heart.t_amplitude *= 1.5 + 0.5 * severity
    heart.t_width *= 0.72
    heart.p_amplitude *= 0.6
    heart.qrs_stretch *= 1 + 0.12 * severity


# --- rhythm ---------------------------------------------------------------------------------------------------------


@_condition
def sinus_bradycardia(heart: Heart, rhythm: Rhythm, severity: float, rng: Generator) -> None:
    rhythm.rate = float(57 - 14 * severity * rng.uniform(0.1, 1.1))


@_condition
def sinus_tachycardia(heart: Heart, rhythm: Rhythm, severity: float, rng: Generator) -> None:
    rhythm.rate = float(102 + 34 * severity * rng.uniform(0.1, 1.1))
    rhythm.respiratory = 0.004
    rhythm.variability = 0.005


@_condition
def sinus_arrhythmia(heart: Heart, rhythm: Rhythm, severity: float, rng: Generator) -> None:
    rhythm.respiratory = float(0.10 + 0.11 * severity)
    rhythm.variability = 0.03


@_condition
def atrial_fibrillation(heart: Heart, rhythm: Rhythm, severity: float, rng: Generator) -> None:
    rhythm.kind = "fibrillation"
    rhythm.rate = float(np.clip(92 + 24 * rng.standard_normal(), 48, 165))
    rhythm.variability = float(rng.uniform(0.16, 0.26))
    rhythm.fibrillation_mv *= float(rng.uniform(0.7, 1.6))


@_condition
def atrial_flutter(heart: Heart, rhythm: Rhythm, severity: float, rng: Generator) -> None:
    rhythm.kind = "flutter"
    rhythm.atrial_rate = float(rng.uniform(240, 320))
    choices = ((2,), (3,), (4,), (2, 3), (2, 4))
    rhythm.conduction = choices[int(rng.choice(5, p=[0.35, 0.1, 0.25, 0.1, 0.2]))]
    rhythm.rate = rhythm.atrial_rate / float(np.mean(rhythm.conduction))
    rhythm.fibrillation_mv = float(rng.uniform(0.10, 0.20))


@_condition
def supraventricular_tachycardia(heart: Heart, rhythm: Rhythm, severity: float, rng: Generator) -> None:
    rhythm.kind = "supraventricular_tachycardia"
    rhythm.rate = float(rng.uniform(142, 205))


@_condition
def paroxysmal_supraventricular_tachycardia(heart: Heart, rhythm: Rhythm, severity: float, rng: Generator) -> None:
    rhythm.kind = "paroxysmal_tachycardia"
    rhythm.rate = float(rng.uniform(142, 190))


@_condition
def supraventricular_arrhythmia(heart: Heart, rhythm: Rhythm, severity: float, rng: Generator) -> None:
    # An atrial pacemaker that wanders: abnormal P, irregular cycles, frequent premature atrial beats.
    rhythm.variability = float(rng.uniform(0.06, 0.12))
    rhythm.pac = max(rhythm.pac, float(rng.uniform(0.1, 0.3)))
    heart.p_axis = float(rng.uniform(90, 180))


@_condition
def ventricular_premature_beats(heart: Heart, rhythm: Rhythm, severity: float, rng: Generator) -> None:
    rhythm.pvc = max(rhythm.pvc, float(0.04 + 0.16 * severity * rng.random()))


@_condition
def atrial_premature_beats(heart: Heart, rhythm: Rhythm, severity: float, rng: Generator) -> None:
    rhythm.pac = max(rhythm.pac, float(0.04 + 0.14 * severity * rng.random()))


def _pattern(every: int, heart: Heart, rhythm: Rhythm, severity: float, rng: Generator) -> None:
    rhythm.pattern = every
    if rhythm.pvc == rhythm.pac == 0:
        rhythm.pvc = 0.3


CONDITIONS["bigeminy"] = partial(_pattern, 2)
CONDITIONS["trigeminy"] = partial(_pattern, 3)


@_condition
def ventricular_pacing(heart: Heart, rhythm: Rhythm, severity: float, rng: Generator) -> None:
    rhythm.kind = "paced"
    rhythm.rate = float(rng.choice([60.0, 70.0, 72.0, 75.0, 80.0]))
    rhythm.atrial_pacing = bool(rng.random() < 0.3)
    rhythm.focus_left = False
    rhythm.focus_rotation = float(-62 + 15 * rng.standard_normal())
