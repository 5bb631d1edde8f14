"""Augmentation chains of a batch of 256 recordings of [12, 5000], against NumPy one recording at a time.

    python benchmarks/augmentation.py [--batch 256] [--rounds 5]

Theirs is the arithmetic of the released codes, a sample at a time as in a loader's ``__getitem__``, then stacked: MMCL (a
crop of 5 s, its surrogate by a complex FFT in float64, jitter, rescaling), Mehari and Strodthoff (a crop of 2.5 s resized by
``np.interp`` through random positions, time out), and the surrogate alone. Both sides draw their own random numbers and
take one thread. Numbers are processor time, so that they can be compared on a busy machine. ``bound`` is the transforms
alone, few enough at once to stay in the cache, and for Mehari's pair a copy of the view.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable

import numpy as np
import torch

from methods import augment
from methods.views import MEHARI, MMCL, random_view

FS, TIME = 500, 5000
RNG = np.random.default_rng(0)


def surrogate(x: np.ndarray) -> np.ndarray:
    spectrum, n = np.fft.fft(x.astype(np.float64)), x.shape[1]
    turns = 2j * np.pi * RNG.random(n // 2 - 1)
    turns = np.tile(np.concatenate([[0], turns, [0], -turns[::-1]]), (len(x), 1))
    return np.fft.ifft(spectrum * np.exp(0.1 * turns)).real.astype(np.float32)


def mmcl(x: np.ndarray) -> np.ndarray:
    start = RNG.integers(TIME // 2)
    x = surrogate(x[:, start : start + TIME // 2])
    x = x + 0.6 * x * RNG.normal(0, 0.25, x.shape)
    return x * RNG.normal(1, 0.5)


def mehari_pair(x: np.ndarray) -> np.ndarray:
    window = TIME // 4
    start = RNG.integers(TIME - window)
    x = x[:, start : start + window]
    length = int(RNG.uniform(0.5, 1) * window)
    start = RNG.integers(window - length + 1)
    inner = np.sort(RNG.choice(np.arange(window - 2) + 1, length - 2, replace=False))
    places = np.concatenate([[0], inner, [window - 1]])
    x = np.stack([np.interp(np.arange(window), places, lead[start : start + length]) for lead in x])
    width = int(RNG.uniform(0.2, 0.4) * window)
    start = RNG.integers(window - width)
    x[:, start : start + width] = 0
    return x


def transforms(ecg: torch.Tensor) -> None:
    for part in ecg.split(16):
        torch.fft.irfft(torch.fft.rfft(part), n=ecg.shape[-1])


def milliseconds(function: Callable[[], object]) -> float:
    start = time.process_time()
    function()
    return 1e3 * (time.process_time() - start)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    ecg = torch.randn(arguments.batch, 12, TIME)
    half, quarter = ecg[..., : TIME // 2].contiguous(), ecg[..., : TIME // 4].contiguous()
    to = torch.empty_like(quarter)
    leads = torch.ones(arguments.batch, 12, dtype=torch.bool)
    chains: dict[str, tuple[Callable, Callable, Callable]] = {
        "MMCL's ECG chain": (mmcl, lambda: random_view(ecg, leads, FS, TIME // 2, MMCL), lambda: transforms(half)),
        "Mehari's pair": (
            mehari_pair,
            lambda: random_view(ecg, leads, FS, TIME // 4, MEHARI),
            lambda: to.copy_(quarter),
        ),
        "Fourier surrogate": (surrogate, lambda: augment.fourier_surrogate(ecg), lambda: transforms(ecg)),
    }
    print(f"one thread, load {os.getloadavg()[0]:.1f}; processor milliseconds a batch of {arguments.batch}")
    for name, (theirs, ours, bound) in chains.items():
        slow = lambda theirs=theirs: np.stack([theirs(x) for x in ecg.numpy()]).astype(np.float32)  # noqa: E731
        times = np.array(
            [[milliseconds(side) for side in (slow, ours, bound)] for _ in range(arguments.rounds + 1)][1:]
        )
        their_ms, our_ms, bound_ms = np.median(times, axis=0)
        ratio = statistics.median(times[:, 0] / times[:, 1])
        print(
            f"{name:18} theirs {their_ms:7.1f}  ours {our_ms:6.1f}  ratio {ratio:5.1f}  "
            f"{our_ms / bound_ms:5.1f} times the bound",
            flush=True,
        )


if __name__ == "__main__":
    main()
