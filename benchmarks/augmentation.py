"""Augmentations of a batch of 256, against numpy a recording (or image) at a time.

    python benchmarks/augmentation.py [--batch 256] [--rounds 3] [--only "MMCL, ECG;jitter"]

First the chains that a training step asks for. Theirs is the arithmetic of the released code, a sample at a time as in a
loader's ``__getitem__``, then stacked: MMCL on ECGs (a crop of 5 s, its surrogate by a complex FFT in float64, jitter,
rescaling), Mehari and Strodthoff (a crop of 2.5 s resized by ``np.interp`` through random positions, time out), TS-TCC (weak
and strong view of 10 s), Um et al. (warps through cubic splines; ours are piecewise linear), MMCL on images [3, 210, 210]
(crop around the heart, flip, rotation, colour jitter, crop: ``scipy.ndimage`` in place of torchvision and in its order, on
the 79 pixels around the heart, enlarged at the end).

Then single steps on [12, 5000], where numpy is the same formula written as tersely as numpy can, in float64 as it comes.
Both sides draw their own random numbers; theirs has one core, ours all threads of torch. On a busy machine the ratio of
processor time, which counts all threads, is the steadier one; two free cores reach up to twice that. ``bound`` is a copy of
ours' result into memory that is there already: a time flip can be no faster, and numpy's is two such copies and their page
faults, so that nothing can be twenty times faster than it. The surrogate's bound is arithmetic: its transforms.
"""

from __future__ import annotations

import argparse
import math
import os
import statistics
import time
from collections.abc import Callable

import bench  # isort: skip - before torch, whose threads then sleep while they wait  # noqa: F401
import numpy as np
import torch
from scipy import ndimage
from scipy.interpolate import CubicSpline

from methods import augment
from methods.image_augment import GREY, HEART, augmented_heart
from methods.views import AUGMENTATIONS, MEHARI, MMCL, random_view

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


NUMPY: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    name: globals()[name.replace("-", "_")] for name in AUGMENTATIONS
}


# Chains, by the arithmetic of the released codes -------------------------------------------------------------------


