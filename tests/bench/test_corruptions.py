"""Corruptions of recordings: what physics keeps, exact noise levels, and the same draws for every method."""

from __future__ import annotations

import numpy as np
import pytest

from bench.corruptions import LEVELS, Condition, corrupted, corruptions, parse_conditions
from bench.corruptions.electrodes import LEADS_OF_ELECTRODES, leads, potentials, reversed_electrodes
from bench.corruptions.noise import RecordedNoise
from bench.errors import ConfigError, DataError, UnknownName
from bench.signals.leads import LEADS

FS = 100.0
ROW = {name: row for row, name in enumerate(LEADS)}


@pytest.fixture
def recording():
    """Ten seconds whose leads follow from nine electrodes."""
    rng = np.random.default_rng(3)
    return leads(np.cumsum(rng.standard_normal((9, 1000)), axis=1) * 0.05)


def einthoven_and_goldberger(signal):
    """How far the limb leads are from what leads I and II imply, mV."""
    first, second = signal[ROW["I"]], signal[ROW["II"]]
    implied = [second - first, -(first + second) / 2, first - second / 2, second - first / 2]
    return max(np.abs(signal[row] - lead).max() for row, lead in zip(range(2, 6), implied, strict=True))


def test_electrodes_and_leads_are_inverse(recording):
    assert np.allclose(leads(potentials(recording)), recording, atol=1e-12)
    assert np.allclose(LEADS_OF_ELECTRODES.sum(axis=1), 0)  # a lead is a difference: a common potential is invisible


NOISES = ("baseline-wander", "muscle", "electrode-motion", "mains", "gaussian")


@pytest.mark.parametrize("name", NOISES)
def test_noise_has_the_stated_ratio_and_follows_the_electrodes(recording, name):
    corruption = corruptions()[name]
    for level, noisy in zip(LEVELS, corrupted(recording, FS, "7", corruption, LEVELS), strict=True):
        added = noisy - recording
        ratio = 10 * np.log10(recording.var(axis=1).sum() / added.var(axis=1).sum())
        assert abs(ratio - corruption.settings[level - 1]) < 0.1
        assert einthoven_and_goldberger(added) < 1e-4 * np.abs(noisy).max()


def test_flat_leads_stay_flat_under_noise(recording):
    recording[ROW["V3"]] = 0
    for name in NOISES:
        (noisy,) = corrupted(recording, FS, "7", corruptions()[name], [5])
        assert not noisy[ROW["V3"]].any()
    flat = np.zeros_like(recording)
    assert not corrupted(flat, FS, "7", corruptions()["muscle"], [5])[0].any()


def test_noise_lies_where_its_kind_does():
    """Share of the power below 1 Hz and above 20 Hz of each model."""
    from bench.corruptions import noise

    def shares(make):
        drawn = make(np.random.default_rng(0), 5000, 500.0)
        power = (np.abs(np.fft.rfft(drawn - drawn.mean(axis=1, keepdims=True))) ** 2).sum(axis=0)
        frequency = np.fft.rfftfreq(5000, 1 / 500)
        return power[frequency < 1].sum() / power.sum(), power[frequency > 20].sum() / power.sum()

    assert shares(noise.baseline_wander)[0] > 0.95
    assert shares(noise.muscle)[1] > 0.95
    low, high = shares(noise.electrode_motion)
    assert low > 0.2 and high < 0.2
    assert shares(noise.mains)[1] > 0.95


def test_exchanged_arms_are_what_textbooks_say(recording):
    exchanged = reversed_electrodes(recording, (("RA", "LA"),))
    assert np.allclose(exchanged[ROW["I"]], -recording[ROW["I"]])
    assert np.allclose(exchanged[ROW["II"]], recording[ROW["III"]])
    assert np.allclose(exchanged[ROW["aVR"]], recording[ROW["aVL"]])
    assert np.allclose(exchanged[ROW["aVF"]], recording[ROW["aVF"]])
    assert np.allclose(exchanged[6:], recording[6:])  # Wilson's terminal is a mean of all three limbs


def test_exchanged_left_arm_and_leg(recording):
    exchanged = reversed_electrodes(recording, (("LA", "LL"),))
    assert np.allclose(exchanged[ROW["I"]], recording[ROW["II"]])
    assert np.allclose(exchanged[ROW["III"]], -recording[ROW["III"]])
    assert np.allclose(exchanged[ROW["aVR"]], recording[ROW["aVR"]])


