"""Released models as methods: what goes into their nets is what their authors prepare."""

import argparse
import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from bench import registry
from bench.data.batches import BatchSource
from bench.frozen_encoder import FrozenEncoder
from bench.signals.in_memory import ArrayStore
from bench.signals.windows import SignalView
from bench.training.import_checkpoint import import_checkpoint
from methods import ecg_jepa, st_mem_released

GOLDEN = Path(__file__).parents[1] / "golden"


@pytest.fixture(scope="module")
def recipe():
    """The closed-form recordings of ``tests/golden/fm_recipe.py``."""
    sys.path.insert(0, str(GOLDEN))
    try:
        spec = importlib.util.spec_from_file_location("fm_recipe", GOLDEN / "fm_recipe.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(GOLDEN))
    return module


@pytest.fixture(scope="module")
def authors():
    """Their own preparation of the recipe's recording, every 25th sample along time."""
    with np.load(GOLDEN / "foundation_models" / "fm_preprocessing.npz") as arrays:
        return dict(arrays)


def prepared(name: str, recording: np.ndarray, fs: float, **settings) -> np.ndarray:
    """The batch that a method is given for one recording, [lead, time]."""
    cls = registry.load(registry.METHODS, name)
    view = SignalView(ArrayStore([recording], fs), cls.input_for(cls.Config(**settings)))
    (batch,) = BatchSource(view).in_order(np.arange(1), 1)
    return batch.ecg[0].numpy()


def test_ecgfounder_is_given_what_its_readme_asks_for(recipe, authors):
    recording = recipe.ecg("preproc_input", 1, 12, 5000, 500)[0]
    got = prepared("ecgfounder", recording, 500)[:, ::25]
    np.testing.assert_allclose(got, authors["ecgfounder_filtered_zscored"], atol=1e-4)
    unfiltered = prepared("ecgfounder", recording, 500, preparation="unfiltered")
    np.testing.assert_allclose(unfiltered, (recording - recording.mean()) / recording.std(), atol=1e-5)
    swapped = recording[[0, 1, 2, 3, 5, 4, *range(6, 12)]]
    assert np.abs(prepared("ecgfounder", swapped, 500)[:, ::25] - authors["ecgfounder_filtered_zscored"]).max() > 0.1


def test_the_leads_samples_and_filters_of_the_others_are_their_authors(recipe, authors):
    recording = recipe.ecg("preproc_input", 1, 12, 5000, 500)[0]
    jepa = prepared("ecg-jepa", recording, 500)[ecg_jepa.READ]
    np.testing.assert_allclose(jepa[:, ::25], authors["ecg_jepa_input"], atol=1e-4)
    words = prepared("heartlang", recording, 500)
    np.testing.assert_allclose(words[:, ::25], authors["heartlang_100hz_filtered"], atol=1e-4)
    pclr = torch.from_numpy(prepared("pclr", recording, 500))[None]
    lines = torch.nn.functional.interpolate(pclr, 4096, mode="linear", align_corners=True)[0].T
    np.testing.assert_allclose(lines[::25], authors["pclr_input"], atol=1e-4)
    st_mem = torch.from_numpy(prepared("st-mem-released", recording, 500))[None]
    every = torch.ones(1, 12, dtype=torch.bool)
    for number, start in ((0, 0), (2, 250)):
        crop = st_mem_released.crop(st_mem, every, start)[0]
        np.testing.assert_allclose(crop[:, ::25], authors[f"st_mem_crop{number}"], atol=1e-4)


def test_a_lead_that_is_missing_takes_no_part_in_the_scale_of_a_crop(recipe):
    recording = torch.from_numpy(recipe.ecg("preproc_input", 1, 12, 2500, 250))
    some = torch.tensor([[True, True] + [False] * 10])
    crop = st_mem_released.crop(recording * some[..., None], some, 0)
    alone = st_mem_released.crop(recording[:, :2], some[:, :2], 0)
    np.testing.assert_allclose(crop[:, :2], alone, atol=1e-6)
    assert not crop[:, 2:].any()


def filled(recipe, name, shape):
    """The recipe's weights; Keras's kernels are (kernel, in, out)."""
    kinds = {"gamma": "gain", "beta": "bias", "moving_mean": "mean", "moving_variance": "var"}
    variable = name.rpartition("/")[2]
    if variable == "kernel":
        return recipe.fill_fm(name, shape, kind="bias") * np.float32(20 * np.sqrt(3 / np.prod(shape[:-1])))
    return recipe.fill_fm(name, shape, kind=kinds.get(variable))


def keras(tensors, path):
    """A file as ``model.save`` writes it."""
    import h5py

    with h5py.File(path, "w") as file:
        for name, value in tensors.items():
            layer, variable = name.split("/")
            file[f"model_weights/{layer}/{layer}/{variable}:0"] = value.numpy()


LAYOUTS = {
    "ecgfounder": ("ecgfounder_12lead", {}, lambda t: {"epoch": 1, "state_dict": t, "val_auroc": np.float64(0.9)}),
    "clef-small": (
        "clef_small",
        {},
        lambda t: {"state_dict": {f"backbone.{k}": v for k, v in t.items()}, "hyper_parameters": {}, "callbacks": {}},
    ),
    "ecg-jepa": ("ecg_jepa", {}, lambda t: {"encoder": t, "epoch": 100}),
    "heartlang": ("heartlang", {}, lambda t: {"model": t, "epoch": 200, "args": argparse.Namespace(lr=1.0)}),
    "st-mem-released": ("st_mem_vit_base", {}, lambda t: {"model": t, "epoch": 1, "config": {"a": "b"}}),
    "st-mem-released, full": ("st_mem_full", {"weights": "full"}, lambda t: {"model": t, "epoch": 1}),
    "ecg-cpc": ("ecg_cpc", {}, lambda t: {"state_dict": t, "hyper_parameters": {}}),
    "pclr": ("pclr", {}, None),
    "pclr-lead-ii": ("pclr_lead_II", {}, None),
    "c3po-pclr": ("c3po_pclr", {}, None),
    "ribeiro-resnet": ("ribeiro_resnet", {}, None),
}
QUICK = ("clef-small", "pclr-lead-ii", "ecg-cpc")


@pytest.mark.parametrize(
    "case", [case if case in QUICK else pytest.param(case, marks=pytest.mark.slow) for case in LAYOUTS]
)
def test_a_file_in_the_authors_layout_becomes_a_checkpoint_that_encodes(case, recipe, tmp_path):
    key, settings, layout = LAYOUTS[case]
    shapes = json.loads((GOLDEN / "foundation_models" / f"{key}.json").read_text())["tensors"]
    tensors = {
        tensor: torch.zeros(shape, dtype=torch.int64)
        if tensor.endswith("num_batches_tracked")
        else torch.from_numpy(filled(recipe, tensor, tuple(shape)))
        for tensor, shape in shapes.items()
    }
    path = tmp_path / ("released.h5" if layout is None else "released.pth")
    if layout is None:
        keras(tensors, path)
    else:
        torch.save(layout(tensors), path)
    cls = registry.load(registry.METHODS, case.partition(",")[0])
    config = cls.Config(**settings)
    part = cls.weights_for(config).part
    folder, report = import_checkpoint(cls, config, path, tmp_path / "checkpoints", part)
    assert report.fits
    assert not report.initial
    encoder = FrozenEncoder(cls.name, fs=500, checkpoint=folder)
    features = encoder.transform(recipe.ecg("preproc_input", 2, 12, 5000, 500))
    assert features.shape == (2, encoder._load().net.dim)
    assert np.isfinite(features).all()
    assert np.abs(features[0] - features[1]).max() > 1e-3
