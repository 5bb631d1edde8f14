"""ECG augmentations on whole batches, [record, lead, time], on whatever device the batch is.

Each function returns a new tensor and draws one set of random numbers for each record, so that all its leads are moved
together: what separates leads from one another is the electrical axis, not chance. Numbers come from torch's
global generator. Amplitudes are in the unit of the signal: mV, or SDs after a z-score.
:mod:`methods.views` puts them together, by name.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

ECG = Float[Tensor, "batch lead time"]

_RECORDS_IN_CACHE = 16
"""Of 12 leads and 5,000 samples: 4 MB."""


def _uniform(ecg: Tensor, *shape: int, low: float = 0.0, high: float = 1.0) -> Tensor:
    return low + (high - low) * torch.rand(shape, device=ecg.device, dtype=ecg.dtype)


def _normal(ecg: Tensor, *shape: int) -> Tensor:
    return torch.randn(shape, device=ecg.device, dtype=ecg.dtype)


def unit_range(ecg: Float[Tensor, "... time"]) -> Float[Tensor, "... time"]:
    """Every lead scaled to [0, 1] by its own extremes; a flat lead is zero. Nothing is random here."""
    low, high = ecg.amin(-1, keepdim=True), ecg.amax(-1, keepdim=True)
    return (ecg - low) / (high - low).clamp(min=1e-6)


# Time -------------------------------------------------------------------------------------------------------------


def resample_at(ecg: ECG, position: Float[Tensor, "batch out"]) -> Float[Tensor, "batch lead out"]:
    """The signal at fractional sample positions, by linear interpolation; positions outside are moved to the ends."""
    position = position.clamp(0, ecg.shape[-1] - 1)
    left = position.floor().long().clamp(max=max(ecg.shape[-1] - 2, 0))
    right = (left + 1).clamp(max=ecg.shape[-1] - 1)
    low, high = (ecg.gather(2, samples[:, None].expand(-1, ecg.shape[1], -1)) for samples in (left, right))
    return torch.lerp(low, high, (position - left)[:, None])


def crop(ecg: ECG, length: int, start: Int[Tensor, " batch"] | None = None) -> Float[Tensor, "batch lead length"]:
    """A window of ``length`` samples that starts at random, another in each record."""
    if start is None:
        latest = ecg.shape[-1] - length + 1
        start = torch.randint(latest, (len(ecg),), device=ecg.device)
    index = start[:, None] + torch.arange(length, device=ecg.device)
    return ecg.gather(2, index[:, None].expand(-1, ecg.shape[1], -1))


def resized_crop(ecg: ECG, scale: tuple[float, float] = (0.5, 1.0)) -> ECG:
    """A window of a random share of the recording, stretched back to full length: heart rate and durations change.

    Source: Mehari and Strodthoff 2022, "random resized crop", 0.5 to 1.
    """
    time = ecg.shape[-1]
    share = _uniform(ecg, len(ecg), low=scale[0], high=scale[1])
    start = _uniform(ecg, len(ecg)) * (1 - share) * (time - 1)
    steps = torch.linspace(0, 1, time, device=ecg.device, dtype=ecg.dtype)
    return resample_at(ecg, start[:, None] + steps * (share * (time - 1))[:, None])


def time_warp(ecg: ECG, sigma: float = 0.2, knots: int = 4) -> ECG:
    """Time runs faster and slower along a smooth random curve; order is kept, and so are both ends.

    Source: Um et al., ICMI 2017 (sigma 0.2, four knots), with a log-normal speed so that time never runs backwards.
    """
    time = ecg.shape[-1]
    speed = (sigma * _normal(ecg, len(ecg), 1, knots + 2)).exp()
    passed = F.interpolate(speed, time, mode="linear", align_corners=True)[:, 0].cumsum(-1)
    passed = passed - passed[:, :1]
    return resample_at(ecg, passed / passed[:, -1:] * (time - 1))


def permutation(ecg: ECG, max_segments: int = 5) -> ECG:
    """Cut into 1 to ``max_segments - 1`` equal segments and shuffle them, in one order for all leads of a record.

    Source: TS-TCC (IJCAI 2021), strong augmentation; 12, 8 or 5 by data set, drawn below the bound as in its code. The
    released code copies the first channel into all others whenever it shuffles, which one shared order makes right.
    """
    batch, _, time = ecg.shape
    count = torch.randint(1, max(max_segments, 2), (batch, 1), device=ecg.device)
    rank = _uniform(ecg, batch, max_segments).argsort(1)
    segment = torch.arange(time, device=ecg.device) * count // time
    segment_rank = rank.argsort(1)
    order = (segment_rank.gather(1, segment) * time + torch.arange(time, device=ecg.device)).argsort(1)
    return ecg.gather(2, order[:, None].expand_as(ecg))


def time_flip(ecg: ECG, probability: float = 0.5) -> ECG:
    """Some records run backwards. Source: MMCL's code for its contrastive baselines, probability 0.5."""
    chosen = _chosen(ecg, probability)
    return torch.where(chosen, ecg.flip(-1), ecg)


