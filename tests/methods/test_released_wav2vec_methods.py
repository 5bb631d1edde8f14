"""ECG-FM, MELP, D-BETA and HuBERT-ECG as methods: their files, what goes into their nets, and what comes out."""

import importlib
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from scipy.signal import decimate, filtfilt, firwin
from torch import Tensor, nn

from bench import registry
from bench.batch import ECGBatch
from bench.contamination.declared import declared_corpus, relation
from bench.method.published_names import PublishedNames, Rules, compare
from bench.training.checkpoint_files import load_weights
from bench.training.import_checkpoint import import_checkpoint
from methods.nets.d_beta import D_BETA, DBETANet
from methods.nets.ecg_fm import ECG_FM_PRETRAINED, ECGFMNet
from methods.nets.hubert_ecg import HUBERT_ECG, FlatLeads, HuBERTECGNet
from methods.nets.melp import MELP, MELPNet


def golden_module(name: str):
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(Path(__file__).parents[1] / "golden")
        return importlib.import_module(name)


LAYOUTS = golden_module("released_files").LAYOUTS
shared = golden_module("released_inputs")
batch_of, swapped = shared.batch_of, shared.swapped
FLAT_STEP, STEP = 7, 25
"""Of the stored signals every so many samples are kept."""


@pytest.fixture(scope="module")
def at_500(fm_recipe):
    return fm_recipe.ecg("preproc_input", 1, 12, 5000, 500)[0]


@pytest.fixture(scope="module")
def at_400(fm_recipe):
    return fm_recipe.ecg("preproc_input_400", 1, 12, 4096, 400)[0]


def prepared(name: str, recording: np.ndarray, fs: float) -> np.ndarray:
    """Of the whole recording, as the authors' stored signals."""
    return batch_of(name, recording, fs, recording.shape[1] / fs).ecg[0].numpy()


def flat_leads(recording: np.ndarray, fs: float) -> np.ndarray:
    return FlatLeads()(batch_of("hubert-ecg-small", recording, fs).ecg)[0].numpy()


def standardised(recording: np.ndarray) -> np.ndarray:
    wide = recording.astype(np.float64)
    return (wide - wide.mean(1, keepdims=True)) / wide.std(1, keepdims=True)


def test_ecg_fm_is_given_leads_standardised_before_they_are_cut(at_400, authors):
    got = prepared("ecg-fm", at_400, 400)
    np.testing.assert_allclose(got[:, ::STEP], authors["ecg_fm_400_standardised"], atol=1e-4)
    np.testing.assert_allclose(got[:, 2500:5000:STEP], authors["ecg_fm_segment1"], atol=1e-4)
    assert np.abs(prepared("ecg-fm", at_400, 500)[:, :2500:STEP] - got[:, :2500:STEP]).max() > 0.1
    assert np.abs(prepared("ecg-fm", swapped(at_400), 400) - got).max() > 0.1


def test_hubert_ecg_reads_the_leads_as_one_signal(at_500, at_400, authors):
    flat = flat_leads(at_500, 500)[::FLAT_STEP]
    np.testing.assert_allclose(flat, authors["hubert_input"], atol=1e-4)
    assert np.abs(flat - authors["NOTREF_hubert_decimated_lead_by_lead"]).max() > 0.1
    assert np.abs(flat_leads(swapped(at_500), 500)[::FLAT_STEP] - authors["hubert_input"]).max() > 0.1
    for recording, fs, key in ((at_500, 500, "hubert_500hz"), (at_400, 400, "hubert_400_to_500hz")):
        got, stored = prepared("hubert-ecg-small", recording, fs), authors[key]
        low, high = got.min(1, keepdims=True), got.max(1, keepdims=True)
        np.testing.assert_allclose((2 * (got - low) / (high - low) - 1)[:, ::STEP], stored, atol=1e-4)


