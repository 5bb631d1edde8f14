"""People of the simulated cohorts whose publishers state little: age, sex, build, and a heart."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from bench.simulate import Heart, Patient, afflict, draw_acquisition, draw_heart, draw_rhythm


@dataclass
class SimulatedPerson:
    """Age in years, sex, and the heart that all recordings of the person share."""

    age: float
    female: bool
    heart: Heart

    @property
    def sex(self) -> str:
        return "female" if self.female else "male"


def draw_person(rng: np.random.Generator, mean_age: float = 60.0, ill: bool = True) -> SimulatedPerson:
    """Someone of about ``mean_age``, twelve years younger if not ``ill``."""
    age = float(np.clip(np.rint(mean_age - (0 if ill else 12) + 15 * rng.standard_normal()), 18, 95))
    female = bool(rng.random() < 0.46)
    index = float(np.clip(25 + 4 * rng.standard_normal(), 17, 42))
    return SimulatedPerson(age, female, draw_heart(rng, age, female, index))


def patient_with(
    person: SimulatedPerson, conditions: Iterable[str], rng: np.random.Generator, again: bool = False
) -> Patient:
    """The person at the time of a recording, with conditions of ``bench.simulate.CONDITIONS`` of drawn severity.

    Args:
        again: a later recording: electrodes lie a little elsewhere.
    """
    heart = copy.deepcopy(person.heart)
    if again:
        heart.electrode_shift += 0.12 * rng.standard_normal()
        heart.electrode_height += 0.15 * rng.standard_normal()
        heart.amplitude *= float(np.exp(0.05 * rng.standard_normal()))
    patient = Patient(heart, draw_rhythm(rng, person.age), draw_acquisition(rng))
    for condition in conditions:
        afflict(patient, condition, float(rng.uniform(0.5, 1.15)), rng)
    return patient
