from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bench.errors import ConfigError, DataError
from bench.signals.build_store import prepare
from bench.signals.input_spec import InputSpec
from bench.signals.leads import LEADS
from bench.signals.windows import SignalView, normalise

GOLDEN = Path(__file__).parents[2] / "golden"


@pytest.fixture
def store(tmp_path, folder_dataset):
    return prepare(folder_dataset(6), tmp_path / "store")


@pytest.fixture
def ragged(tmp_path, folder_dataset):
    return prepare(folder_dataset(3, [400, 150, 700]), tmp_path / "ragged")


def spec(**options) -> InputSpec:
    return InputSpec(**{"fs": 500, "seconds": 0.8} | options)


@pytest.mark.parametrize("name", ["ptbxl", "chapman"])
def test_minmax_equals_merl(name):
    """Reference: MERL's downstream loaders, which swap rows 4 and 5 afterwards to match MIMIC's order."""
    raw = (np.load(GOLDEN / "inputs_ecg8.npz")["ecg8"][3].astype(np.float64) - 0.5) * 3
    raw[7] *= 2
    mv = raw if name == "ptbxl" else np.rint(1000 * raw) / 1000
    expected = np.load(GOLDEN / "merl_downstream_preproc.npz")[name]
    found = normalise(mv[None].astype(np.float32), "minmax")[0, :, ::25]
    np.testing.assert_allclose(found[[0, 1, 2, 3, 5, 4, *range(6, 12)]], expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", ["icbeb_7000", "icbeb_3000"])
def test_padding_before_scaling_equals_merl_on_cpsc2018(name, tmp_path, folder_dataset):
    """Reference: MERL's loader of CPSC2018, which reads 5 s, pads them to 10 s and scales both together."""
    raw = (np.load(GOLDEN / "inputs_ecg8.npz")["ecg8"][3].astype(np.float64) - 0.5) * 3
    raw[7] *= 2
    raw = np.concatenate([raw, 1.5 * raw[:, :2000]], axis=1) if name == "icbeb_7000" else raw[:, :3000]
    expected = np.load(GOLDEN / "merl_downstream_preproc.npz")[name]
    padded = np.zeros((1, 12, 5000), np.float32)
    padded[0, :, :2500] = raw[:, :2500]
    found = normalise(padded, "minmax")[0, :, ::25]
    np.testing.assert_allclose(found[[0, 1, 2, 3, 5, 4, *range(6, 12)]], expected, rtol=0, atol=1e-6)


def test_padding_before_scaling_is_a_plateau(ragged):
    asked = spec(seconds=1.2, normalise="minmax")
    after, _ = SignalView(ragged, asked).batch(np.array([1]))
    before, _ = SignalView(ragged, replace(asked, padding="before")).batch(np.array([1]))
    assert (after[0, :, 150:] == 0).all()
    assert 0 < before[0, 0, 200] < 1
    assert (before[0, :, 150:] == before[0, 0, 200]).all()
    whole, real = ragged.read(np.array([1]), 0, 600), np.arange(600) < 150
    whole = np.where(real, whole, 0)
    np.testing.assert_allclose(before, normalise(whole, "minmax"))


def test_scalings_are_what_they_say(store):
    whole = store.read(np.arange(6))
    for how, expected in {
        "none": whole,
        "minmax": (whole - whole.min((1, 2), keepdims=True)) / np.ptp(whole, axis=(1, 2), keepdims=True),
        "zscore": (whole - whole.mean((1, 2), keepdims=True)) / whole.std((1, 2), keepdims=True),
        "zscore-lead": (whole - whole.mean(2, keepdims=True)) / whole.std(2, keepdims=True),
    }.items():
        ecg, leads = SignalView(store, spec(normalise=how)).batch(np.arange(6))
        assert ecg.dtype == np.float32
        assert leads.all()
        np.testing.assert_allclose(ecg, expected, atol=5e-6 * np.abs(expected).max())


@pytest.mark.parametrize("how", ["none", "minmax", "zscore", "zscore-lead"])
def test_flat_recordings_become_no_nonsense(how):
    assert np.isfinite(normalise(np.full((2, 12, 50), 0.3, np.float32), how)).all()


@pytest.mark.parametrize("how", ["none", "minmax", "zscore", "zscore-lead"])
def test_absent_leads_are_zero_and_take_no_part(store, how):
    chosen = [1, 7]
    ecg, leads = SignalView(store, spec(normalise=how), leads=("V2", "II")).batch(np.arange(6))
    np.testing.assert_array_equal(leads, np.isin(np.arange(12), chosen)[None].repeat(6, axis=0))
    assert not ecg[:, ~leads[0]].any()
    expected = normalise(store.read(np.arange(6))[:, chosen], how)
    np.testing.assert_allclose(ecg[:, chosen], expected, atol=2e-6 * np.abs(expected).max())


@pytest.mark.parametrize("how", ["none", "minmax", "zscore", "zscore-lead"])
def test_padding_is_zero_and_takes_no_part(ragged, how):
    ecg, _ = SignalView(ragged, spec(normalise=how)).batch(np.arange(3))
    assert ecg.shape == (3, 12, 400)
    assert not ecg[1, :, 150:].any()
    for row, length in ((1, 150), (2, 400)):
        expected = normalise(ragged.read(np.array([row]), 0, length), how)[0]
        np.testing.assert_allclose(ecg[row, :, :length], expected, atol=5e-6 * np.abs(expected).max())


def test_rows_order_and_windows_of_a_recording(store):
    view = SignalView(store, spec(seconds=0.2), rows=np.array([4, 4, 1]), start=np.array([0.0, 0.3, 0.6]), seconds=0.1)
    ecg, _ = view.batch(np.array([2, 1]))
    np.testing.assert_array_equal(ecg[0, :, :50], store.read(np.array([1]), 300, 50)[0])
    np.testing.assert_array_equal(ecg[1, :, :50], store.read(np.array([4]), 150, 50)[0])
    assert not ecg[:, :, 50:].any()


def test_examples_outside_their_recording_are_refused(store):
    with pytest.raises(DataError, match=r"begins 0\.8 s into row 1"):
        SignalView(store, spec(), rows=np.array([0, 1]), start=np.array([0.0, 0.8]))


def test_crops_of_pretraining_alone_are_first_windows_downstream(ragged):
    asked = spec(seconds=0.2, crop="random-in-pretraining")
    assert asked.in_pretraining == replace(asked, crop="random")
    downstream = SignalView(ragged, asked, rows=np.full(5, 2))
    first = downstream.batch(np.arange(5))[0]
    np.testing.assert_array_equal(downstream.batch(np.arange(5), np.random.default_rng(0))[0], first)


def test_random_windows_only_with_a_generator_and_inside_the_recording(ragged):
    view = SignalView(ragged, spec(seconds=0.2, crop="random"), rows=np.full(50, 2))
    whole = ragged.read(np.array([2]))[0]
    np.testing.assert_array_equal(view.batch(np.arange(2))[0][1], whole[:, :100])
    drawn = view.batch(np.arange(50), np.random.default_rng(0))[0]
    np.testing.assert_array_equal(drawn, view.batch(np.arange(50), np.random.default_rng(0))[0])
    windows = {whole[:, first : first + 100].tobytes() for first in range(601)}
    assert all(window.tobytes() in windows for window in drawn)
    assert len({window.tobytes() for window in drawn}) > 30


def test_first_windows_ignore_the_generator(ragged):
    view = SignalView(ragged, spec(seconds=0.2))
    np.testing.assert_array_equal(view.batch(np.arange(3), np.random.default_rng(0))[0], view.batch(np.arange(3))[0])


@pytest.mark.parametrize(
    "options", [{"fs": 250}, {"filters": ("highpass:1",)}, {"fs": 100, "filters": ("lowpass:30",)}]
)
@pytest.mark.parametrize("lengths", [None, [400, 300, 700]])
def test_cached_and_uncached_transforms_agree(tmp_path, folder_dataset, options, lengths):
    store = prepare(folder_dataset(3, lengths), tmp_path / "store")
    here = SignalView(store, spec(**options), leads=("I", "II")).batch(np.arange(3))[0]
    kept = SignalView(store, spec(**options), leads=("I", "II"), cache=tmp_path / "cache").batch(np.arange(3))[0]
    np.testing.assert_allclose(here, kept, atol=1e-4)
    assert here.any()


def test_transforms_are_computed_once(tmp_path, store):
    calls = []
    for _ in range(2):
        view = SignalView(
            store, spec(fs=250), cache=tmp_path / "c", progress=lambda done, total: calls.append((done, total))
        )
    assert calls == [(6, 6)]
    assert view.batch(np.arange(2))[0].shape == (2, 12, 200)
    SignalView(store, spec(fs=125), cache=tmp_path / "c", progress=lambda done, total: calls.append((done, total)))
    assert len(calls) == 2


def test_median_beats_see_only_the_available_leads(tmp_path, store):
    one = SignalView(store, spec(seconds=1.2, median_beat=True), leads=("V1",), cache=tmp_path / "cache")
    all_leads = SignalView(store, spec(seconds=1.2, median_beat=True), cache=tmp_path / "cache")
    ecg = one.batch(np.arange(6))[0]
    assert ecg.shape == (6, 12, 600)
    assert not np.delete(ecg, LEADS.index("V1"), axis=1).any()
    assert all_leads.batch(np.arange(6))[0].shape == (6, 12, 600)
    assert len([p for p in (tmp_path / "cache" / "signals").iterdir() if p.is_dir()]) == 2


def test_median_beats_of_part_of_a_recording(tmp_path, store):
    view = SignalView(
        store, spec(fs=250, seconds=1.2, median_beat=True), start=np.zeros(6), seconds=0.5, cache=tmp_path / "cache"
    )
    assert view.batch(np.arange(6))[0].shape == (6, 12, 300)


def test_no_lead_is_refused(store):
    with pytest.raises(ConfigError, match="no lead"):
        SignalView(store, spec(), leads=())


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"normalise": "z-score"}, "normalise = 'z-score'; expected 'none' or 'minmax' or"),
        ({"modalities": ("txt",)}, "modalities = 'txt'; expected 'text' or"),
        ({"fs": "500 Hz"}, "fs = '500 Hz'; expected a positive number"),
        ({"seconds": 0}, "seconds = 0; expected a positive number"),
    ],
)
def test_an_input_that_cannot_be_is_refused_where_it_is_written(fields, words):
    with pytest.raises(ConfigError, match=words):
        InputSpec(**fields)
