"""Each named condition is visible in its recording."""

from __future__ import annotations

import numpy as np
import pytest

from bench.errors import ConfigError, UnknownName
from bench.signals.leads import LEADS
from bench.simulate import (
    CONDITIONS,
    Acquisition,
    Heart,
    Patient,
    Rhythm,
    afflict,
    draw_acquisition,
    draw_heart,
    draw_rhythm,
    simulate,
)
from bench.simulate.beats import QRS_LEAD_IN, frontal_axis, templates
from bench.simulate.heart import Hearts
from bench.simulate.rhythm import beats

FS = 500
QUIET = {"wander_mv": 0.0, "muscle_mv": 0.0, "mains_mv": 0.0}


def people(n: int, *conditions: str, severity: float = 0.9, seed: int = 0) -> list[Patient]:
    rng = np.random.default_rng(seed)
    out = []
    for _ in range(n):
        patient = Patient(draw_heart(rng, age=rng.uniform(25, 80)), draw_rhythm(rng), Acquisition(**QUIET))
        for condition in conditions:
            afflict(patient, condition, severity, rng)
        out.append(patient)
    return out


def one_beat(patients: list[Patient]) -> tuple[np.ndarray, np.ndarray]:
    """Templates in twelve leads: QRS [record, lead, time] from QRS_LEAD_IN before onset, ST-T from onset."""
    from bench.simulate.leadfield import TWELVE

    drawn = templates(Hearts.stack([p.heart for p in patients]), np.full(len(patients), 0.85), FS)
    return TWELVE @ drawn.qrs, TWELVE @ drawn.st


def qrs_ms(patients: list[Patient]) -> np.ndarray:
    """Width of QRS: where the signal moves at more than a twentieth of its top speed in the eight leads together."""
    qrs, _ = one_beat(patients)
    speed = np.sqrt((np.gradient(qrs, axis=-1) ** 2).sum(1))
    moving = speed > 0.05 * speed.max(1, keepdims=True)
    return (moving.shape[1] - moving[:, ::-1].argmax(1) - moving.argmax(1)) * 1000 / FS


def axis(patients: list[Patient]) -> np.ndarray:
    return frontal_axis(Hearts.stack([p.heart for p in patients]))


def lead(signal: np.ndarray, name: str) -> np.ndarray:
    return signal[:, LEADS.index(name)]


def initial(qrs: np.ndarray, ms: float) -> np.ndarray:
    """QRS up to ``ms`` after its onset."""
    return qrs[..., : round((QRS_LEAD_IN + ms / 1000) * FS)]


def r_peaks(signal: np.ndarray) -> np.ndarray:
    """Times in seconds of the steepest points of one noise-free recording [lead, time], one a beat."""
    speed = (np.gradient(signal, axis=-1) ** 2).sum(0)
    speed = np.convolve(speed, np.ones(40) / 40, "same")
    up = np.flatnonzero(speed > 0.3 * np.percentile(speed, 98))
    starts = up[np.r_[True, np.diff(up) > 0.18 * FS]]
    return starts / FS


def test_limb_leads_satisfy_einthoven_and_goldberger_with_noise():
    rng = np.random.default_rng(1)
    patients = [Patient(draw_heart(rng), draw_rhythm(rng), draw_acquisition(rng)) for _ in range(5)]
    x = simulate(patients, rng=2).astype(np.float64)
    one, two = lead(x, "I"), lead(x, "II")
    for name, expected in {
        "III": two - one, "aVR": -(one + two) / 2, "aVL": one - two / 2, "aVF": two - one / 2,
    }.items():  # fmt: skip
        np.testing.assert_allclose(lead(x, name), expected, atol=2e-6)
    assert x.shape == (5, 12, 5000)


def test_a_recording_depends_on_its_place_and_seed_alone():
    patients = people(70)
    all_at_once = simulate(patients, rng=5)
    np.testing.assert_array_equal(simulate(patients[:3], rng=5), all_at_once[:3])
    assert not np.array_equal(simulate(patients[:3], rng=6), all_at_once[:3])
    assert all_at_once.dtype == np.float32
    assert np.isfinite(all_at_once).all()


