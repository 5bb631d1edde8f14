"""Effects of diagnoses on a patient: each condition changes parameters of heart or rhythm by its severity.

Severity 1 is a textbook case, 0.3 a borderline one. Conditions compose: each adds to what is there. Names are the
field's own terms; a dataset maps its codes to them.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from bench.errors import UnknownName
from bench.simulate.heart import TERRITORIES, Patient

Condition = Callable[[Patient, float, np.random.Generator], None]

CONDITIONS: dict[str, Condition] = {}
"""Name -> what it does to a patient, in place."""


def afflict(patient: Patient, condition: str, severity: float, rng: np.random.Generator) -> None:
    """Give ``patient`` (in place) a condition of the given severity.

    Raises:
        UnknownName: when no condition has that name.
    """
    if condition not in CONDITIONS:
        raise UnknownName("condition", condition, CONDITIONS)
    CONDITIONS[condition](patient, severity, rng)


def _condition(name: str) -> Callable[[Condition], Condition]:
    def register(function: Condition) -> Condition:
        CONDITIONS[name] = function
        return function

    return register


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


def _infarction(walls: np.ndarray) -> Condition:
    def apply(patient: Patient, severity: float, rng: np.random.Generator) -> None:
        heart = patient.heart
        heart.scar = np.clip(heart.scar + severity * walls * rng.uniform(0.85, 1.15, len(walls)), 0, 1.1)
        # Most infarctions on file are old: T inverted or recovered, ST settled; some still have raised ST.
        heart.delayed_repolarisation = heart.delayed_repolarisation + severity * walls * rng.uniform(0.25, 1.0)
        if rng.random() < 0.25:
            heart.transmural_injury = heart.transmural_injury + severity * walls * rng.uniform(0.3, 1.2)
        heart.notching += 0.15 * severity * rng.random()

    return apply


def _subendocardial_injury(walls: np.ndarray) -> Condition:
    def apply(patient: Patient, severity: float, rng: np.random.Generator) -> None:
        heart = patient.heart
        heart.subendocardial_injury = heart.subendocardial_injury + severity * walls * rng.uniform(1.0, 1.7)
        heart.delayed_repolarisation = heart.delayed_repolarisation + severity * walls * rng.uniform(0.6, 1.1)
        heart.scar = np.clip(heart.scar + 0.20 * severity * walls, 0, 1.1)

    return apply


def _ischaemia(walls: np.ndarray) -> Condition:
    def apply(patient: Patient, severity: float, rng: np.random.Generator) -> None:
        heart = patient.heart
        heart.subendocardial_injury = heart.subendocardial_injury + severity * walls * rng.uniform(0.35, 0.9)
        heart.delayed_repolarisation = heart.delayed_repolarisation + severity * walls * rng.uniform(0.6, 1.15)

    return apply


for _name, _shares in _INFARCTIONS.items():
    CONDITIONS[f"{_name}_infarction"] = _infarction(_shares)
for _name, _shares in _ISCHAEMIAS.items():
    CONDITIONS[f"{_name}_ischaemia"] = _ischaemia(_shares)
    CONDITIONS[f"{_name}_subendocardial_injury"] = _subendocardial_injury(_shares)


@_condition("ventricular_aneurysm")
def _aneurysm(patient: Patient, severity: float, rng: np.random.Generator) -> None:
    patient.heart.transmural_injury = patient.heart.transmural_injury + severity * _walls(septal=0.9, anterior=1.0)
    patient.heart.scar = np.clip(patient.heart.scar + severity * _walls(septal=0.2, anterior=0.3), 0, 1.1)


# --- conduction -----------------------------------------------------------------------------------------------------


@_condition("right_bundle_branch_block")
def _rbbb(patient: Patient, severity: float, rng: np.random.Generator) -> None:
    patient.heart.rbbb = max(patient.heart.rbbb, 0.82 + 0.28 * severity)
    patient.heart.qrs_stretch *= 1.04


@_condition("incomplete_right_bundle_branch_block")
def _irbbb(patient: Patient, severity: float, rng: np.random.Generator) -> None:
    patient.heart.rbbb = max(patient.heart.rbbb, 0.24 + 0.30 * severity)


@_condition("left_bundle_branch_block")
def _lbbb(patient: Patient, severity: float, rng: np.random.Generator) -> None:
    patient.heart.lbbb = max(patient.heart.lbbb, 0.85 + 0.25 * severity)
    patient.heart.qrs_stretch = max(patient.heart.qrs_stretch, 1.0)
    patient.heart.notching += float(rng.uniform(0.1, 0.45))  # the plateau or notch of R in I and V6
    patient.heart.frontal_rotation -= 15 * rng.random()


@_condition("incomplete_left_bundle_branch_block")
def _ilbbb(patient: Patient, severity: float, rng: np.random.Generator) -> None:
    patient.heart.lbbb = max(patient.heart.lbbb, 0.28 + 0.22 * severity)


@_condition("left_anterior_fascicular_block")
def _lafb(patient: Patient, severity: float, rng: np.random.Generator) -> None:
    patient.heart.lafb = max(patient.heart.lafb, 0.35 + 0.6 * severity)
    patient.heart.frontal_rotation = min(patient.heart.frontal_rotation, 10.0) - 6 * severity


@_condition("left_posterior_fascicular_block")
def _lpfb(patient: Patient, severity: float, rng: np.random.Generator) -> None:
    patient.heart.lpfb = max(patient.heart.lpfb, 0.6 + 0.45 * severity)
    patient.heart.frontal_rotation = max(patient.heart.frontal_rotation, 22 + 10 * rng.random())


@_condition("intraventricular_conduction_delay")
def _ivcd(patient: Patient, severity: float, rng: np.random.Generator) -> None:
    patient.heart.notching += 0.25 + 0.6 * severity
    patient.heart.qrs_stretch *= 1.03 + 0.14 * severity


@_condition("preexcitation")
def _preexcitation(patient: Patient, severity: float, rng: np.random.Generator) -> None:
    patient.heart.preexcitation = 0.6 + 0.5 * severity
    patient.heart.pathway_angle = float(rng.choice([-70.0, -15.0]) + 12 * rng.standard_normal())
    patient.heart.pr_ms = float(rng.uniform(102, 124))


@_condition("first_degree_av_block")
def _first_degree(patient: Patient, severity: float, rng: np.random.Generator) -> None:
    patient.heart.pr_ms = float(203 + 55 * severity * rng.uniform(0.1, 1.3))


@_condition("prolonged_pr")
def _prolonged_pr(patient: Patient, severity: float, rng: np.random.Generator) -> None:
    patient.heart.pr_ms = max(patient.heart.pr_ms, float(200 + 30 * severity * rng.random()))


@_condition("second_degree_av_block")
def _second_degree(patient: Patient, severity: float, rng: np.random.Generator) -> None:
    patient.rhythm.av_block = "wenckebach" if rng.random() < 0.6 else "two_to_one"
    patient.rhythm.rate = float(rng.uniform(68, 95))


@_condition("third_degree_av_block")
def _third_degree(patient: Patient, severity: float, rng: np.random.Generator) -> None:
    patient.rhythm.av_block = "complete"
    patient.rhythm.atrial_rate = float(rng.uniform(68, 100))
    patient.rhythm.rate = float(rng.uniform(30, 48))
    # A low escape is wide (it comes from the ventricles), a high one narrow.
    patient.rhythm.pvc = 1.0 if rng.random() < 0.4 else 0.0


# --- chambers -------------------------------------------------------------------------------------------------------


@_condition("left_ventricular_hypertrophy")
def _lvh(patient: Patient, severity: float, rng: np.random.Generator) -> None:
    heart = patient.heart
    heart.lv_mass += 0.22 + 0.62 * severity
    heart.la_size *= 1 + 0.12 * severity * rng.random()
    heart.lv_strain = max(heart.lv_strain, severity * rng.uniform(-0.15, 0.45))
    heart.frontal_rotation -= 8 * severity


@_condition("left_ventricular_strain")
def _strain(patient: Patient, severity: float, rng: np.random.Generator) -> None:
    patient.heart.lv_strain = max(patient.heart.lv_strain, 0.45 + 0.65 * severity)


@_condition("left_ventricular_voltage")
def _voltage(patient: Patient, severity: float, rng: np.random.Generator) -> None:
    patient.heart.lv_mass += 0.12 + 0.30 * severity


@_condition("septal_hypertrophy")
def _septal_hypertrophy(patient: Patient, severity: float, rng: np.random.Generator) -> None:
    # Deep narrow q in inferior and lateral leads, tall r in V1: the septum outweighs the free wall early on.
    heart = patient.heart
    heart.lv_mass += 0.15 + 0.25 * severity
    heart.scar = np.clip(heart.scar + severity * _walls(lateral=0.35, inferior=0.30), 0, 1.1)
    heart.lv_strain = max(heart.lv_strain, 0.5 * severity * rng.random())


@_condition("right_ventricular_hypertrophy")
def _rvh(patient: Patient, severity: float, rng: np.random.Generator) -> None:
    heart = patient.heart
    heart.rv_mass += 0.55 + 0.75 * severity
    heart.frontal_rotation = max(heart.frontal_rotation, 0.0) + 25 * severity
    heart.rv_strain = max(heart.rv_strain, severity * rng.uniform(0.2, 1.0))


@_condition("left_atrial_enlargement")
def _lae(patient: Patient, severity: float, rng: np.random.Generator) -> None:
    patient.heart.la_size *= 1.45 + 0.5 * severity


@_condition("right_atrial_enlargement")
def _rae(patient: Patient, severity: float, rng: np.random.Generator) -> None:
    patient.heart.ra_size *= 1.5 + 0.45 * severity


@_condition("low_voltage")
def _low_voltage(patient: Patient, severity: float, rng: np.random.Generator) -> None:
    patient.heart.amplitude *= 1 - 0.5 * min(severity, 1)


@_condition("high_voltage")
def _high_voltage(patient: Patient, severity: float, rng: np.random.Generator) -> None:
    patient.heart.amplitude *= 1.3 + 0.35 * severity


@_condition("abnormal_qrs")
def _abnormal_qrs(patient: Patient, severity: float, rng: np.random.Generator) -> None:
    patient.heart.notching += 0.3 * severity * rng.uniform(0.4, 1.2)


@_condition("q_waves")
def _q_waves(patient: Patient, severity: float, rng: np.random.Generator) -> None:
    walls = _INFARCTIONS["inferior" if rng.random() < 0.6 else "anteroseptal"]
    if patient.heart.scar.max() < 0.4:
        patient.heart.scar = np.clip(patient.heart.scar + 0.6 * severity * walls, 0, 1.1)
    else:
        patient.heart.scar = np.clip(patient.heart.scar * (1 + 0.25 * severity), 0, 1.1)


# --- ST and T -------------------------------------------------------------------------------------------------------


@_condition("low_t")
def _low_t(patient: Patient, severity: float, rng: np.random.Generator) -> None:
    patient.heart.t_amplitude *= 1 - 0.8 * min(severity, 1.0)


@_condition("nonspecific_t")
def _nonspecific_t(patient: Patient, severity: float, rng: np.random.Generator) -> None:
    heart = patient.heart
    heart.t_amplitude *= 1 - 0.62 * min(severity, 1.1)
    heart.t_frontal_rotation += severity * rng.choice([-1.0, 1.0]) * rng.uniform(15, 60)
    heart.t_horizontal_rotation += severity * rng.uniform(-35, 25)


@_condition("nonspecific_st_t")
def _nonspecific_st_t(patient: Patient, severity: float, rng: np.random.Generator) -> None:
    heart = patient.heart
    heart.st_mv -= severity * rng.uniform(0.03, 0.09)
    heart.t_amplitude *= 1 - severity * rng.uniform(0.35, 0.65)


@_condition("nonspecific_ischaemia")
def _nonspecific_ischaemia(patient: Patient, severity: float, rng: np.random.Generator) -> None:
    # "May be due to strain or ischaemia": ST down and T inverted or flat over the left ventricle.
    heart = patient.heart
    heart.lv_strain = max(heart.lv_strain, 0.4 + 0.55 * severity)
    heart.st_mv -= 0.04 * severity * rng.random()


@_condition("st_depression")
def _st_depression(patient: Patient, severity: float, rng: np.random.Generator) -> None:
    patient.heart.st_mv -= 0.05 + 0.08 * severity


@_condition("st_elevation")
def _st_elevation(patient: Patient, severity: float, rng: np.random.Generator) -> None:
    patient.heart.j_point_mv += 0.10 + 0.12 * severity


@_condition("t_inversion")
def _t_inversion(patient: Patient, severity: float, rng: np.random.Generator) -> None:
    heart = patient.heart
    if heart.delayed_repolarisation.max() < 0.5:
        walls = list(_ISCHAEMIAS.values())[int(rng.integers(0, len(_ISCHAEMIAS)))]
        heart.delayed_repolarisation = heart.delayed_repolarisation + walls * (0.5 + 0.6 * severity)
    else:
        heart.delayed_repolarisation = heart.delayed_repolarisation * (1 + 0.35 * severity)


@_condition("abnormal_t")
def _abnormal_t(patient: Patient, severity: float, rng: np.random.Generator) -> None:
    patient.heart.t_width *= 0.85
    patient.heart.t_horizontal_rotation += severity * rng.choice([-60.0, 60.0])


@_condition("long_qt")
def _long_qt(patient: Patient, severity: float, rng: np.random.Generator) -> None:
    patient.heart.qtc_ms = float(465 + 55 * severity * rng.uniform(0.5, 1.2))


@_condition("digitalis")
def _digitalis(patient: Patient, severity: float, rng: np.random.Generator) -> None:
    heart = patient.heart
    heart.digitalis += 0.6 + 0.6 * severity
    heart.t_amplitude *= 1 - 0.45 * min(severity, 1)
    heart.qtc_ms -= 22 * severity


@_condition("low_potassium")
def _low_potassium(patient: Patient, severity: float, rng: np.random.Generator) -> None:
    heart = patient.heart
    heart.t_amplitude *= 1 - 0.65 * min(severity, 1)
    heart.u_wave += 0.35 + 0.5 * severity
    heart.st_mv -= 0.05 * severity
    heart.qtc_ms += 12 * severity


@_condition("high_potassium")
def _high_potassium(patient: Patient, severity: float, rng: np.random.Generator) -> None:
    heart = patient.heart
    heart.t_amplitude *= 1.5 + 0.5 * severity
    heart.t_width *= 0.72
    heart.p_amplitude *= 0.6
    heart.qrs_stretch *= 1 + 0.12 * severity


# --- rhythm ---------------------------------------------------------------------------------------------------------


@_condition("sinus_bradycardia")
def _bradycardia(patient: Patient, severity: float, rng: np.random.Generator) -> None:
    patient.rhythm.rate = float(57 - 14 * severity * rng.uniform(0.1, 1.1))


@_condition("sinus_tachycardia")
def _tachycardia(patient: Patient, severity: float, rng: np.random.Generator) -> None:
    patient.rhythm.rate = float(102 + 34 * severity * rng.uniform(0.1, 1.1))
    patient.rhythm.respiratory = 0.004
    patient.rhythm.variability = 0.005


@_condition("sinus_arrhythmia")
def _sinus_arrhythmia(patient: Patient, severity: float, rng: np.random.Generator) -> None:
    patient.rhythm.respiratory = float(0.10 + 0.11 * severity)
    patient.rhythm.variability = 0.03


@_condition("atrial_fibrillation")
def _fibrillation(patient: Patient, severity: float, rng: np.random.Generator) -> None:
    rhythm = patient.rhythm
    rhythm.kind = "fibrillation"
    rhythm.rate = float(np.clip(92 + 24 * rng.standard_normal(), 48, 165))
    rhythm.variability = float(rng.uniform(0.16, 0.26))
    rhythm.fibrillation_mv *= float(rng.uniform(0.7, 1.6))


@_condition("atrial_flutter")
def _flutter(patient: Patient, severity: float, rng: np.random.Generator) -> None:
    rhythm = patient.rhythm
    rhythm.kind = "flutter"
    rhythm.atrial_rate = float(rng.uniform(240, 320))
    choices = ((2,), (3,), (4,), (2, 3), (2, 4))
    rhythm.conduction = choices[int(rng.choice(5, p=[0.35, 0.1, 0.25, 0.1, 0.2]))]
    rhythm.rate = rhythm.atrial_rate / float(np.mean(rhythm.conduction))
    rhythm.fibrillation_mv = float(rng.uniform(0.10, 0.20))


@_condition("supraventricular_tachycardia")
def _svt(patient: Patient, severity: float, rng: np.random.Generator) -> None:
    patient.rhythm.kind = "supraventricular_tachycardia"
    patient.rhythm.rate = float(rng.uniform(142, 205))


@_condition("paroxysmal_supraventricular_tachycardia")
def _psvt(patient: Patient, severity: float, rng: np.random.Generator) -> None:
    patient.rhythm.kind = "paroxysmal_tachycardia"
    patient.rhythm.rate = float(rng.uniform(142, 190))


@_condition("supraventricular_arrhythmia")
def _sv_arrhythmia(patient: Patient, severity: float, rng: np.random.Generator) -> None:
    # An atrial pacemaker that wanders: abnormal P, irregular cycles, frequent premature atrial beats.
    patient.rhythm.variability = float(rng.uniform(0.06, 0.12))
    patient.rhythm.pac = max(patient.rhythm.pac, float(rng.uniform(0.1, 0.3)))
    patient.heart.p_axis = float(rng.uniform(90, 180))


@_condition("ventricular_premature_beats")
def _pvc(patient: Patient, severity: float, rng: np.random.Generator) -> None:
    patient.rhythm.pvc = max(patient.rhythm.pvc, float(0.04 + 0.16 * severity * rng.random()))


@_condition("atrial_premature_beats")
def _pac(patient: Patient, severity: float, rng: np.random.Generator) -> None:
    patient.rhythm.pac = max(patient.rhythm.pac, float(0.04 + 0.14 * severity * rng.random()))


def _pattern(every: int) -> Condition:
    def apply(patient: Patient, severity: float, rng: np.random.Generator) -> None:
        patient.rhythm.pattern = every
        if patient.rhythm.pvc == patient.rhythm.pac == 0:
            patient.rhythm.pvc = 0.3

    return apply


CONDITIONS["bigeminy"] = _pattern(2)
CONDITIONS["trigeminy"] = _pattern(3)


@_condition("ventricular_pacing")
def _pacing(patient: Patient, severity: float, rng: np.random.Generator) -> None:
    rhythm = patient.rhythm
    rhythm.kind = "paced"
    rhythm.rate = float(rng.choice([60.0, 70.0, 72.0, 75.0, 80.0]))
    rhythm.atrial_pacing = bool(rng.random() < 0.3)
    rhythm.focus_left = False
    rhythm.focus_rotation = float(-62 + 15 * rng.standard_normal())
