"""The latent hearts of the simulated UK Biobank: chambers, walls, conduction and scar, and their consequences.

One set of latent variables a participant drives the ECG (through :mod:`bench.simulate`), the short-axis image, the 61
phenotypes and the hazards of heart failure, so that there is something true to find: what an image shows of a heart
determines its ECG, and both determine its future. Sizes are those of UK Biobank's reference ranges, roughly; hazards are
several times those of UK Biobank, lest a few hundred participants have no event.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bench.simulate import TERRITORIES, Patient, afflict, draw_acquisition, draw_heart, draw_rhythm
from tasks.datasets.file_constants import UKB_TRUE_RISKS
from tasks.datasets.ukb_phenotypes import SEGMENTS

FRAME = 210
_PIXEL_MM = 1.8
_CENTRE = (83, 107)
"""Row and column of the left ventricle: in the middle of the region that MMCL's code cuts out (rows 44-122, columns
68-146 of 210)."""
_REACH = 64
"""Pixels around it beyond which no heart reaches."""

# Angle of each wall seen from the apex, degrees, 0 is lateral, 90 anterior; and of the 16 segments of the AHA.
_ANGLES = {"septal": 180.0, "anterior": 90.0, "lateral": 20.0, "inferior": 270.0, "posterior": 325.0}
_SEGMENT_ANGLES = np.array([90, 150, 210, 270, 330, 30, 90, 150, 210, 270, 330, 30, 90, 180, 270, 0], float)


@dataclass
class Participant:
    """Latent variables of one participant; ``z`` ones are standard deviations from the average.

    Attributes:
        age: years at imaging.
        height: cm. weight: kg.
        mass, dilation, contractility, atrium: z, of the left ventricle's muscle, its cavity, its force, the left atrium.
        right: z, size of the right ventricle.
        conduction: z, slowness of ventricular conduction; from 2.2 on it is a left bundle branch block.
        scar: [territory], transmural share.
        rate: beats per minute.
    """

    age: float
    female: bool
    height: float
    weight: float
    hypertension: bool
    diabetes: bool
    coronary: bool
    infarction: bool
    fibrillation: bool
    mass: float
    dilation: float
    contractility: float
    atrium: float
    right: float
    conduction: float
    scar: np.ndarray
    rate: float

    @property
    def body_mass_index(self) -> float:
        return self.weight / (self.height / 100) ** 2

    @property
    def log_risk(self) -> float:
        """The true log hazard ratio of heart failure: what no method can beat."""
        return (
            0.75 * self.mass
            + 0.55 * self.dilation
            - 0.9 * self.contractility
            + 0.5 * self.conduction
            + 0.4 * self.atrium
            + 1.2 * float(self.scar.sum())
            + 0.05 * (self.age - 65)
        )

    @property
    def ejection_fraction(self) -> float:
        """Of the left ventricle, percent."""
        return float(np.clip(60 + 5.5 * self.contractility - 9 * self.scar.sum(), 18, 78))

    @property
    def volume(self) -> float:
        """Of the left ventricle at end-diastole, mL."""
        surface = np.sqrt(self.height * self.weight / 3600)
        return float(surface * (72 if self.female else 82) * np.exp(0.17 * self.dilation))

    @property
    def thickness(self) -> float:
        """Of the left ventricle's wall at end-diastole, mm."""
        return float((5.6 if self.female else 6.6) * np.exp(0.16 * self.mass))


def draw_participant(rng: np.random.Generator) -> Participant:
    """Someone who came to the imaging visit."""
    female = bool(rng.random() < 0.48)
    age = float(np.clip(rng.normal(65, 7.5), 45, 83))
    height = float(rng.normal(163, 6.3) if female else rng.normal(176, 6.6))
    index = float(np.clip(rng.normal(26.8, 4.2), 17.5, 45))
    old, heavy = (age - 65) / 7.5, (index - 26.8) / 4.2
    hypertension = bool(rng.random() < _sigmoid(-0.35 + 0.5 * old + 0.5 * heavy))
    diabetes = bool(rng.random() < _sigmoid(_diabetes_log_odds(old, heavy)))
    coronary = bool(rng.random() < _sigmoid(_coronary_log_odds(old, female, diabetes)))
    infarction = bool(coronary and rng.random() < 0.8)
    scar = np.zeros(len(TERRITORIES))
    if infarction:
        wall = int(rng.integers(len(TERRITORIES)))
        scar[wall] = rng.uniform(0.4, 1.0)
        if rng.random() < 0.4:
            scar[(wall + 1) % len(TERRITORIES)] = rng.uniform(0.15, 0.5)
    z = rng.standard_normal(6)
    mass = 0.75 * z[0] + 0.8 * hypertension + 0.25 * diabetes - 0.3
    dilation = 0.8 * z[1] + 0.6 * float(scar.sum())
    contractility = 0.85 * z[2] - 0.5 * dilation
    atrium = 0.75 * z[3] + 0.35 * mass + 0.3 * old
    conduction = 0.8 * z[5] + 0.35 * dilation - 0.25 * contractility
    fibrillation = bool(rng.random() < _sigmoid(_fibrillation_log_odds(old, atrium)))
    return Participant(
        age=age,
        female=female,
        height=height,
        weight=index * (height / 100) ** 2,
        hypertension=hypertension,
        diabetes=diabetes,
        coronary=coronary,
        infarction=infarction,
        fibrillation=fibrillation,
        mass=float(mass),
        dilation=float(dilation),
        contractility=float(contractility),
        atrium=float(atrium),
        right=float(0.8 * z[4] + 0.2 * atrium),
        conduction=float(conduction),
        scar=scar,
        rate=float(np.clip(rng.normal(64 + 6 * diabetes - 2 * contractility, 9), 44, 105)),
    )