@pytest.mark.parametrize(("fs", "seconds"), [(100, 10.0), (250, 5.0), (1000, 2.5)])
def test_rate_and_length_are_as_asked(fs: int, seconds: float):
    x = simulate(people(2), rng=0, fs=fs, seconds=seconds)
    assert x.shape == (2, 12, round(fs * seconds))
    reference = simulate(people(2), rng=0, fs=500, seconds=seconds)
    assert np.abs(x).max() == pytest.approx(np.abs(reference).max(), rel=0.15)


def test_normal_adults_lie_in_normal_ranges():
    patients = people(200)
    qrs, st = one_beat(patients)
    assert 0.7 < np.median(lead(qrs, "V5").max(-1)) < 1.9  # mV
    assert -1.8 < np.median(lead(qrs, "V2").min(-1)) < -0.7
    assert np.mean(lead(qrs, "aVR").min(-1) < -0.3) > 0.97
    assert np.mean(lead(st, "V4").max(-1) > 0.1) > 0.95
    assert 75 <= np.median(qrs_ms(patients)) <= 105
    assert np.percentile(qrs_ms(patients), 98) < 118
    turned = axis(patients)
    assert 20 < np.median(turned) < 70
    assert np.percentile(turned, 5) > -45
    assert np.percentile(turned, 95) < 105
    assert turned.std() > 15  # people differ


def test_bundle_branch_blocks_widen_qrs_and_show_in_v1():
    normal, left = one_beat(people(40))[0], one_beat(people(40, "left_bundle_branch_block"))[0]
    right_people = people(40, "right_bundle_branch_block")
    right, right_st = one_beat(right_people)
    assert (qrs_ms(people(40, "left_bundle_branch_block")) > 120).all()
    assert (qrs_ms(right_people) > 120).all()
    incomplete = qrs_ms(people(40, "incomplete_right_bundle_branch_block"))
    assert 95 < np.median(incomplete) < 122
    late = round((QRS_LEAD_IN + 0.085) * FS)
    assert np.median(lead(right, "V1")[:, late:].max(-1)) > 0.3 > 0.05 > np.median(lead(normal, "V1")[:, late:].max(-1))
    assert (lead(right, "I")[:, late:].min(-1) < -0.08).all()  # the broad S of I
    assert np.median(lead(right_st, "V1")[:, 100:].min(-1)) < -0.05  # T inverted in V1
    # LBBB: V1 all negative, V6 all positive (no septal q).
    assert np.median(-lead(left, "V1").min(-1)) > 4 * np.median(lead(left, "V1").max(-1))
    assert np.median(lead(left, "V6").min(-1)) > -0.05
    assert np.median(lead(left, "V6").max(-1)) > 0.5


def test_t_is_discordant_in_left_bundle_branch_block():
    _qrs, st = one_beat(people(40, "left_bundle_branch_block"))
    t = st[..., round(0.2 * FS) : round(0.45 * FS)]
    assert (lead(t, "V1").mean(-1) > 0).all()
    assert np.mean(lead(t, "V6").mean(-1) < lead(one_beat(people(40))[1][..., 100:225], "V6").mean(-1)) > 0.95


def test_fascicular_blocks_turn_the_axis():
    assert (axis(people(40, "left_anterior_fascicular_block")) < -35).all()
    assert np.median(axis(people(40, "left_posterior_fascicular_block"))) > 90
    assert np.percentile(qrs_ms(people(40, "left_anterior_fascicular_block")), 90) < 120


