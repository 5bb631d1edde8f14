"""The parameters of a simulated patient: heart, rhythm and recording.

Everything is continuous and physiological; nothing here knows a dataset's codes. A latent-variable cohort (chamber
volume, wall thickness, scar) sets these fields directly; a labelled cohort goes through
:mod:`bench.simulate.conditions`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields

import numpy as np

TERRITORIES = ("septal", "anterior", "lateral", "inferior", "posterior")
"""The walls of the left ventricle, in the order of every per-territory array."""

RHYTHMS = ("sinus", "fibrillation", "flutter", "supraventricular_tachycardia", "paroxysmal_tachycardia", "paced")
AV_BLOCKS = ("none", "wenckebach", "two_to_one", "complete")


def _walls() -> np.ndarray:
    return np.zeros(len(TERRITORIES))


@dataclass
class Heart:
    """Anatomy, conduction and repolarisation of one heart.

    Fractions run from 0 (absent) to 1 (textbook); a little above 1 is allowed. Sizes and gains are relative to an
    average adult, whose value is 1.
    """

    # The body between heart and electrodes.
    amplitude: float = 1.0  # gain of all leads (body habitus, conductivity)
    precordial_gain: float = 1.0  # further gain of V1-V6 (chest wall thickness)
    frontal_rotation: float = 0.0  # degrees; positive turns the electrical axis rightwards (towards aVF, then aVR)
    horizontal_rotation: float = 0.0  # degrees; positive (clockwise) moves the R/S transition towards V6
    electrode_shift: float = 0.0  # V1-V6 displaced along the chest, in electrode distances, positive towards V6
    electrode_height: float = 0.0  # V1-V6 displaced, in intercostal spaces, positive upwards
    fingerprint: int = 0  # seed of this body's own small deviations from the average lead field

    # The chambers.
    lv_mass: float = 1.0
    rv_mass: float = 1.0
    la_size: float = 1.0
    ra_size: float = 1.0

    # Conduction.
    pr_ms: float = 160.0  # onset of P to onset of QRS
    p_axis: float = 0.0  # degrees; turns the atrial vectors in the frontal plane, 180 is a retrograde P
    p_amplitude: float = 1.0
    qrs_stretch: float = 1.0  # 1 is a QRS of about 90 ms
    rbbb: float = 0.0  # right bundle branch block; about 0.5 is incomplete
    lbbb: float = 0.0
    lafb: float = 0.0  # left anterior fascicular block
    lpfb: float = 0.0
    notching: float = 0.0  # slow, fragmented spread through the wall (non-specific intraventricular block)
    preexcitation: float = 0.0  # share of the ventricles reached over an accessory pathway
    pathway_angle: float = 0.0  # degrees; direction of the delta vector in the horizontal plane, 0 left, -90 anterior

    # Repolarisation.
    qtc_ms: float = 405.0  # Fridericia
    t_amplitude: float = 1.0
    t_frontal_rotation: float = 0.0  # degrees, relative to the average T axis
    t_horizontal_rotation: float = 0.0  # degrees; positive turns T backwards (flat or negative in V1-V3)
    j_point_mv: float = 0.0  # ST elevation along the T vector (early repolarisation)
    u_wave: float = 0.0  # relative to the average T amplitude
    t_width: float = 1.0  # below 1: narrow, peaked
    lv_strain: float = 0.0  # ST depression and T inversion over the lateral wall
    rv_strain: float = 0.0  # the same over the right ventricle
    digitalis: float = 0.0  # scooped ST, short QT
    st_mv: float = 0.0  # diffuse ST deviation along the QRS axis, negative is depression

    # Per territory of the left ventricle, in the order of TERRITORIES.
    scar: np.ndarray = field(default_factory=_walls)  # transmural share of dead muscle
    subendocardial_injury: np.ndarray = field(default_factory=_walls)  # ST depression
    transmural_injury: np.ndarray = field(default_factory=_walls)  # ST elevation
    delayed_repolarisation: np.ndarray = field(default_factory=_walls)  # T inversion


class Hearts:
    """Many hearts side by side: every field of :class:`Heart` as an array [record] (or [record, territory])."""

    def __init__(self, arrays: dict[str, np.ndarray]):
        self.__dict__.update(arrays)

    @classmethod
    def stack(cls, hearts: Sequence[Heart]) -> Hearts:
        return cls({f.name: np.array([getattr(h, f.name) for h in hearts]) for f in fields(Heart)})

    def __len__(self) -> int:
        return len(self.amplitude)

    def take(self, index: np.ndarray) -> Hearts:
        """The hearts at ``index``, as a copy whose arrays may be overwritten."""
        return Hearts({name: array[index] for name, array in self.__dict__.items()})

    def copy(self) -> Hearts:
        """A copy whose fields may be replaced."""
        return Hearts(self.__dict__)

    def __getattr__(self, name: str) -> np.ndarray:  # only reached for what no heart has
        raise AttributeError(f"a heart has no {name!r}")

    def __setattr__(self, name: str, value: np.ndarray) -> None:
        self.__dict__[name] = value


@dataclass
class Rhythm:
    """How beats follow each other."""

    kind: str = "sinus"  # one of RHYTHMS
    rate: float = 70.0  # beats per minute, of the ventricles
    variability: float = 0.02  # beat-to-beat standard deviation, as a share of the RR interval
    respiratory: float = 0.02  # respiratory sinus arrhythmia: amplitude as a share of the RR interval
    atrial_rate: float = 300.0  # per minute: flutter waves, or P waves in complete AV block
    conduction: tuple[int, ...] = (2,)  # flutter: atrial cycles per QRS; several values alternate at random
    fibrillation_mv: float = 0.08  # amplitude of f or F waves in V1
    av_block: str = "none"  # one of AV_BLOCKS
    pvc: float = 0.0  # probability that a beat is a ventricular premature one
    pac: float = 0.0  # probability that a beat is an atrial premature one
    pattern: int = 0  # 2: every second beat is premature (bigeminy); 3: every third (trigeminy); 0: at random
    focus_left: bool = False  # ventricular ectopic or paced beats start in the left ventricle (else the right)
    focus_rotation: float = 0.0  # degrees; frontal rotation of ventricular ectopic or paced beats
    atrial_pacing: bool = False  # paced rhythm: the atrium is paced too
    spike_mv: float = 0.5  # amplitude of a pacing spike


@dataclass
class Acquisition:
    """What the recorder adds; per-electrode arrays follow :data:`bench.simulate.leadfield.ELECTRODES`."""

    wander_mv: float = 0.04  # baseline wander (standard deviation, below about 0.5 Hz)
    muscle_mv: float = 0.008  # electromyogram (standard deviation)
    mains_mv: float = 0.003  # 50 Hz interference (amplitude)
    noisy_electrodes: dict[str, float] = field(default_factory=dict)  # electrode -> factor on muscle and mains noise
    drifting_electrodes: dict[str, float] = field(default_factory=dict)  # electrode -> factor on wander
    burst_electrodes: tuple[str, ...] = ()  # electrodes with one burst of movement artefact
    burst_mv: float = 0.3  # standard deviation within a burst
    loose_electrode: str = ""  # one electrode that pops: sudden offsets that decay


@dataclass
class Patient:
    """One patient at the time of one recording."""

    heart: Heart = field(default_factory=Heart)
    rhythm: Rhythm = field(default_factory=Rhythm)
    acquisition: Acquisition = field(default_factory=Acquisition)
