"""Feature extractors without a network: known answers, and better than chance on the simulated cohort."""

import importlib.util
import sys

import numpy as np
import pandas as pd
import pytest
import torch

from bench import registry
from bench.batch import ECGBatch
from bench.cells.cell import Cell
from bench.data.source import DataSource
from bench.errors import ConfigError
from bench.method import LabelledData
from bench.modes.linear import Config, run
from bench.modes.mode_io import ModeInput
from bench.runner.features import encode_all
from bench.runner.session import Session
from bench.scoring.score import score
from bench.storage.workspace import Workspace
from methods.hrv_morphology import INTERVALS, WAVES, HRVMorphology, morphology
from methods.random_kernels import RandomKernels, dilations
from methods.simple_statistics import FLOOR, SimpleStatistics, heart_rate, lead_statistics
from methods.xgboost_statistics import XGBoostStatistics

FS = 100
TIME = torch.arange(10 * FS) / FS


def batch_of(ecg, leads=None):
    leads = torch.ones(len(ecg), 12, dtype=torch.bool) if leads is None else leads
    return ECGBatch(ecg, leads, torch.arange(len(ecg)))


def beating(rate):
    """Twelve leads of narrow bumps, ``rate`` a minute."""
    phase = (TIME - 0.5) % (60 / rate)
    bumps = torch.exp(-((torch.minimum(phase, 60 / rate - phase) / 0.02) ** 2))
    return bumps.expand(12, -1).clone()


def test_statistics_of_a_sine_are_known():
    wave = 0.5 + torch.sin(2 * torch.pi * 5 * TIME)
    mean, sd, low, high, slope, *bands = lead_statistics(wave.expand(1, 12, -1), FS, 20, 40.0)[0, 3].tolist()
    assert mean == pytest.approx(0.5, abs=1e-5)
    assert sd == pytest.approx(0.5**0.5, rel=1e-4)
    assert low == pytest.approx(0.5 - np.sin(0.45 * np.pi), abs=0.05)
    assert high == pytest.approx(0.5 + np.sin(0.45 * np.pi), abs=0.05)
    assert slope == pytest.approx(4 * 5 / FS, rel=0.05)  # a sine of 5 Hz goes up and down by 20 in a second
    assert np.argmax(bands) == 2  # from 4 to 6 Hz
    assert np.exp(bands[2]) == pytest.approx(0.5, rel=1e-3)  # the power of a sine
    assert bands[10] == pytest.approx(np.log(FLOOR), abs=0.1)


def test_heart_rate_is_that_of_the_beats_and_0_without_beats():
    ecg = torch.stack([beating(60), beating(120), torch.zeros(12, 1000)])
    rates = heart_rate(ecg, torch.ones(3, 12, dtype=torch.bool), FS)
    torch.testing.assert_close(rates[:, 0], torch.tensor([1.0, 2.0, 0.0]), atol=0.02, rtol=0)
    assert rates[:, 1].max() < 0.02


def test_an_absent_lead_has_zeros_and_a_recording_of_noise_is_finite():
    leads = torch.ones(2, 12, dtype=torch.bool)
    leads[:, 6:] = False
    torch.manual_seed(0)
    features = SimpleStatistics().encode(batch_of(torch.randn(2, 12, 1000), leads))
    assert features.shape == (2, 12 * 25 + 2)
    assert features.isfinite().all()
    assert not features[:, 6 * 25 : 12 * 25].any()


def test_random_kernels_give_what_aeon_gives_with_its_biases_and_leads(golden, closed_form_input):
    """aeon itself needs an older numba than ours."""
    stored = golden("minirocket.npz")
    method = RandomKernels(RandomKernels.Config(features=840, dilations=5))
    method.dilations, method.per_dilation = dilations(200, 840, 5)
    assert method.dilations == stored["dilations"].tolist()
    assert method.per_dilation == stored["per_dilation"].tolist()
    method.groups = torch.zeros(5, 84, 12, dtype=torch.float64)
    groups = stored["channels"].long().split(stored["counts"].tolist())
    for row, group in zip(method.groups.view(-1, 12), groups, strict=True):
        row[group] = 1
    method.biases = stored["biases"]
    features = method.encode(batch_of(closed_form_input([3, 12, 200])))
    rounding = 4 * torch.finfo(features.dtype).eps  # of shares up to 1; a sample more or less is 1 / 200
    torch.testing.assert_close(features, stored["features"], atol=rounding, rtol=0)


def sines(n, seed):
    """Recordings of noise; those of the class have a faint wave of 5 Hz."""
    rng = np.random.default_rng(seed)
    ill = rng.integers(0, 2, (n, 1))
    ecg = rng.normal(0, 0.2, (n, 12, 1000)) + 0.1 * ill[:, :, None] * np.sin(2 * np.pi * 5 * TIME.numpy())
    return LabelledData(ill, pd.DataFrame(index=range(n)), [batch_of(torch.from_numpy(ecg).float())], "multilabel", 1)


def test_boosted_trees_on_statistics_learn_a_wave():
    pytest.importorskip("xgboost")
    method = XGBoostStatistics(XGBoostStatistics.Config(rounds=20, depths=3)).fit(sines(60, 0), sines(30, 1))
    test = sines(40, 2)
    assert ((method.predict(test) > 0.5) == test.targets).mean() > 0.9