def test_flat_leads_are_decimated_as_by_scipy_and_pass_gradients():
    ecg = torch.from_numpy(np.random.default_rng(0).normal(size=(2, 12, 5000)).astype(np.float32)).requires_grad_(True)
    flat = FlatLeads()(ecg)
    wide = ecg.detach().double()
    low, high = wide.amin(-1, keepdim=True), wide.amax(-1, keepdim=True)
    expected = decimate((2 * (wide - low) / (high - low) - 1)[..., :2500].flatten(1).numpy(), 5)
    np.testing.assert_allclose(flat.detach().numpy(), expected, atol=1e-5)
    flat.square().sum().backward()
    assert ecg.grad[..., :2500].abs().sum(-1).min() > 0


def test_a_lead_without_signal_does_not_become_nan():
    assert FlatLeads()(torch.zeros(1, 12, 5000)).isfinite().all()


@dataclass(frozen=True)
class Released:
    """A released model.

    Attributes:
        net, rules: the network alone, and the names of its files.
        signals: what the authors give it for a recording at 500 Hz, [segment, ...].
    """

    net: Callable[[], nn.Module]
    rules: Rules
    signals: Callable[[np.ndarray, dict[str, np.ndarray]], np.ndarray]


def hubert_signals(recording: np.ndarray, authors: dict[str, np.ndarray]) -> np.ndarray:
    taps = firwin(151, [0.05, 47], pass_zero=False, fs=500)
    filtered = filtfilt(taps, [1.0], recording.astype(np.float64), axis=1, padlen=3 * 151)
    low, high = filtered.min(1, keepdims=True), filtered.max(1, keepdims=True)
    flat = decimate((2 * (filtered - low) / (high - low + 1e-8) - 1)[:, :2500].ravel(), 5)
    np.testing.assert_allclose(flat[::FLAT_STEP], authors["hubert_input"], atol=1e-5)
    return flat[None]


def hubert(size: str) -> Released:
    return Released(lambda: HuBERTECGNet(size), HUBERT_ECG, hubert_signals)


def melp_signals(recording: np.ndarray, authors: dict[str, np.ndarray]) -> np.ndarray:
    low, high = recording.min(), recording.max()
    return swapped((recording - low) / (high - low + 1e-8))[None]


RELEASED = {
    "hubert-ecg-small": hubert("small"),
    "hubert-ecg-base": hubert("base"),
    "hubert-ecg-large": hubert("large"),
    "ecg-fm": Released(
        ECGFMNet, ECG_FM_PRETRAINED,
        lambda recording, authors: np.stack(np.split(standardised(recording), 2, axis=1)),
    ),
    "melp": Released(MELPNet, MELP, melp_signals),
    "d-beta": Released(DBETANet, D_BETA, lambda recording, authors: recording[None]),
}  # fmt: skip
QUICK = ("hubert-ecg-small",)
NAMES = [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in RELEASED]


def imported(name: str, path: Path, folder: Path, **settings):
    cls = registry.load(registry.METHODS, name)
    config = cls.Config(**settings)
    return import_checkpoint(cls, config, path, folder, cls.weights_for(config).part)


def direct(net: nn.Module, tensors: dict[str, Tensor], rules: Rules, signals: np.ndarray) -> Tensor:
    """What the network alone, with the weights as published, makes of prepared signals."""
    own = net.state_dict()
    shapes, own_shapes = ({name: value.shape for name, value in state.items()} for state in (tensors, own))
    report = compare(shapes, own_shapes, PublishedNames(rules, ()))
    assert report.fits, report
    net.load_state_dict({ours: tensors[theirs] for theirs, ours in report.matched.items()})
    with torch.no_grad():
        return net.eval()(torch.from_numpy(signals.astype(np.float32))).mean(0)


