"""Views of a recording for methods that compare views: augmentations by name, one after another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

from jaxtyping import Bool, Float
from torch import Tensor

from methods import augment

AugmentationName = Literal[
    "resized-crop",
    "cutout",
    "permutation",
    "time-warp",
    "time-flip",
    "jitter",
    "gaussian-noise",
    "scaling",
    "magnitude-warp",
    "sign-flip",
    "lead-dropout",
    "fourier-surrogate",
    "baseline-wander",
    "powerline",
]

AUGMENTATIONS: dict[str, Callable[[Tensor, float], Tensor]] = {
    "resized-crop": lambda ecg, fs: augment.resized_crop(ecg),
    "cutout": lambda ecg, fs: augment.cutout(ecg),
    "permutation": lambda ecg, fs: augment.permutation(ecg),
    "time-warp": lambda ecg, fs: augment.time_warp(ecg),
    "time-flip": lambda ecg, fs: augment.time_flip(ecg),
    "jitter": lambda ecg, fs: augment.jitter(ecg),
    "gaussian-noise": lambda ecg, fs: augment.gaussian_noise(ecg),
    "scaling": lambda ecg, fs: augment.scaling(ecg),
    "magnitude-warp": lambda ecg, fs: augment.magnitude_warp(ecg),
    "sign-flip": lambda ecg, fs: augment.sign_flip(ecg),
    "lead-dropout": lambda ecg, fs: augment.lead_dropout(ecg),
    "fourier-surrogate": lambda ecg, fs: augment.fourier_surrogate(ecg),
    "baseline-wander": augment.baseline_wander,
    "powerline": augment.powerline,
}
"""Name -> function of a batch and its rate in Hz, at the strength of its source."""

MEHARI: tuple[AugmentationName, ...] = ("resized-crop", "cutout")
"""Mehari and Strodthoff 2022: the best pair of their ablation on 12-lead ECG, after a crop of 2.5 s."""

MMCL: tuple[AugmentationName, ...] = ("fourier-surrogate", "jitter", "scaling")
"""MMCL IV-C.2, after a crop of 5 s."""


def random_view(
    ecg: Float[Tensor, "batch lead time"],
    leads: Bool[Tensor, "batch lead"],
    fs: float,
    length: int,
    names: Sequence[str],
) -> Float[Tensor, "batch lead length"]:
    """A random window of ``length`` samples, augmented; leads that are absent stay zero."""
    view = augment.crop(ecg, length) if length < ecg.shape[-1] else ecg
    for name in names:
        view = AUGMENTATIONS[name](view, fs)
    return present(view, leads)


def mmcl_view(
    ecg: Float[Tensor, "batch lead time"],
    leads: Bool[Tensor, "batch lead"],
    phase: float,
    noise: float,
    noise_scale: float = 0.5,
) -> Float[Tensor, "batch lead time"]:
    """Phase surrogates, noise and one gain per recording at MMCL's strengths (IV-C.2); absent leads stay zero."""
    ecg = augment.jitter(augment.fourier_surrogate(ecg, phase), noise, noise_scale)
    return present(augment.scaling(ecg), leads)


def present(
    ecg: Float[Tensor, "batch lead time"], leads: Bool[Tensor, "batch lead"]
) -> Float[Tensor, "batch lead time"]:
    """With leads that are absent at zero; the same tensor where all are there."""
    if leads.device.type == "cpu" and bool(leads.all()):
        return ecg  # a pass over memory less; elsewhere to ask would be to wait
    return ecg * leads[..., None]