def mmcl_ecg(x):
    start = RNG.integers(TIME // 2)
    x = x[:, start : start + TIME // 2]
    spectrum = np.fft.fft(x.astype(np.float64))
    n = x.shape[1]
    turns = 2j * np.pi * RNG.random(n // 2 - 1)
    turns = np.tile(np.concatenate([[0], turns, [0], -turns[::-1]]), (len(x), 1))
    x = np.fft.ifft(spectrum * np.exp(0.1 * turns)).real.astype(np.float32)
    x = x + 0.6 * x * RNG.normal(0, 0.25, x.shape)
    return x * RNG.normal(1, 0.5)


def mehari_pair(x):
    window = TIME // 4
    start = RNG.integers(TIME - window)
    x = x[:, start : start + window]
    kept = int(RNG.uniform(0.5, 1) * window)
    start = RNG.integers(window - kept + 1)
    inner = np.sort(RNG.choice(np.arange(window - 2) + 1, kept - 2, replace=False))
    places = np.concatenate([[0], inner, [window - 1]])
    x = np.stack([np.interp(np.arange(window), places, lead[start : start + kept]) for lead in x])
    return cutout_of(x, RNG.uniform(0.2, 0.4))


def cutout_of(x, share):
    width = int(share * x.shape[1])
    start = RNG.integers(x.shape[1] - width)
    x[:, start : start + width] = 0
    return x


def ts_tcc(x):
    weak = scaling(gaussian_noise(x))
    return np.stack([weak, gaussian_noise(permutation(x))])


def um_warps(x):
    knots = np.linspace(0, TIME - 1, 6)
    x = x * np.stack([CubicSpline(knots, RNG.normal(1, 0.2, 6))(CLOCK) for _ in x])
    passed = [np.cumsum(CubicSpline(knots, RNG.normal(1, 0.2, 6))(CLOCK)) for _ in x]
    return np.stack([np.interp(CLOCK, p * (TIME - 1) / p[-1], lead) for p, lead in zip(passed, x, strict=True)])


def mmcl_image(x):
    side = round(HEART[2] * x.shape[1])
    top, left = round(HEART[0] * x.shape[1]), round(HEART[1] * x.shape[2])
    x = x[:, top : top + side, left : left + side]
    if RNG.random() < 0.5:
        x = x[:, :, ::-1]
    if RNG.random() < 0.5:
        angle = math.radians(RNG.uniform(-45, 45))
        turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        offset = (side - 1) / 2 * (1 - turn.sum(1))
        x = np.stack([ndimage.affine_transform(c, turn, offset, order=0) for c in x])
    brightness, contrast, saturation = 1 + RNG.uniform(-1, 1, 3) * [0.5, 0.5, 0.25]
    x = np.clip(x * brightness, 0, 1)
    middle = np.tensordot(GREY, x, 1).mean()
    x = np.clip(middle + contrast * (x - middle), 0, 1)
    grey = np.tensordot(GREY, x, 1)
    x = np.clip(grey + saturation * (x - grey), 0, 1)
    area, ratio = RNG.uniform(0.6, 1), np.exp(RNG.uniform(-1, 1) * math.log(4 / 3))
    step = np.array([min(1, (area / ratio) ** 0.5), min(1, (area * ratio) ** 0.5)]) * (side - 1) / 209
    start = RNG.random(2) * (side - 1 - 209 * step)
    return np.stack([ndimage.affine_transform(c, step, start, (210, 210), order=1) for c in x])


def chains(leads: torch.Tensor) -> dict[str, tuple[bool, Callable, Callable]]:
    """Name -> whether of images, theirs for a sample, ours for a batch."""

    def both_views(x):
        return augment.scaling(augment.gaussian_noise(x)), augment.gaussian_noise(augment.permutation(x))

    return {
        "MMCL, ECG": (False, mmcl_ecg, lambda x: random_view(x, leads, FS, TIME // 2, MMCL)),
        "Mehari's pair": (False, mehari_pair, lambda x: random_view(x, leads, FS, TIME // 4, MEHARI)),
        "TS-TCC": (False, ts_tcc, both_views),
        "Um's warps": (False, um_warps, lambda x: augment.time_warp(augment.magnitude_warp(x))),
        "MMCL, images": (True, mmcl_image, augmented_heart),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", help="names, by semicolons")
    arguments = parser.parse_args()
    ecgs, images = torch.randn(arguments.batch, 12, TIME), torch.rand(arguments.batch, 3, 210, 210)
    samples = {False: list(ecgs.numpy()), True: list(images.numpy())}
    leads = torch.ones(arguments.batch, 12, dtype=torch.bool)
    pairs = chains(leads)
    singles = {name: (False, NUMPY[name], lambda x, f=f: f(x, FS)) for name, f in AUGMENTATIONS.items()}
    singles["crop"] = (False, crop, lambda x: augment.crop(x, TIME // 2))
    pairs = pairs | singles
    if arguments.only:
        pairs = {name: pair for name, pair in pairs.items() if name in arguments.only.split(";")}
    print(
        f"{torch.get_num_threads()} threads, load {os.getloadavg()[0]:.1f}; milliseconds a batch of {arguments.batch}"
    )
    ratios = {}
    for name, (of_images, theirs, ours) in pairs.items():
        made = ours(images if of_images else ecgs)
        made = torch.cat(made) if isinstance(made, tuple) else made
        to = torch.empty_like(made).copy_(made)
        times = []
        for _ in range(arguments.rounds):
            marks, busy = [time.perf_counter()], [time.process_time()]
            torch.from_numpy(np.stack([theirs(x) for x in samples[of_images]]).astype(np.float32))
            marks.append(time.perf_counter())
            busy.append(time.process_time())
            ours(images if of_images else ecgs)
            marks.append(time.perf_counter())
            busy.append(time.process_time())
            to.copy_(made)
            marks.append(time.perf_counter())
            times.append(np.diff([*marks, *busy])[[0, 1, 2, 4, 5]] * 1e3)
        slow, fast, copy, *_ = np.median(times, axis=0)
        ratios[name] = statistics.median(a / b for a, b, *_ in times)
        processor = statistics.median(a / b for *_, a, b in times)
        print(
            f"{name:21} theirs {slow:7.1f}  ours {fast:6.1f}  ratio {ratios[name]:6.1f} "
            f"(processor time {processor:5.1f})  {fast / copy:5.1f} times the bound",
            flush=True,
        )
    for title, chosen in (("chains", set(ratios) - set(singles)), ("single steps", set(ratios) & set(singles))):
        if chosen:
            mean = statistics.geometric_mean(ratios[name] for name in chosen)
            print(f"geometric mean of the ratios, {title}: {mean:.1f}")


if __name__ == "__main__":
    main()
