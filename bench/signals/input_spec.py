"""The input of an encoder. A method declares an InputSpec; the harness delivers exactly this input."""

from __future__ import annotations

import functools
from dataclasses import asdict, dataclass, replace
from numbers import Real
from typing import Literal, get_args, get_origin, get_type_hints

from bench.errors import ConfigError
from bench.signals.resample import Resampling

Normalisation = Literal["none", "minmax", "zscore", "zscore-lead"]
Modality = Literal["text", "image", "tabular"]


@dataclass(frozen=True)
class InputSpec:
    """Rate, length, scaling and modalities of a method's input. Leads always come in ``LEADS`` order, twelve rows.

    Attributes:
        fs: Hz. Other rates are resampled.
        resampling: with an anti-aliasing ``polyphase`` filter; by ``fft`` or straight lines (``interpolate``), as released
            models had it done (:mod:`bench.signals.resample`).
        filters_at: the rate at which ``filters`` work: that of the input (``fs``), or the one that was ``recorded``.
        seconds: length of the window; shorter recordings are zero-padded at the end.
        padding: ``after`` normalisation, which then takes no part in it; ``before``, so that what is padded is scaled with
            the rest, to a plateau (MERL's released loader).
        normalise: ``minmax`` scales one recording to [0, 1] by its extremes over all leads and samples (MERL's
            pre-processing), ``zscore`` by mean and SD over all leads and samples, ``zscore-lead`` lead by lead;
            ``none`` leaves mV. Absent leads take no part in it.
        crop: which window of a longer recording: ``first`` (deterministic), ``random`` (in training only; scoring
            always takes the first) or ``random-in-pretraining`` (training downstream takes the first as well).
        partial_leads: True if the method takes any subset of leads (absent ones are then marked in ``batch.leads``);
            otherwise absent leads are rows of zeros, as the papers do, and the result says so.
        filters: what is done to whole recordings before normalisation, in order: names of :mod:`bench.signals.filter_steps`
            (filters, clipping, baseline by asymmetric least squares, z-score by group of leads).
        median_beat: replace the recording by its median beat: the recorder's own where the dataset has it, all leads
            are available and no filter is asked for; else :mod:`bench.signals.median_beat`'s.
        modalities: what pretraining needs in addition to the ECG.
        downstream: what ``encode``, ``zero_shot``, ``fit`` read in addition to the ECG; recordings without it are excluded.
        image_size: pixels; images come as float32 [record, 3, image_size, image_size] in [0, 1].
    """

    fs: int = 500
    seconds: float = 10.0
    normalise: Normalisation = "none"
    padding: Literal["after", "before"] = "after"
    crop: Literal["first", "random", "random-in-pretraining"] = "first"
    partial_leads: bool = False
    filters: tuple[str, ...] = ()
    median_beat: bool = False
    modalities: tuple[Modality, ...] = ()
    downstream: tuple[Modality, ...] = ()
    image_size: int = 210
    resampling: Resampling = "polyphase"
    filters_at: Literal["fs", "recorded"] = "fs"

    def __post_init__(self) -> None:
        for name, known in _known_values().items():
            value = getattr(self, name)
            wrong = [v for v in (value if isinstance(value, tuple) else (value,)) if v not in known]
            if wrong:
                raise ConfigError(f"InputSpec: {name} = {wrong[0]!r}; expected {' or '.join(map(repr, known))}.")
        for name in ("fs", "seconds", "image_size"):
            value = getattr(self, name)
            if not isinstance(value, Real) or isinstance(value, bool) or float(value) <= 0:
                raise ConfigError(f"InputSpec: {name} = {value!r}; expected a positive number.")

    @property
    def length(self) -> int:
        """Samples in a window."""
        return round(self.fs * self.seconds)

    @property
    def needs_mv(self) -> bool:
        """Whether the unit of the signals makes a difference: it does not after scaling."""
        return self.normalise == "none" and not any(name.startswith("zscore") for name in self.filters)

    @property
    def in_pretraining(self) -> InputSpec:
        """The input as pretraining reads it."""
        return replace(self, crop="random") if self.crop == "random-in-pretraining" else self

    def to_dict(self) -> dict:
        """The spec as JSON, for digests and provenance. Fields of released models are left out where they are not used, so
        that other methods keep their keys."""
        usual = InputSpec()
        return {
            name: value
            for name, value in asdict(self).items()
            if name not in ("resampling", "filters_at") or value != getattr(usual, name)
        }


@functools.cache
def _known_values() -> dict[str, tuple[str, ...]]:
    """Fields that take one of several words, or several of them."""
    found = {}
    for name, hint in get_type_hints(InputSpec).items():
        choice = next((part for part in (hint, *get_args(hint)) if get_origin(part) is Literal), None)
        if choice is not None:
            found[name] = get_args(choice)
    return found
