from __future__ import annotations

import numpy as np

from bench.signals.quality import repair


def wave(time: int = 1000) -> np.ndarray:
    return np.sin(np.arange(time) / 20 + np.arange(12)[:, None])


def test_a_clean_recording_comes_back_as_it_is():
    signal = wave()
    repaired, quality = repair(signal, 500)
    assert repaired is signal
    assert (quality.n_invalid, quality.n_zeroed, quality.flat_leads, quality.dead) == (0, 0, 0, False)


def test_short_gaps_are_filled_linearly_and_at_the_ends_by_the_nearest_sample():
    signal = wave()
    signal[2, 100:150] = np.nan  # 0.1 s, the longest that is filled
    signal[3, :10] = np.inf
    signal[4, -10:] = np.nan
    before = signal.copy()
    repaired, quality = repair(signal, 500)
    np.testing.assert_allclose(repaired[2, 99:151], np.linspace(before[2, 99], before[2, 150], 52))
    assert (repaired[3, :10] == before[3, 10]).all()
    assert (repaired[4, -10:] == before[4, -11]).all()
    assert (quality.n_invalid, quality.n_zeroed) == (70, 0)
    np.testing.assert_array_equal(signal, before)


def test_longer_gaps_and_leads_without_a_valid_sample_become_zero():
    signal = wave()
    signal[2, 100:151] = np.nan
    signal[5] = np.nan
    repaired, quality = repair(signal, 500)
    assert (repaired[2, 100:151] == 0).all()
    assert (repaired[5] == 0).all()
    assert (quality.n_zeroed, quality.flat_leads, quality.dead) == (1051, 1, False)


def test_flat_leads_and_dead_recordings_are_told_apart():
    signal = np.rint(100 * wave()).astype(np.int16)
    signal[0] = 7
    assert repair(signal, 500)[1].flat_leads == 1
    assert not repair(signal, 500)[1].dead
    assert repair(np.full((12, 50), 3, np.int16), 500)[1].dead
    assert repair(np.full((12, 50), np.nan), 500)[1].dead