CERTAIN = 20.0
"""Log odds of what shows for certain."""


def true_risks(person: Participant, patient: Patient) -> dict[str, float]:
    """What nobody who sees a participant's heart, rhythm, age, sex and build can improve on: endpoint -> score.

    The log hazard ratio of heart failure. Of the diseases the log odds by Bayes' rule, given all latent variables but
    the diagnosis itself: coronary disease always injures the heart, which shows; fibrillation shows in who is in it that
    day; diabetes tells by the heart's mass and rate.
    """
    old, heavy = (person.age - 65) / 7.5, (person.body_mass_index - 26.8) / 4.2
    coronary = [_sigmoid(_coronary_log_odds(old, person.female, diabetes)) for diabetes in (True, False)]
    likelihood = [chance if person.coronary else 1 - chance for chance in coronary]
    mass = person.mass + 0.3 - 0.8 * person.hypertension
    rate = person.rate - 64 + 2 * person.contractility
    diabetes = (
        _diabetes_log_odds(old, heavy)
        + (0.25 * mass - 0.25**2 / 2) / 0.75**2
        + (6 * rate - 6**2 / 2) / 9**2
        + np.log(likelihood[0] / likelihood[1])
    )
    fibrillation = _fibrillation_log_odds(old, person.atrium)
    if patient.rhythm.kind == "fibrillation":
        fibrillation = CERTAIN
    certain = CERTAIN if person.coronary else -CERTAIN
    return dict(zip(UKB_TRUE_RISKS, (person.log_risk, certain, fibrillation, float(diabetes)), strict=True))


def patient_of(person: Participant, rng: np.random.Generator) -> Patient:
    """The participant as the ECG simulator knows patients."""
    heart = draw_heart(rng, person.age, person.female, person.body_mass_index)
    heart.lv_mass = float(np.exp(0.03 * rng.standard_normal() + 0.3 * person.mass))
    heart.lv_strain = float(np.clip(0.45 * (person.mass - 1.0), 0, 1))
    heart.la_size = float(np.exp(0.22 * person.atrium))
    heart.rv_mass = float(np.exp(0.12 * person.right))
    heart.pr_ms = float(np.clip(heart.pr_ms + 8 * person.atrium, 110, 280))
    heart.qrs_stretch = float(np.clip(1 + 0.09 * person.conduction + 0.04 * person.dilation, 0.8, 1.5))
    heart.t_amplitude = float(heart.t_amplitude * np.exp(0.2 * person.contractility - 0.12 * person.mass))
    heart.scar = np.clip(person.scar, 0, 1.0)
    heart.delayed_repolarisation = 0.7 * person.scar
    if person.coronary:
        heart.subendocardial_injury = heart.subendocardial_injury + 0.4 * rng.random(len(TERRITORIES))
    patient = Patient(heart, draw_rhythm(rng, person.age), draw_acquisition(rng))
    patient.rhythm.rate = person.rate
    if person.conduction > 2.2:
        afflict(patient, "left_bundle_branch_block", 0.8, rng)
    if person.fibrillation and rng.random() < 0.35:
        afflict(patient, "atrial_fibrillation", 0.9, rng)
    return patient


