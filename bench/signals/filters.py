"""Filters by name, for ``InputSpec.filters``: ``highpass:0.5``, ``lowpass:40``, ``bandpass:0.5:40``, ``notch:50``.

The numbers are Hz. All but the notch are Butterworth filters of order 2, or of another (``highpass:0.67/5``). All run
forwards and backwards (zero phase), so that no wave moves; slopes and depths therefore count twice. ``/scipy`` at the end
takes the short ends of ``scipy.signal.filtfilt``'s default, as released models were trained with.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Float

from bench.errors import ConfigError, UnknownName

ORDER = 2
"""Of a Butterworth filter whose name states none; run both ways, 24 dB an octave in all."""

NOTCH_QUALITY = 30.0
"""Centre frequency over bandwidth of a notch: 1.7 Hz at 50 Hz."""


def _butterworth(kind: str) -> Callable[..., np.ndarray]:
    def make(fs: float, order: int, *corners: float) -> np.ndarray:
        from scipy.signal import butter

        return butter(order, corners if len(corners) > 1 else corners[0], kind, fs=fs, output="sos")

    return make


def _notch(fs: float, order: int, frequency: float) -> np.ndarray:
    from scipy.signal import iirnotch, tf2sos

    return tf2sos(*iirnotch(frequency, NOTCH_QUALITY, fs=fs))


FILTERS: dict[str, tuple[int, Callable[..., np.ndarray]]] = {
    "highpass": (1, _butterworth("highpass")),
    "lowpass": (1, _butterworth("lowpass")),
    "bandpass": (2, _butterworth("bandpass")),
    "notch": (1, _notch),
}
"""Name -> (number of frequencies, design): second-order sections from a rate, an order and frequencies in Hz."""

SCIPY = "/scipy"

_EXAMPLE = {1: "0.5", 2: "0.5:40"}


def design(name: str, fs: float) -> Float[np.ndarray, "section 6"]:
    """Second-order sections of a named filter at ``fs`` Hz.

    Raises:
        UnknownName: there is no such filter. ConfigError: its frequencies are not numbers between 0 and fs / 2.
    """
    text, slash, order = name.removesuffix(SCIPY).partition("/")
    kind, *values = text.split(":")
    if kind not in FILTERS:
        raise UnknownName("filter", kind, FILTERS)
    n_values, make = FILTERS[kind]
    try:
        corners = [float(value) for value in values]
    except ValueError:
        corners = []
    rising = corners == sorted(set(corners)) and all(0 < corner < fs / 2 for corner in corners)
    stated = not slash or (order.isdigit() and 1 <= int(order) <= 10 and kind != "notch")
    if len(corners) != n_values or not rising or not stated:
        raise ConfigError(
            f"filter {name!r} at {fs:g} Hz: expected {n_values} rising frequencies between 0 and {fs / 2:g} Hz, "
            f"such as {kind}:{_EXAMPLE[n_values]}, and perhaps an order from 1 to 10 ({kind}:{_EXAMPLE[n_values]}/5)."
        )
    return make(fs, int(order) if slash else ORDER, *corners)


def apply_filters(
    signal: Float[np.ndarray, "*batch time"], fs: float, names: Sequence[str]
) -> Float[np.ndarray, "*batch time"]:
    """Run the named filters one after another along the last axis.

    Both ends are extended by odd reflection, three seconds or as much as the signal has: enough for a corner at 0.5 Hz
    to settle. With ``/scipy`` it is three times the number of the filter's coefficients.
    """
    from scipy.signal import sosfiltfilt

    result = signal.astype(np.float64)
    for name in names:
        sections = design(name, fs)
        coefficients = 1 + 2 * len(sections) - int((sections[:, [2, 5]] == 0).sum(axis=0).min())  # odd orders: one less
        padding = 3 * coefficients if name.endswith(SCIPY) else round(3 * fs)
        result = sosfiltfilt(sections, result, axis=-1, padtype="odd", padlen=min(padding, signal.shape[-1] - 1))
    return result.astype(signal.dtype)
