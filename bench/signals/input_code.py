"""Digest of the code that transforms an input between the store and the method: part of every key that depends on it.

A spec chooses some transforms and not others; only those that it chooses count. What stores and caches do is left out:
they are checked by the digests of their content.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from bench.signals import filter_steps, filters, window_kernel, windows
from bench.signals.derived import beats, derive
from bench.signals.input_spec import InputSpec
from bench.signals.median_beat import median_beat
from bench.signals.resample import interpolated, resample
from bench.signals.store import SignalStore
from bench.signals.store_writer import StoreWriter, stored
from bench.storage.code_digest import Item, source_digest

OPTIONAL: dict[str, tuple[Callable[..., Any], ...]] = {
    "resample": (resample,),
    "median beat": (beats, median_beat),
    "minmax": (windows._minmax, window_kernel._minmax),
    "zscore": (windows._zscore, window_kernel._zscore),
    "zscore-lead": (windows._zscore_lead, window_kernel._zscore_lead),
    "steps": (filter_steps.prepare_signal, filter_steps.check),
    "clip": (filter_steps.clip_deviations,),
    "als": (filter_steps.als_baseline,),
    "zscore-groups": (filter_steps.zscore_groups,),
    "median": (filter_steps.running_median,),
    "fir": (filter_steps.fir_bandpass,),
    "interpolate": (interpolated,),
    "filters": (filters.apply_filters, filters.design),
    "butterworth": (filters._butterworth,),
    "notch": (filters._notch,),
}
"""Transform -> the definitions that an input passes only if its spec chooses that transform."""

NO_TRANSFORM: tuple[Any, ...] = (InputSpec, SignalStore, StoreWriter, derive, stored)


@functools.cache
def input_digest(spec: InputSpec, fs: float) -> str:
    """Digest of the code that turns recordings stored at ``fs`` Hz into what ``spec`` asks for."""
    chosen = {spec.normalise, spec.resampling, *(step.partition(":")[0] for step in spec.filters)}
    if fs != spec.fs:
        chosen.add("resample")
    if spec.median_beat:
        chosen |= {"median beat", "resample"}  # a recorder's own beats have the recorder's rate
    if spec.filters:
        chosen.add("steps")
    if designed := chosen & set(filters.FILTERS):
        chosen |= {"filters", *({"butterworth"} if designed - {"notch"} else ())}
    passed_over = [
        definition for name, definitions in OPTIONAL.items() if name not in chosen for definition in definitions
    ]
    without = frozenset(_item(definition) for definition in (*passed_over, *NO_TRANSFORM))
    return source_digest(
        windows.__name__, windows.SignalView.__name__, within=(__name__.rpartition(".")[0],), without=without
    )


def _item(definition: Any) -> Item:
    compiled = getattr(definition, "py_func", definition)  # numba's dispatcher
    return compiled.__module__, compiled.__qualname__
