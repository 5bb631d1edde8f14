"""Augmentations of a batch of 256 recordings, [12, 5000], against numpy a recording at a time.

    python benchmarks/augmentation.py [--batch 256] [--rounds 3] [--only jitter,crop]

Theirs is what a loader's ``__getitem__`` does: one recording in numpy (its own interpolation and FFT, float64 as
they come), lead by lead where those take one signal, then stacked to a float32 tensor. Both draw their own random numbers.
What bounds it: memory bandwidth for most (``bound`` is a copy of the batch), random numbers for jitter and gaussian-noise
(one for each sample), arithmetic for the two in frequency.
"""

from __future__ import annotations

import argparse
import math
import statistics
import time
from collections.abc import Callable

import numpy as np
import torch

from methods import augment
from methods.views import AUGMENTATIONS, MEHARI, MMCL

FS, TIME = 500, 5000
RNG = np.random.default_rng(0)
CLOCK = np.arange(TIME)


def at(x: np.ndarray, position: np.ndarray) -> np.ndarray:
    return np.stack([np.interp(position, CLOCK, lead) for lead in x])


def crop(x):
    start = RNG.integers(TIME - TIME // 2 + 1)
    return x[:, start : start + TIME // 2]


def resized_crop(x):
    share = RNG.uniform(0.5, 1)
    start = RNG.uniform() * (1 - share) * (TIME - 1)
    return at(x, start + np.linspace(0, share * (TIME - 1), TIME))


def time_warp(x):
    speed = np.exp(0.2 * RNG.normal(size=6))
    passed = np.cumsum(np.interp(np.linspace(0, 5, TIME), np.arange(6), speed))
    return at(x, (passed - passed[0]) / (passed[-1] - passed[0]) * (TIME - 1))


def permutation(x):
    parts = np.array_split(CLOCK, RNG.integers(1, 5))
    return x[:, np.concatenate([parts[i] for i in RNG.permutation(len(parts))])]


def time_flip(x):
    return x[:, ::-1] if RNG.random() < 0.5 else x


def cutout(x):
    width = RNG.uniform(0.2, 0.4) * TIME
    start = RNG.uniform() * (TIME - width)
    x = x.copy()
    x[:, int(start) : int(start + width)] = 0
    return x


def jitter(x):
    return x * (1 + 0.6 * RNG.normal(0, 0.25, x.shape))


def gaussian_noise(x):
    return x + RNG.normal(0, 0.1, x.shape)


def scaling(x):
    return x * RNG.normal(1, 0.5)


def magnitude_warp(x):
    return x * np.interp(np.linspace(0, 5, TIME), np.arange(6), RNG.normal(1, 0.2, 6))


def sign_flip(x):
    return -x if RNG.random() < 0.5 else x


def lead_dropout(x):
    return x * (RNG.random((len(x), 1)) >= 0.5)


def fourier_surrogate(x):
    turns = np.exp(2j * math.pi * 0.1 * RNG.random(TIME // 2 + 1))
    return np.stack([np.fft.irfft(np.fft.rfft(lead) * turns, n=TIME) for lead in x])


def baseline_wander(x):
    waves = sum(np.sin(2 * math.pi * (RNG.uniform(0.05, 0.5) * CLOCK / FS + RNG.random())) for _ in range(3)) / 3
    return np.stack([lead + 0.2 * RNG.normal() * waves for lead in x])


def powerline(x):
    wave = np.sin(2 * math.pi * (RNG.choice([50, 60]) * CLOCK / FS + RNG.random()))
    return np.stack([lead + 0.1 * RNG.normal() * wave for lead in x])


def chain(*functions: Callable) -> Callable:
    def run(x):
        for function in functions:
            x = function(x)
        return x

    return run


NUMPY: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    name: globals()[name.replace("-", "_")] for name in AUGMENTATIONS
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", help="names, by commas")
    arguments = parser.parse_args()
    batch = torch.randn(arguments.batch, 12, TIME)
    recordings = list(batch.numpy())
    pairs: dict[str, tuple[Callable, Callable]] = {"crop": (crop, lambda x, fs: augment.crop(x, TIME // 2))}
    pairs |= {name: (NUMPY[name], AUGMENTATIONS[name]) for name in AUGMENTATIONS}
    for title, names in (("Mehari's pair", MEHARI), ("MMCL's three", MMCL)):
        ours = chain(*((lambda x, f=AUGMENTATIONS[name]: f(x, FS)) for name in names))
        pairs[title] = (chain(*(NUMPY[name] for name in names)), lambda x, fs, f=ours: f(x))
    if arguments.only:
        pairs = {name: pairs[name] for name in arguments.only.split(",")}
    print(f"{torch.get_num_threads()} threads; milliseconds a batch of {arguments.batch}")
    ratios = []
    for name, (theirs, ours) in pairs.items():
        ours(batch, FS)
        times = []
        for _ in range(arguments.rounds):
            marks = [time.perf_counter()]
            torch.from_numpy(np.stack([theirs(x) for x in recordings]).astype(np.float32))
            marks.append(time.perf_counter())
            ours(batch, FS)
            marks.append(time.perf_counter())
            batch.clone()
            marks.append(time.perf_counter())
            times.append(np.diff(marks) * 1e3)
        slow, fast, copy = np.median(times, axis=0)
        ratios.append(statistics.median(a / b for a, b, _ in times))
        print(
            f"{name:18} numpy {slow:7.1f}  ours {fast:6.1f}  ratio {ratios[-1]:6.1f}  {fast / copy:5.1f} times the bound"
        )
    print(f"geometric mean of the ratios {statistics.geometric_mean(ratios):.1f}")


if __name__ == "__main__":
    main()
