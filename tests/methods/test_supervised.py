"""The supervised methods: published parameter counts, and what their papers fix beyond the encoder."""

import numpy as np
import pandas as pd
import pytest
import torch

from bench import registry
from bench.batch import ECGBatch
from bench.method import LabelledData
from bench.runner.overrides import method_config, mode_config
from bench.seeding import seeded
from methods.nets.mvmsn import ViewNet
from methods.wavelet_nn import WaveletNN, wavelet_features

BENCHMARK = {
    "xresnet1d101": "xresnet1d101",
    "xresnet1d50": "xresnet1d50",
    "resnet1d-wang": "resnet1d_wang",
    "resnet1d50": "resnet1d50_inplanes128",
    "lstm": "lstm",
    "lstm-bidir": "lstm_bidir",
    "inception1d": "inception1d",
    "fcn-wang": "fcn_wang",
}
ALL = (*BENCHMARK, "mvmsn", "mlbf-net", "convnext1d-tiny", "convnext1d-base", "vit1d")


def load(name):
    return registry.load(registry.METHODS, name)


def small(name):
    with seeded(0):
        return load(name)(method_config(load(name), "smoke"))


def parameters(module) -> int:
    return sum(p.numel() for p in module.parameters())


def batch_of(method, records=3) -> ECGBatch:
    with seeded(1):
        ecg = 0.3 * torch.randn(records, 12, method.input.length)
    return ECGBatch(ecg=ecg, leads=torch.ones(records, 12, dtype=torch.bool), index=torch.arange(records))


@pytest.mark.parametrize("classes", [71, 5, 9])
@pytest.mark.parametrize("name", BENCHMARK)
def test_the_benchmarks_counts_with_its_head(golden, name, classes):
    with torch.device("meta"):
        method = load(name)()
        total = parameters(method) + parameters(method.head(method.encoder.dim, classes))
    assert total == golden("param_counts.json")[f"helme_{BENCHMARK[name]}_nc{classes}"]["total"]


def test_counts_of_the_others(golden):
    counts = golden("param_counts.json")
    with torch.device("meta"):
        mvmsn, tiny, base = (load(name)() for name in ("mvmsn", "convnext1d-tiny", "convnext1d-base"))
        for classes in (71, 5):
            assert (
                parameters(mvmsn) + parameters(mvmsn.head(128, classes)) == counts[f"mvmsn_6view_nc{classes}"]["total"]
            )
        assert parameters(ViewNet(12)) + parameters(mvmsn.head(128, 71)) == counts["mvmsn_single_view_nc71"]["total"]
        for method, size in ((tiny, "tiny"), (base, "base")):
            head = method.head(method.encoder.dim, 71)
            assert parameters(method) + parameters(head) == counts[f"esi_convnextv2_{size}_nc71"]["total"]
    assert parameters(tiny) == 26_814_144
    assert parameters(base) == 85_558_528


@pytest.mark.parametrize("name", ALL)
def test_answers_for_a_record_alone_as_in_a_batch_and_learns(name, smallest):
    with seeded(0):
        method = load(name)(smallest(method_config(load(name), "smoke")))
    batch = batch_of(method)
    method.eval()
    torch.manual_seed(0)  # whatever ran before in this process
    with torch.no_grad():
        together = method.encode(batch)
        alone = method.encode(ECGBatch(batch.ecg[1:2], batch.leads[1:2], batch.index[1:2]))
        head = method.head(together.shape[1], 4).eval()
        assert head(together).shape == (3, 4)
    # Untrained activations grow into the millions: rounding follows the largest value, as in the contract suite.
    size = max(1.0, together.abs().max().item())
    torch.testing.assert_close(alone[0], together[1], rtol=0, atol=1e-5 * size)
    method.train(), head.train()
    head(method.encode(batch)).square().sum().backward()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in method.parameters())


@pytest.mark.parametrize("name", BENCHMARK)
def test_the_benchmark_trains_as_published(name):
    config = mode_config("scratch", "paper", (), load(name))
    recurrent = name.startswith("lstm")
    assert (config.schedule, config.epochs, config.batch_size, config.select) == ("one-cycle", 50, 128, "last")
    assert (config.crop_seconds, config.stride_seconds, config.windows) == (2.5, 1.25, "max")
    assert (config.lr, config.clip_norm) == ((1e-3, 0.25) if recurrent else (1e-2, None))
    assert load(name)().input.fs == 100