def test_boosted_trees_of_a_class_are_those_of_its_known_recordings():
    pytest.importorskip("xgboost")

    def labelled(data, targets, rows):
        ecg = next(iter(data.batches)).ecg[torch.from_numpy(rows)]
        return LabelledData(
            targets, pd.DataFrame(index=range(len(rows))), [batch_of(ecg)], "multilabel", targets.shape[1]
        )

    train, held = sines(60, 0), sines(30, 1)
    targets = np.repeat(train.targets.astype(float), 3, axis=1)
    targets[::3, 1] = np.nan
    targets[:, 2] = np.nan
    config = XGBoostStatistics.Config(rounds=5, depths=3, subsamples=1.0)
    validation = labelled(held, np.repeat(held.targets, 3, axis=1), np.arange(30))
    whole = XGBoostStatistics(config).fit(labelled(train, targets, np.arange(60)), validation).predict(validation)
    rows = np.flatnonzero(~np.isnan(targets[:, 1]))
    alone = XGBoostStatistics(config).fit(labelled(train, targets[rows, 1:2], rows), held).predict(held)
    np.testing.assert_array_equal(whole[:, 1], alone[:, 0])
    assert len(np.unique(whole[:, 2])) == 1  # never known


def test_boosted_trees_say_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "xgboost", None)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"xgboost-statistics needs XGBoost: pip install 'ecg-bench\[xgboost\]'"):
        XGBoostStatistics().fit(sines(4, 0), sines(4, 1))


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    """A simulated PTB-XL that is large enough for an interval to exclude chance."""
    source = DataSource(Workspace(tmp_path_factory.mktemp("workspace")), simulated_records=400)
    return Session(source, "smoke")


def encoded(session, name, **settings):
    """A cell, its method and the features of its records."""
    cell = session.resolve(Cell(name, "ptbxl-super", "linear"))
    method = registry.load(registry.METHODS, name)(cell.config.model_copy(update=settings))
    targets = cell.data.examples.targets
    return cell, method, encode_all(method, cell.batches(targets), len(targets))


def macro_auroc(cell, method, features, shuffle=False):
    """Of a linear probe on the test records of PTB-XL's superclasses, with its interval."""
    part, examples = cell.partition, cell.data.examples
    targets = examples.targets.copy()
    if shuffle:
        known = np.concatenate([part.train, part.validation])
        targets[known] = targets[np.random.default_rng(0).permutation(known)]
    output = run(
        ModeInput(
            method=method, task=cell.data.task, mode="linear", config=Config(solver="exact"), source=None,
            targets=targets, train=part.train, validation=part.validation, test=part.test, features=lambda: features,
            seed=0, progress=lambda *_: None,
        )
    )  # fmt: skip
    scored = score("multilabel", targets[part.test], output.test, list(cell.data.task.classes), None)
    return scored.metrics["macro_auroc"]


def test_random_kernels_beat_chance(session):
    assert macro_auroc(*encoded(session, "random-kernels", features=168)).low > 0.55


def test_simple_statistics_beat_chance_and_with_shuffled_labels_do_not(session):
    statistics = encoded(session, "simple-statistics")
    assert macro_auroc(*statistics).low > 0.55
    shuffled = macro_auroc(*statistics, shuffle=True)
    assert shuffled.low < 0.5 < shuffled.high


def test_heart_rate_and_morphology_of_known_beats():
    toolbox = pytest.importorskip("neurokit2", reason="NeuroKit2 is not installed (extra neurokit2)")
    rng = np.random.default_rng(0)
    fs, time = 500, np.arange(5000) / 500
    ecg = np.zeros((12, 5000), np.float32)
    for beat in np.arange(0.5, 10, 0.8):  # P, Q, R, S, T: seconds from R, width, mV
        for at, width, height in (
            (-0.16, 0.02, 0.15),
            (-0.03, 0.008, -0.1),
            (0, 0.01, 1.0),
            (0.03, 0.01, -0.2),
            (0.25, 0.04, 0.3),
        ):
            ecg += height * np.exp(-(((time - beat - at) / width) ** 2)).astype(np.float32)
    ecg *= np.linspace(0.5, 1.5, 12, dtype=np.float32)[:, None]
    ecg += 0.002 * rng.normal(size=ecg.shape).astype(np.float32)
    present = np.ones(12, bool)
    present[3] = False
    features = morphology(ecg, present, fs, toolbox)
    assert features[0] == pytest.approx(1 / 0.8, rel=0.01)
    assert features[1] < 0.01
    names = dict(zip(INTERVALS, features[4 : 4 + len(INTERVALS)], strict=True))
    assert names["ECG_P_Peaks", "ECG_R_Peaks"] == pytest.approx(0.16, abs=0.02)
    assert names["ECG_R_Peaks", "ECG_T_Peaks"] == pytest.approx(0.25, abs=0.03)
    r = features[4 + len(INTERVALS) : -1].reshape(len(WAVES), 12)[WAVES.index("ECG_R_Peaks")]
    assert r[3] == 0
    assert r[11] / r[0] == pytest.approx(3, rel=0.1)
    flat = morphology(np.zeros((12, 5000), np.float32), np.ones(12, bool), fs, toolbox)
    assert np.isfinite(flat).all()


def test_morphology_without_its_package_names_the_extra(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"pip install 'ecg-bench\[neurokit2\]'"):
        HRVMorphology().encode(batch_of(torch.zeros(1, 12, 5000)))