def phenotypes_of(person: Participant, rng: np.random.Generator) -> dict[str, float]:
    """The 61, with errors of measurement of some percent."""

    def measured(value: float, error: float = 0.03) -> float:
        return float(value * np.exp(error * rng.standard_normal()))

    volume, fraction = measured(person.volume), person.ejection_fraction + 1.5 * rng.standard_normal()
    stroke = volume * fraction / 100
    right = measured(person.volume * 1.05 * np.exp(0.15 * person.right))
    right_fraction = float(np.clip(57 + 4 * person.contractility + 2 * rng.standard_normal(), 25, 80))
    phenotypes = {
        "LVEDV": volume,
        "LVESV": volume - stroke,
        "LVSV": stroke,
        "LVEF": fraction,
        "LVCO": stroke * person.rate / 1000,
        "LVM": measured(0.12 * person.thickness * person.volume),
        "RVEDV": right,
        "RVESV": right * (1 - right_fraction / 100),
        "RVSV": right * right_fraction / 100,
        "RVEF": right_fraction,
    }
    dead = scar_at(person.scar, _SEGMENT_ANGLES)
    force = (person.ejection_fraction + 9 * person.scar.sum()) / 60
    septal = np.where((_SEGMENT_ANGLES >= 150) & (_SEGMENT_ANGLES <= 210), 1.08, 1.0)
    by_segment = {
        "WT": person.thickness * septal * (1 - 0.35 * dead) * np.exp(0.05 * rng.standard_normal(SEGMENTS)),
        "Ecc": -22 * force * (1 - 0.8 * dead) + 1.5 * rng.standard_normal(SEGMENTS),
        "Err": 45 * force * (1 - 0.8 * dead) + 4 * rng.standard_normal(SEGMENTS),
    }
    for name, values in by_segment.items():
        phenotypes |= {f"{name}_AHA_{k + 1}": float(value) for k, value in enumerate(values)}
        phenotypes[f"{name}_Global"] = float(values.mean())
    return phenotypes


def scar_at(scar: np.ndarray, angles: np.ndarray) -> np.ndarray:
    """Transmural share of scar at angles (degrees) around the ventricle, by the nearness of the walls."""
    centres = np.array([_ANGLES[territory] for territory in TERRITORIES])
    apart = np.abs((angles[..., None] - centres + 180) % 360 - 180)
    return np.clip((scar * np.exp(-((apart / 35) ** 2))).sum(axis=-1), 0, 1)


def short_axis(person: Participant, rng: np.random.Generator) -> np.ndarray:
    """The middle short-axis slice at end-systole, end-diastole and half-way: uint8 [3, 210, 210].

    A schematic: bright cavity, darker ring of muscle whose scar is brighter and does not thicken, the right ventricle as
    a crescent beyond the septum, a body around them, noise.
    """
    y = -(np.arange(FRAME, dtype=np.float32)[:, None] - _CENTRE[0] - rng.normal(0, 2)) * _PIXEL_MM
    x = (np.arange(FRAME, dtype=np.float32)[None] - _CENTRE[1] - rng.normal(0, 2)) * _PIXEL_MM
    body = np.where((x / 165) ** 2 + (y / 120) ** 2 < 1, 60.0, 0.0)
    near = tuple(slice(middle - _REACH, middle + _REACH) for middle in _CENTRE)  # what holds the whole heart
    y, x = y[near[0]], x[:, near[1]]
    radius, angle = np.hypot(x, y), np.degrees(np.arctan2(y, x)) % 360
    dead = scar_at(person.scar, np.arange(360.0))[angle.astype(np.int64) % 360].astype(np.float32)
    diastole = 25.5 * (person.volume / 145) ** (1 / 3)
    # a mid-ventricular slice shortens more than its cube root, the long axis less
    systole = diastole * (1 - person.ejection_fraction / 100) ** 0.45
    wall_area = person.thickness * (2 * diastole + person.thickness)
    phases = []
    for contraction in (1.0, 0.0, 0.5):
        inner = diastole + contraction * (systole - diastole) * (1 - 0.7 * dead)
        outer = np.sqrt(inner**2 + wall_area * (1 - 0.35 * dead))
        right = 1 - 0.22 * contraction
        reach = 34 * np.exp(0.12 * person.right) * right
        crescent = ((x + float(np.mean(outer)) * 0.75) / reach) ** 2 + (y / (30 * right)) ** 2 < 1
        image = np.where(crescent, 190.0, body[near])
        image = np.where(radius < outer, 75 + 80 * dead, image)
        phases.append(np.where(radius < inner, 215.0, image))
    noisy = 9 * rng.standard_normal((3, FRAME, FRAME), np.float32) + body
    noisy[:, *near] += np.stack(phases) - body[near]
    return np.clip(noisy, 0, 255, out=noisy).astype(np.uint8)


def _diabetes_log_odds(old: float, heavy: float) -> float:
    return -2.2 + 0.3 * old + 0.8 * heavy


def _coronary_log_odds(old: float, female: bool, diabetes: bool) -> float:
    return -1.5 + 0.6 * old + (0 if female else 0.9) + 0.5 * diabetes


def _fibrillation_log_odds(old: float, atrium: float) -> float:
    return -2.9 + 0.6 * old + 0.9 * atrium


def _sigmoid(x: float) -> float:
    return float(1 / (1 + np.exp(-x)))