def test_right_arm_on_right_leg_flattens_lead_two(recording):
    exchanged = reversed_electrodes(recording, (("RA", "RL"),))
    assert np.allclose(exchanged[ROW["II"]], 0, atol=1e-12 * np.abs(recording).max())
    assert not np.allclose(exchanged[6:], recording[6:])  # the terminal has lost the right arm


def test_exchanged_chest_electrodes_touch_no_other_lead(recording):
    exchanged = reversed_electrodes(recording, (("C1", "C2"),))
    assert np.allclose(exchanged[[ROW["V1"], ROW["V2"]]], recording[[ROW["V2"], ROW["V1"]]])
    others = [row for row in range(12) if row not in (ROW["V1"], ROW["V2"])]
    assert np.allclose(exchanged[others], recording[others])


def test_recorder_faults(recording):
    every = {
        name: dict(zip(LEVELS, corrupted(recording, FS, "7", corruption, LEVELS), strict=True))
        for name, corruption in corruptions().items()
    }
    assert np.abs(every["clipping"][5]).max() == pytest.approx(0.4)
    ratios = every["gain"][5].std(axis=1) / recording.std(axis=1)
    assert ratios.min() > 1 / 4 and ratios.max() < 4 and ratios.std() > 0.1
    assert [every["missing-leads"][level].any(axis=1).sum() for level in LEVELS] == [11, 10, 8, 6, 3]
    assert [every["short"][level].shape[1] for level in LEVELS] == [800, 600, 400, 200, 100]
    assert every["rate"][5].shape[1] == 500  # twice as fast: half as long


def test_rate_moves_a_tone():
    """A heart at 1.2 Hz seems to beat at 1.5 Hz when the stated rate is too low by 1.25."""
    tone = np.tile(np.sin(2 * np.pi * 1.2 * np.arange(2000) / FS), (12, 1))
    (fast,) = corrupted(tone, FS, "7", corruptions()["rate"], [4])
    spectrum = np.abs(np.fft.rfft(fast[0] * np.hanning(fast.shape[1])))
    assert np.fft.rfftfreq(fast.shape[1], 1 / FS)[spectrum.argmax()] == pytest.approx(1.5, abs=0.07)


def test_draws_depend_on_record_and_corruption_alone(recording):
    muscle = corruptions()["muscle"]
    first, again = (corrupted(recording, FS, "7", muscle, [3])[0] for _ in range(2))
    assert np.array_equal(first, again)
    assert np.array_equal(first, corrupted(recording, FS, "7", muscle, [1, 3])[1])
    assert not np.allclose(first, corrupted(recording, FS, "8", muscle, [3])[0], atol=1e-3)


def test_conditions_are_parsed_and_wrong_ones_refused():
    assert len(parse_conditions(["all"])) == 55
    assert parse_conditions(["mains:3", "muscle:2", "mains:3"]) == [Condition("muscle", 2), Condition("mains", 3)]
    with pytest.raises(UnknownName, match="muscle"):
        parse_conditions(["muscles"])
    for level in ("0", "6", "", "high"):
        with pytest.raises(ConfigError, match="expected 1"):
            parse_conditions([f"muscle:{level}"])


def test_recorded_noise_is_read_and_missing_files_are_named(tmp_path, recording):
    import wfdb

    with pytest.raises(DataError, match=r"bw\.hea is missing.*nstdb"):
        RecordedNoise(tmp_path)
    tone = np.sin(2 * np.pi * 7 * np.arange(36000) / 360)
    for stem in ("bw", "ma", "em"):
        wfdb.wrsamp(
            stem, 360, ["mV", "mV"], ["noise1", "noise2"], np.stack([tone, tone], axis=1), fmt=["16", "16"],
            adc_gain=[1000, 1000], baseline=[0, 0], write_dir=str(tmp_path),
        )  # fmt: skip
    noisy = corrupted(recording, FS, "7", corruptions(RecordedNoise(tmp_path))["muscle"], [5])[0]
    spectrum = np.abs(np.fft.rfft((noisy - recording)[ROW["V4"]]))
    assert np.fft.rfftfreq(1000, 1 / FS)[spectrum.argmax()] == pytest.approx(7, abs=0.1)