@pytest.mark.parametrize(
    ("condition", "leads"),
    [
        ("inferior_infarction", ("III", "aVF")),
        ("anteroseptal_infarction", ("V1", "V2")),
        ("anterior_infarction", ("V2", "V3")),
        ("lateral_infarction", ("I", "aVL")),
    ],
)
def test_infarction_puts_q_waves_into_its_own_leads(condition: str, leads: tuple[str, ...]):
    healthy, dead = (initial(one_beat(p)[0], 35) for p in (people(60), people(60, condition)))
    for name in leads:
        q_healthy, q = -lead(healthy, name).min(-1), -lead(dead, name).min(-1)
        assert np.median(q) > 0.15  # mV
        assert np.mean(q > q_healthy + 0.05) > 0.75


def test_posterior_infarction_raises_r_in_v2_and_anterior_infarction_lowers_it_in_v3():
    healthy = one_beat(people(60))[0]
    posterior, anterior = (one_beat(people(60, f"{w}_infarction"))[0] for w in ("posterior", "anterior"))
    assert np.median(lead(posterior, "V2").max(-1)) > 1.4 * np.median(lead(healthy, "V2").max(-1))
    assert np.median(lead(anterior, "V3").max(-1)) < 0.5 * np.median(lead(healthy, "V3").max(-1))


def test_hypertrophy_meets_voltage_criteria():
    def sokolow(qrs: np.ndarray) -> np.ndarray:
        return np.maximum(lead(qrs, "V5").max(-1), lead(qrs, "V6").max(-1)) - lead(qrs, "V1").min(-1)

    healthy, left = one_beat(people(80))[0], one_beat(people(80, "left_ventricular_hypertrophy"))[0]
    assert np.mean(sokolow(left) > 3.5) > 0.7 > 0.25 > np.mean(sokolow(healthy) > 3.5)  # Sokolow-Lyon, mV
    right = people(40, "right_ventricular_hypertrophy")
    assert np.median(axis(right)) > 90
    assert np.median(lead(one_beat(right)[0], "V1").max(-1)) > 0.6


@pytest.mark.parametrize(
    ("condition", "name"),
    [("inferior_ischaemia", "III"), ("lateral_ischaemia", "V6"), ("anteroseptal_ischaemia", "V2")],
)
def test_ischaemia_inverts_t_in_its_leads(condition: str, name: str):
    window = slice(round(0.22 * FS), round(0.40 * FS))
    healthy, ischaemic = (lead(one_beat(p)[1], name)[:, window].mean(-1) for p in (people(40), people(40, condition)))
    assert np.mean(ischaemic < healthy - 0.05) > 0.9
    assert np.median(ischaemic) < 0


def test_intervals_follow_their_parameters():
    first_degree = people(20, "first_degree_av_block")
    assert all(p.heart.pr_ms > 200 for p in first_degree)
    patient = first_degree[0]
    timing = beats(patient.rhythm, patient.heart.pr_ms / 1000, 10.0, np.random.default_rng(0))
    assert np.allclose(np.array(timing.qrs) - np.array(timing.p), patient.heart.pr_ms / 1000)
    hearts = Hearts.stack([Heart(qtc_ms=400), Heart(qtc_ms=500)])
    normal, long = templates(hearts, np.array([1.0, 1.0]), FS).st[:, 6].argmax(-1) / FS  # T peak in V5
    assert long - normal > 0.06


@pytest.mark.parametrize(
    ("condition", "low", "high"),
    [("sinus_bradycardia", 30, 60), ("sinus_tachycardia", 100, 160), ("supraventricular_tachycardia", 135, 215)],
)
def test_rates_are_those_of_the_rhythm(condition: str, low: float, high: float):
    for signal in simulate(people(6, condition), rng=3):
        rate = 60 / np.median(np.diff(r_peaks(signal)))
        assert low < rate < high


def _variation(*conditions: str) -> np.ndarray:
    intervals = [np.diff(r_peaks(s)) for s in simulate(people(12, *conditions), rng=4)]
    return np.array([i.std() / i.mean() for i in intervals])


def test_fibrillation_is_irregular_and_has_no_p():
    sinus, fibrillation, arrhythmia = _variation(), _variation("atrial_fibrillation"), _variation("sinus_arrhythmia")
    assert (sinus < 0.08).all()
    assert (fibrillation > 0.10).all()
    assert np.median(arrhythmia) > 2 * np.median(sinus)
    rng = np.random.default_rng(0)
    assert beats(people(1, "atrial_fibrillation")[0].rhythm, 0.16, 10.0, rng).p == []