@pytest.mark.parametrize("name", NAMES)
def test_an_imported_file_gives_what_the_network_makes_of_the_authors_signal(name, authors, at_500, tmp_path):
    released = RELEASED[name]
    tensors = LAYOUTS[name].tensors()
    path = LAYOUTS[name].write(tmp_path, tensors)
    folder, report = imported(name, path, tmp_path / "checkpoints")
    assert report.fits
    assert not report.initial
    weights = load_file(folder / "model.safetensors")
    assert {value.dtype for value in weights.values()} == {torch.float32}
    if name == "melp":
        tensors = {k: v.bfloat16().to(v.dtype) for k, v in tensors.items()}
    method = registry.load(registry.METHODS, name)().eval()
    load_weights(method, folder)
    with torch.no_grad():
        features = method.encode(batch_of(name, at_500, 500))[0]
        other = method.encode(batch_of(name, swapped(at_500), 500))[0]
    expected = direct(released.net(), tensors, released.rules, released.signals(at_500, authors))
    torch.testing.assert_close(features, expected, atol=1e-4, rtol=0)
    assert (other - expected).abs().max() > 1e-3


@pytest.mark.parametrize(("shape", "fits"), [((10, 256), True), ((14, 128), False)])
def test_the_file_of_melp_decides_on_the_number_of_queries(shape, fits):
    cls = registry.load(registry.METHODS, "melp")
    names = cls.published_names(cls.Config())["model"]
    report = compare({"attn_pool_contrast.query": shape}, {"net.attn_pool_contrast.query": (14, 256)}, names)
    assert report.fits == fits


@pytest.mark.slow
def test_the_whole_model_of_melp_is_read_as_its_encoder(tmp_path):
    tensors = LAYOUTS["melp"].tensors()
    torch.save({"state_dict": tensors, "hyper_parameters": {"lr": np.float64(1e-4)}}, tmp_path / "melp.ckpt")
    assert imported("melp", tmp_path / "melp.ckpt", tmp_path / "checkpoints")[1].fits


@pytest.mark.slow
def test_fine_tuned_weights_of_ecg_fm_are_read(tmp_path):
    tensors = {f"encoder.{name}": value for name, value in LAYOUTS["ecg-fm"].tensors().items()}
    tensors |= {"proj.weight": torch.zeros(17, 768), "proj.bias": torch.zeros(17)}
    torch.save(LAYOUTS["ecg-fm"].content(tensors), tmp_path / "finetuned.pt")
    _, report = imported("ecg-fm", tmp_path / "finetuned.pt", tmp_path / "checkpoints", weights="finetuned")
    assert report.fits


def test_a_half_without_signal_takes_no_part_in_ecg_fms_mean(monkeypatch):
    class Means(nn.Module):
        def forward(self, ecg: Tensor) -> Tensor:
            assert ecg.shape[1:] == (12, 2500)
            return ecg.mean(2) + 1

    cls = registry.load(registry.METHODS, "ecg-fm")
    monkeypatch.setattr(sys.modules[cls.__module__], "ECGFMNet", Means)
    ecg = torch.zeros(3, 12, 5000)
    ecg[0], ecg[1, :, :2500] = torch.cat([torch.ones(2500), torch.full((2500,), 3.0)]), 1
    features = cls().encode(ECGBatch(ecg, torch.ones(3, 12, dtype=torch.bool), torch.arange(3)))
    assert features[:, 0].tolist() == [3, 2, 1]


def test_collections_that_released_weights_have_seen_are_related_to_the_tasks():
    def seen(name: str, dataset: str) -> bool:
        cls = registry.load(registry.METHODS, name)
        corpora = cls.weights_for(cls.Config()).corpora
        assert declared_corpus(corpora)
        return any(relation(corpus, dataset) for corpus in corpora)

    for name in ("ecg-fm", "hubert-ecg-small", "hubert-ecg-base", "hubert-ecg-large"):
        assert all(seen(name, dataset) for dataset in ("ptbxl", "cpsc2018", "csn", "chapman", "mimic-iv-ecg"))
    for name in ("melp", "d-beta"):
        assert [seen(name, dataset) for dataset in ("ptbxl", "cpsc2018", "csn", "mimic-iv-ecg")] == [False] * 3 + [True]


@pytest.mark.parametrize("name", [name for name in RELEASED if name.startswith(("d-beta", "hubert"))])
def test_non_commercial_licences_are_accepted_first(name):
    cls = registry.load(registry.METHODS, name)
    assert cls.weights_for(cls.Config()).needs_acceptance
