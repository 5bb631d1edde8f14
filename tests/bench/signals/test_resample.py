from __future__ import annotations

import numpy as np
import pytest

from bench.signals.resample import resample, resampled_length


@pytest.mark.parametrize(
    ("from_fs", "to_fs", "time"), [(500, 100, 5000), (100, 500, 1000), (257, 500, 2571), (500, 250, 4999)]
)
def test_a_slow_wave_keeps_its_shape_and_place(from_fs, to_fs, time):
    def wave(fs: float, n: int) -> np.ndarray:
        t = np.arange(n) / fs
        return np.stack([np.sin(2 * np.pi * f * t) for f in (1, 5, 12)])

    expected = wave(to_fs, resampled_length(time, from_fs, to_fs))
    found = resample(wave(from_fs, time), from_fs, to_fs)
    assert found.shape == expected.shape == (3, round(time * to_fs / from_fs))
    edge = round(0.5 * to_fs)
    np.testing.assert_allclose(found[:, edge:-edge], expected[:, edge:-edge], atol=0.01)


def test_what_the_lower_rate_cannot_carry_is_removed_not_folded():
    t = np.arange(5000) / 500
    assert np.abs(resample(np.sin(2 * np.pi * 180 * t), 500, 100)[50:-50]).max() < 0.01


def test_an_offset_and_a_drift_do_not_ring():
    line = np.linspace(3, 5, 5000)
    np.testing.assert_allclose(resample(line, 500, 100), line[::5], atol=1e-6)


def test_type_and_leading_axes_are_kept_and_one_rate_changes_nothing():
    signal = np.random.default_rng(0).normal(size=(2, 3, 400)).astype(np.float32)
    together = resample(signal, 500, 100)
    assert together.dtype == np.float32
    np.testing.assert_allclose(together[1, 2], resample(signal[1, 2], 500, 100), atol=1e-6)
    np.testing.assert_array_equal(resample(signal, 500, 500), signal)