def test_mlbf_net_answers_from_the_fusion_and_in_training_from_every_branch():
    method = small("mlbf-net")
    head = method.head(method.encoder.dim, 5)
    vector = torch.randn(2, method.encoder.dim)
    answers = head(vector)
    assert answers.shape == (13, 2, 5)
    torch.testing.assert_close(head.eval()(vector), answers[0])


def test_branches_of_mlbf_net_see_one_lead_each():
    method = small("mlbf-net").eval()
    batch = batch_of(method)
    other = batch.ecg.clone()
    other[:, 4] += torch.randn(other.shape[-1])
    with torch.no_grad():
        first, second = (method.encoder(ecg) for ecg in (batch.ecg, other))
    branches = (first != second)[:, 12 * 24 :].unflatten(1, (12, 24)).any(dim=2)
    assert branches.tolist() == [[lead == 4 for lead in range(12)]] * 3


def test_noise_of_mvmsn_is_for_training_alone():
    method = small("mvmsn")
    method.encoder = torch.nn.Flatten()
    batch = batch_of(method)
    method.eval()
    assert torch.equal(method.encode(batch), method.encode(batch))
    method.train()
    noise = method.encode(batch) - method.eval().encode(batch)
    assert noise.std().item() == pytest.approx(0.1, rel=0.02)


def test_wavelet_features_are_the_statistics_of_the_bands():
    pywt = pytest.importorskip("pywt")
    ecg = np.random.default_rng(0).normal(size=(2, 12, 1000))
    ecg[1, 3] = 0.25
    features = wavelet_features(ecg).reshape(2, 12, 6, 12)
    for band, found in zip(pywt.wavedec(ecg[0, 7], "db6", level=5), features[0, 7], strict=True):
        zero, mean = (np.count_nonzero(np.diff(band > line)) for line in (0, band.mean()))
        quantiles = [np.percentile(band, q) for q in (5, 25, 75, 95, 50)]
        expected = [np.log(len(band)), zero, mean, *quantiles, band.mean(), band.std(), band.var(), np.abs(band).mean()]
        np.testing.assert_allclose(found, expected, rtol=1e-10)
    assert (features[1, 3, :, 0] < np.log(30)).all()  # a flat lead has few distinct values
    assert np.isfinite(features).all()


def labelled(n, seed, kind="multilabel") -> LabelledData:
    rng = np.random.default_rng(seed)
    targets = rng.integers(0, 2, (n, 2)) if kind == "multilabel" else rng.integers(0, 3, n)
    fast = targets[:, 0] if kind == "multilabel" else targets
    t = np.arange(1000) / 100
    ecg = rng.normal(0, 0.2, (n, 12, 1000)) + np.sin(2 * np.pi * (2 + 3 * fast)[:, None] * t)[:, None]
    batch = ECGBatch(torch.from_numpy(ecg).float(), torch.ones(n, 12, dtype=torch.bool), torch.arange(n))
    return LabelledData(targets, pd.DataFrame(index=range(n)), [batch], kind, 2 if kind == "multilabel" else 3)


@pytest.mark.parametrize("kind", ["multilabel", "multiclass"])
def test_wavelet_nn_learns_a_rhythm(kind):
    with seeded(0):
        fitted = WaveletNN().fit(labelled(60, 1, kind), labelled(30, 2, kind))
    test = labelled(30, 3, kind)
    scores = fitted.predict(test)
    if kind == "multiclass":
        assert (scores.argmax(axis=1) == test.targets).mean() > 0.9
    else:
        assert ((scores[:, 0] > 0.5) == test.targets[:, 0]).mean() > 0.9


def test_the_ensemble_is_the_mean_of_the_benchmarks_seven():
    ensemble = load("ensemble")
    members = ensemble.members(ensemble.Config())
    assert len(members) == 7
    assert all("scratch" in load(name).modes() for name in members)
    np.testing.assert_allclose(ensemble().combine([np.zeros((2, 3)), np.ones((2, 3))]), 0.5)