def cutout(ecg: ECG, share: tuple[float, float] = (0.2, 0.4)) -> ECG:
    """All leads are zero during one random stretch of ``share`` of the recording.

    Source: Mehari and Strodthoff 2022, "time out", 0.2 to 0.4.
    """
    time = ecg.shape[-1]
    width = _uniform(ecg, len(ecg), 1, low=share[0], high=share[1]) * time
    start = _uniform(ecg, len(ecg), 1) * (time - width)
    clock = torch.arange(time, device=ecg.device)
    return ecg.masked_fill(((clock >= start) & (clock < start + width))[:, None], 0.0)


# Amplitude --------------------------------------------------------------------------------------------------------


def jitter(ecg: ECG, sigma: float = 0.25, amplitude: float = 0.6) -> ECG:
    """Noise in proportion to the signal: ``x * (1 + amplitude * N(0, sigma))`` at every sample.

    Source: MMCL, sigma 0.25 in pretraining and 0.2 in fine-tuning; the paper says scale 0.5, its code 0.6.
    """
    return torch.addcmul(ecg, ecg, _normal(ecg, *ecg.shape), value=amplitude * sigma)


def gaussian_noise(ecg: ECG, sigma: float = 0.1) -> ECG:
    """White noise of SD ``sigma`` on every lead: what muscles add. Source: TS-TCC's jitter."""
    return torch.add(ecg, _normal(ecg, *ecg.shape), alpha=sigma)


def scaling(ecg: ECG, sigma: float = 0.5) -> ECG:
    """Each record times one factor from N(1, sigma), the same for all leads; it may be negative.

    Source: MMCL, amplitude rescaling, sigma 0.5.
    """
    factor = 1 + sigma * _normal(ecg, len(ecg))
    return ecg * factor[:, None, None]


def magnitude_warp(ecg: ECG, sigma: float = 0.2, knots: int = 4) -> ECG:
    """Amplitude follows a smooth random curve around 1. Source: Um et al., ICMI 2017, sigma 0.2, four knots."""
    gain = 1 + sigma * _normal(ecg, len(ecg), 1, knots + 2)
    curve = F.interpolate(gain, ecg.shape[-1], mode="linear", align_corners=True)
    return ecg * curve


def sign_flip(ecg: ECG, probability: float = 0.5) -> ECG:
    """Some records are upside down. Source: MMCL's code for its contrastive baselines, probability 0.5."""
    chosen = _chosen(ecg, probability)
    return torch.where(chosen, -ecg, ecg)


def lead_dropout(ecg: ECG, probability: float = 0.5) -> ECG:
    """Each lead is zero with ``probability``, never a whole record. Source: Oh et al., CHIL 2022, random lead masks."""
    chance = _uniform(ecg, len(ecg), ecg.shape[1])
    visible = (chance >= probability) | (chance == chance.amax(1, keepdim=True))
    return ecg * visible[..., None]


