from __future__ import annotations

import numpy as np
import pytest

from bench.signals.median_beat import find_beats, median_beat

FS = 500


def recording(beats: np.ndarray, noise: float = 0.0, seconds: float = 10.0) -> np.ndarray:
    """Twelve leads with a sharp complex and a broad wave after it at each beat (seconds)."""
    t = np.arange(round(seconds * FS)) / FS
    complexes = sum(np.exp(-(((t - b) / 0.012) ** 2)) for b in beats)
    waves = sum(np.exp(-(((t - b - 0.28) / 0.06) ** 2)) for b in beats)
    size = np.linspace(-1, 1.5, 12)[:, None]
    signal = size * complexes + 0.25 * np.abs(size) * waves
    return signal + np.random.default_rng(0).normal(0, noise, signal.shape)


@pytest.mark.parametrize("interval", [0.35, 0.8, 1.6])
@pytest.mark.parametrize("noise", [0.0, 0.05])
def test_beats_are_found_where_they_are(interval, noise):
    beats = np.arange(0.7, 9.4, interval)
    found = find_beats(recording(beats, noise), FS)
    np.testing.assert_allclose(found / FS, beats, atol=0.02)


def test_the_median_beat_is_the_beat_and_lies_in_the_middle():
    beats = np.cumsum(np.random.default_rng(1).uniform(0.75, 0.95, 11))
    found = median_beat(recording(beats, 0.05), FS)
    assert found.shape == (12, 600)
    expected = recording(np.array([0.6]), seconds=1.2)
    off = int(np.abs(found[11]).argmax()) - 300
    assert abs(off) <= 3
    np.testing.assert_allclose(found[:, 200 + off : 480 + off], expected[:, 200:480], atol=0.12)


def test_beats_of_another_shape_stay_out():
    regular = np.arange(0.7, 9.4, 0.9)
    signal = recording(regular)
    t = np.arange(signal.shape[1]) / FS
    signal -= 3 * sum(np.exp(-(((t - b) / 0.05) ** 2)) for b in regular[[2, 5]] + 0.45)
    np.testing.assert_allclose(
        median_beat(signal, FS)[:, 250:400], median_beat(recording(regular), FS)[:, 250:400], atol=0.1
    )


def test_the_rate_decides_the_length():
    assert median_beat(recording(np.arange(0.7, 9.4, 0.9))[:, ::5], FS / 5).shape == (12, 120)


@pytest.mark.parametrize("signal", [np.zeros((12, 5000)), np.ones((12, 30)), np.ones((1, 5000))])
def test_no_beat_gives_zeros(signal):
    beat = median_beat(signal, FS)
    assert beat.shape == (len(signal), 600)
    assert not beat.any()


def test_one_lead_and_a_single_beat_serve():
    beat = median_beat(recording(np.array([0.5]), seconds=1.0)[11:], FS)
    assert abs(int(beat[0].argmax()) - 300) <= 2
