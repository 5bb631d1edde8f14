"""The waveform simulator: physiological parameters in, twelve-lead recordings out."""

from bench.simulate.conditions import CONDITIONS, afflict
from bench.simulate.heart import TERRITORIES, Acquisition, Heart, Patient, Rhythm
from bench.simulate.individual import draw_acquisition, draw_heart, draw_rhythm
from bench.simulate.waveform import simulate

__all__ = [
    "CONDITIONS",
    "TERRITORIES",
    "Acquisition",
    "Heart",
    "Patient",
    "Rhythm",
    "afflict",
    "draw_acquisition",
    "draw_heart",
    "draw_rhythm",
    "simulate",
]
