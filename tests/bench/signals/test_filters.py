from __future__ import annotations

import numpy as np
import pytest

from bench.errors import ConfigError, UnknownName
from bench.signals.filters import apply_filters

FS = 500
TIME = np.arange(10 * FS) / FS


def gain(name: str, frequency: float) -> float:
    """Amplitude left of a sine, away from the ends."""
    found = apply_filters(np.sin(2 * np.pi * frequency * TIME)[None], FS, [name])[0, 2 * FS : -2 * FS]
    return float(np.sqrt(2) * found.std())


@pytest.mark.parametrize(
    ("name", "passed", "stopped"),
    [
        ("highpass:0.5", 5, 0.1),
        ("highpass:0.67/5", 2, 0.2),
        ("lowpass:40", 10, 150),
        ("bandpass:0.5:40", 10, 150),
        ("notch:50", 40, 50),
    ],
)
def test_filters_pass_and_stop(name, passed, stopped):
    assert gain(name, passed) == pytest.approx(1, abs=0.03)
    assert gain(name, stopped) < 0.05


def test_filters_run_one_after_another_and_move_nothing():
    wave = np.sin(2 * np.pi * 8 * TIME)
    disturbed = wave + 2 * np.sin(2 * np.pi * 0.05 * TIME) + 0.5 * np.sin(2 * np.pi * 50 * TIME)
    found = apply_filters(disturbed[None].astype(np.float32), FS, ["highpass:0.5", "notch:50"])
    assert found.dtype == np.float32
    np.testing.assert_allclose(found[0, FS:-FS], wave[FS:-FS], atol=0.05)


def test_short_signals_are_filtered_too():
    assert np.isfinite(apply_filters(np.ones((2, 40)), FS, ["highpass:0.5"])).all()


def test_an_unknown_filter_suggests_the_nearest():
    with pytest.raises(UnknownName, match="highpass"):
        apply_filters(np.ones((1, 100)), FS, ["highpas:0.5"])


@pytest.mark.parametrize(
    "name",
    [
        "highpass",
        "highpass:x",
        "highpass:300",
        "lowpass:0",
        "bandpass:40:0.5",
        "notch:50:60",
        "lowpass:40/99",
        "notch:50/2",
    ],
)
def test_frequencies_that_cannot_be_are_refused(name):
    with pytest.raises(ConfigError, match="expected"):
        apply_filters(np.ones((1, 100)), FS, [name])


@pytest.mark.parametrize("kind", ["highpass", "lowpass", "bandpass"])
@pytest.mark.parametrize("order", [1, 2, 4, 5])
def test_scipys_short_ends_are_scipys(kind, order):
    from scipy.signal import butter, filtfilt

    signal = np.random.default_rng(order).normal(size=(2, 600)).cumsum(axis=-1)
    corners = {"highpass": [0.67], "lowpass": [40], "bandpass": [0.67, 40]}[kind]
    expected = filtfilt(*butter(order, corners if len(corners) > 1 else corners[0], kind, fs=250), signal)
    got = apply_filters(signal, 250, (f"{kind}:{':'.join(map(str, corners))}/{order}/scipy",))
    np.testing.assert_allclose(got, expected, atol=1e-4 * np.abs(expected).max())
    longer = apply_filters(signal, 250, (f"{kind}:{':'.join(map(str, corners))}/{order}",))
    assert np.abs(longer - got).max() > 0
