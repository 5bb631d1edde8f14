"""Risk from ECG parameters, from demographic data and from images."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from bench.batch import ECGBatch
from bench.errors import ConfigError
from bench.method import LabelledData
from bench.runner.overrides import method_config
from bench.scoring.survival import harrell_c
from bench.seeding import seeded
from bench.signals.leads import LEADS
from bench.signals.measurement import measure_beat
from methods.cox_ecg import CoxECG
from methods.cross_modal_ae import CrossModalAE
from methods.ecg_parameters import PARAMETERS, ecg_parameters
from methods.resnet50_cmr import ResNet50CMR
from methods.xgboost_tabular import XGBoostTabular

FS = 500


def ecg(qrs=0.012, r=1.2, v1_late=0.0, rate=60, t=0.3, p=0.15):
    """Ten seconds of bumps: P, QRS of a given width, a late wave in V1, T."""
    time = np.arange(10 * FS) / FS
    signal = np.zeros((12, len(time)))
    for beat in np.arange(0.5, 10, 60 / rate):
        for lead in range(12):
            sign = -1.0 if LEADS[lead] in ("aVR", "V1") else 1.0
            signal[lead] += sign * p * np.exp(-(((time - beat + 0.16) / 0.02) ** 2))
            signal[lead] += sign * r * np.exp(-(((time - beat) / qrs) ** 2))
            signal[lead] += sign * t * np.exp(-(((time - beat - 0.28) / 0.05) ** 2))
        signal[LEADS.index("V1")] += v1_late * np.exp(-(((time - beat - 0.06) / 0.015) ** 2))
        for lead in ("I", "V6"):
            signal[LEADS.index(lead)] -= v1_late / 2 * np.exp(-(((time - beat - 0.06) / 0.015) ** 2))
    return signal


def found(signal, **reported):
    return dict(zip(PARAMETERS, ecg_parameters(signal, FS, reported), strict=True))


def test_a_plain_beat_is_measured():
    from bench.signals.median_beat import median_beat

    beat = measure_beat(median_beat(ecg(), FS), FS)
    assert 30 < beat.qrs_duration < 80
    assert 130 < beat.pr_interval < 220
    assert 300 < beat.qt_interval < 460
    assert beat.r_axis == pytest.approx(49, abs=3)  # equal areas in I and aVF
    assert beat.r[LEADS.index("II")] == pytest.approx(1.2, abs=0.1)
    flat = measure_beat(np.zeros((12, 600)), FS)
    assert np.isnan(flat.qrs_duration)


def test_findings_follow_the_signal():
    plain = found(ecg())
    assert plain["ventricular rate"] == pytest.approx(60, abs=1)
    assert not any(plain[name] for name in PARAMETERS[1:] if name not in ("left ventricular hypertrophy",))
    assert found(ecg(rate=90))["ventricular rate"] == pytest.approx(90, abs=1)
    assert found(ecg(r=0.3))["low QRS voltage"]
    assert found(ecg(t=-0.3))["ST-T abnormality"]
    assert found(ecg(v1_late=1.0, qrs=0.03), ecg_qrs_duration=140)["right bundle-branch block"]


def test_what_the_recorder_reports_goes_first():
    reported = {"ecg_ventricular_rate": 71, "ecg_qrs_duration": 104, "ecg_r_axis": -40, "ecg_p_axis": -5.0}
    message = found(ecg(), **reported, ecg_pr_interval=np.nan)
    assert message["ventricular rate"] == 71
    assert [
        message[n] for n in ("prolonged QRS", "left-axis deviation", "abnormal P axis", "prolonged PR interval")
    ] == [
        1,
        1,
        1,
        0,
    ]
    assert [
        found(ecg(), ecg_r_axis=40, ecg_t_axis=120, sex=sex)["abnormal QRS-T angle"] for sex in ("female", "male")
    ] == [1, 0]


class Batches:
    def __init__(self, ecg, tabular=None):
        self.ecg, self.tabular = ecg, tabular

    def __iter__(self):
        for i in range(0, len(self.ecg), 7):
            part = self.ecg[i : i + 7]
            leads = torch.ones(len(part), 12, dtype=torch.bool)
            table = None if self.tabular is None else self.tabular[i : i + 7]
            yield ECGBatch(part, leads, torch.arange(len(part)), tabular=table)


def survival(n, seed, effect):
    """People whose hazard rises with ``effect`` and whose follow-up is six years."""
    draw = np.random.default_rng(seed)
    years = draw.exponential(1 / (0.15 * np.exp(effect)))
    return np.stack([np.minimum(years, 6.0), years < 6.0], axis=1)


def test_ridge_cox_finds_the_parameter_that_matters():
    def data(n, seed):
        wide = np.random.default_rng(seed).random(n) < 0.5
        records = pd.DataFrame({"ecg_qrs_duration": np.where(wide, 130.0, 90.0), "sex": "male"})
        signals = torch.from_numpy(ecg()).float().repeat(n, 1, 1)
        return LabelledData(survival(n, seed, 1.5 * wide), records, Batches(signals), "survival", 1), wide

    (train, _), (validation, _), (test, wide) = data(40, 0), data(30, 1), data(30, 2)
    method = CoxECG().fit(train, validation)
    risk = method.predict(test)
    assert harrell_c(test.targets[:, 0], test.targets[:, 1].astype(bool), risk) > 0.6
    assert risk[wide].min() > risk[~wide].max()
    assert method.model.coef_[PARAMETERS.index("prolonged QRS")] > 0
    assert method.penalty in method.config.penalties


def test_cox_refuses_other_tasks():
    data = LabelledData(np.zeros((2, 1)), pd.DataFrame(index=[0, 1]), Batches(torch.zeros(2, 12, 10)), "multilabel", 1)
    with pytest.raises(ConfigError, match="predicts survival"):
        CoxECG().fit(data, data)


@pytest.mark.parametrize("kind", ["multilabel", "multiclass", "regression", "survival"])
def test_boosted_trees_learn_from_age(kind):
    pytest.importorskip("xgboost")

    def data(n, seed):
        draw = np.random.default_rng(seed)
        table = torch.from_numpy(draw.normal(size=(n, 4))).float()
        table[::9, 3] = float("nan")  # weight unknown
        age = table[:, 0].numpy()
        targets = {
            "multilabel": (age > 0).astype(np.uint8)[:, None],
            "multiclass": (age > 0).astype(np.int64),
            "regression": np.stack([age, -age], 1).astype(np.float64),
            "survival": survival(n, seed, age),
        }[kind]
        return LabelledData(
            targets,
            pd.DataFrame(index=range(n)),
            Batches(torch.zeros(n, 12, 4), table),
            kind,
            2 if kind != "multilabel" else 1,
        ), age

    (train, _), (validation, _), (test, age) = data(200, 0), data(100, 1), data(50, 2)
    with seeded(0):
        method = XGBoostTabular(method_config(XGBoostTabular, "smoke", [])).fit(train, validation)
    scores = method.predict(test)
    first = scores[:, -1] if kind == "multiclass" else scores if scores.ndim == 1 else scores[:, 0]
    assert np.corrcoef(first, age)[0, 1] > 0.5
    assert scores.shape == ({"survival": (50,), "multilabel": (50, 1)}.get(kind, (50, 2)))


def test_the_image_alone_decides(small_corpus):
    settings = method_config(ResNet50CMR, "smoke", [])
    batch = small_corpus(ResNet50CMR.input_for(settings))[1]
    images = torch.rand(len(batch), 3, 64, 64)
    batch = replace(batch, image=images)
    method = ResNet50CMR(settings).eval()
    assert torch.equal(method.encode(batch), method.encode(replace(batch, ecg=-batch.ecg)))
    assert not ResNet50CMR.implements("pretraining_loss")


def test_codes_of_either_modality_rebuild_both(small_corpus):
    settings = method_config(CrossModalAE, "smoke", [])
    batch = small_corpus(CrossModalAE.input_for(settings))[1]
    method = CrossModalAE(settings)
    with seeded(0):
        terms = method.pretraining_loss(batch)
    assert set(terms) == {"ecg_to_ecg", "ecg_to_image", "image_to_ecg", "image_to_image", "contrast"}
    assert method.encode(batch).shape == (len(batch), 256)