def _chosen(ecg: Tensor, probability: float) -> Tensor:
    return _uniform(ecg, len(ecg), 1, 1) < probability


# Frequency and the noise of real recordings -----------------------------------------------------------------------


def fourier_surrogate(ecg: ECG, magnitude: float = 0.1, draws: Float[Tensor, "batch frequency"] | None = None) -> ECG:
    """Shift the phase of every frequency at random, alike in all leads; the power spectrum stays.

    Source: MMCL, phase noise magnitude 0.1 in pretraining and 0.075 in fine-tuning.

    Args:
        magnitude: largest shift in turns; 1 leaves nothing of the phases.
        draws: in [0, 1), one for each frequency between zero and half the rate, both left out; random by default.
    """
    time = ecg.shape[-1]
    inner = (time - 1) // 2
    if draws is None:
        draws = _uniform(ecg, len(ecg), inner)
    angle = F.pad(2 * math.pi * magnitude * draws.to(ecg.dtype), (1, time // 2 - inner))
    turns = torch.polar(torch.ones_like(angle), angle)[:, None]
    # On a processor a few records at a time: memory for the spectra of a whole batch costs more than the transforms.
    size = _RECORDS_IN_CACHE if ecg.device.type == "cpu" else max(len(ecg), 1)
    surrogate = torch.empty_like(ecg)
    for part, turn, into in zip(ecg.split(size), turns.split(size), surrogate.split(size), strict=True):
        into.copy_(torch.fft.irfft(torch.fft.rfft(part).mul_(turn), n=time))
    return surrogate


def baseline_wander(ecg: ECG, fs: float, amplitude: float = 0.2) -> ECG:
    """Add three slow waves of 0.05 to 0.5 Hz, as breathing and electrodes do, with a separate gain in each lead."""
    return _with_waves(ecg, amplitude, fs, (0.05, 0.5), 3)


def powerline(ecg: ECG, fs: float, amplitude: float = 0.1, mains: tuple[float, ...] = (50.0, 60.0)) -> ECG:
    """Add a sine at one of the ``mains`` frequencies (Hz), with a separate gain in each lead."""
    chosen = torch.randint(len(mains), (len(ecg),), device=ecg.device)
    frequency = torch.tensor(mains, device=ecg.device, dtype=ecg.dtype)[chosen]
    return _with_waves(ecg, amplitude, fs, frequency[:, None], 1)


def _with_waves(ecg: Tensor, amplitude: float, fs: float, hertz: tuple[float, float] | Tensor, count: int) -> Tensor:
    """With sines of random frequency and phase, averaged, times a random gain for each lead."""
    batch, leads, time = ecg.shape
    if isinstance(hertz, tuple):
        hertz = _uniform(ecg, batch, count, low=hertz[0], high=hertz[1])
    phase = _uniform(ecg, batch, count, 1)
    seconds = torch.arange(time, device=ecg.device, dtype=ecg.dtype) / fs
    wave = torch.sin(2 * math.pi * (hertz[..., None] * seconds + phase)).mean(1)
    gains = amplitude * _normal(ecg, batch, leads)
    return ecg + gains[..., None] * wave[:, None]


def bandpass(ecg: ECG, fs: float, low: float = 0.5, high: float = 40.0) -> ECG:
    """What lies between ``low`` and ``high`` Hz, without phase shift; nothing is random here.

    Both edges fall as a Butterworth filter of order 4 run forwards and backwards, computed from the spectrum.
    """
    frequency = torch.fft.rfftfreq(ecg.shape[-1], 1 / fs, device=ecg.device, dtype=ecg.dtype)
    gain = 1 / (1 + (frequency / high) ** 8) / (1 + (low / frequency.clamp(min=1e-6)) ** 8)
    return torch.fft.irfft(torch.fft.rfft(ecg) * gain, n=ecg.shape[-1])