def test_flutter_conducts_whole_numbers_of_atrial_cycles():
    timing = beats(Rhythm(kind="flutter", atrial_rate=300, conduction=(4,)), 0.16, 10.0, np.random.default_rng(0))
    assert np.median(np.diff(timing.qrs)) == pytest.approx(0.8, abs=0.01)
    patient = Patient(Heart(), Rhythm(kind="flutter", atrial_rate=300, fibrillation_mv=0.2), Acquisition(**QUIET))
    power = np.abs(np.fft.rfft(lead(simulate([patient], rng=0), "II")[0])) ** 2
    frequency = np.fft.rfftfreq(5000, 1 / FS)
    assert power[np.abs(frequency - 5.0) < 0.15].sum() > 0.05 * power[(frequency > 1) & (frequency < 20)].sum()


def test_premature_ventricular_beats_are_early_wide_and_without_conducted_p():
    rng = np.random.default_rng(0)
    for patient in people(10, "ventricular_premature_beats"):
        timing = beats(patient.rhythm, 0.16, 10.0, rng)
        kind, before = np.array(timing.kind), np.array(timing.rr)
        inside = np.array(timing.qrs) > 0
        assert 1 <= (kind & inside).sum() < 0.6 * inside.sum()
        assert before[kind == 1].max() < 0.8 * np.median(before[kind == 0])


def test_patterns_repeat():
    for name, every in (("bigeminy", 2), ("trigeminy", 3)):
        timing = beats(people(1, name)[0].rhythm, 0.16, 10.0, np.random.default_rng(0))
        premature = np.flatnonzero(timing.kind)
        assert set(np.diff(premature)) == {every}


def test_av_blocks():
    rng = np.random.default_rng(0)
    wenckebach = beats(Rhythm(rate=80, av_block="wenckebach"), 0.2, 10.0, rng)
    assert len(wenckebach.p) > len(wenckebach.qrs)
    complete = beats(Rhythm(rate=38, atrial_rate=85, av_block="complete"), 0.2, 10.0, rng)
    assert len(complete.p) > 1.6 * len(complete.qrs)
    assert 60 / np.median(np.diff(complete.qrs)) == pytest.approx(38, rel=0.05)


def test_pacing_has_spikes_before_wide_beats():
    patient = people(1, "ventricular_pacing")[0]
    timing = beats(patient.rhythm, 0.16, 10.0, np.random.default_rng(0))
    assert len(timing.spikes) >= len(timing.qrs)
    assert set(timing.kind) == {1}
    jumps = np.abs(np.diff(simulate([patient], rng=0)[0], axis=-1)).max(0)
    assert jumps.max() > 0.2  # one sample, mV


def test_every_condition_makes_a_finite_recording_that_differs_from_the_healthy_one():
    plain = simulate(people(1), rng=0)[0]
    for name in CONDITIONS:
        x = simulate(people(1, name), rng=0)[0]
        assert np.nanmax(np.abs(x)) < 8, name
        assert np.isfinite(x).all(), name
        assert not np.array_equal(x, plain), name


def test_unknown_names_and_impossible_settings_are_refused():
    with pytest.raises(UnknownName, match="right_bundle_branch_block"):
        afflict(Patient(), "right_bundle_branch_blok", 1.0, np.random.default_rng(0))
    with pytest.raises(ConfigError, match="rhythm 'waltz'"):
        simulate([Patient(rhythm=Rhythm(kind="waltz"))], rng=0)
    with pytest.raises(ConfigError, match="electrode 'V9'"):
        simulate([Patient(acquisition=Acquisition(burst_electrodes=("V9",)))], rng=0)
    with pytest.raises(ConfigError, match="50 Hz"):
        simulate([Patient()], rng=0, fs=10)
