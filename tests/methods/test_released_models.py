"""Released models as methods: what goes into their nets is what their authors prepare."""

import importlib
from pathlib import Path

import numpy as np
import pytest
import torch

from bench import registry
from bench.frozen_encoder import FrozenEncoder
from bench.training.import_checkpoint import import_checkpoint
from methods import ecg_jepa, st_mem_released


def golden_module(name: str):
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(Path(__file__).parents[1] / "golden")
        return importlib.import_module(name)


LAYOUTS = golden_module("released_files").LAYOUTS
shared = golden_module("released_inputs")
batch_of, swapped = shared.batch_of, shared.swapped


def prepared(name: str, recording: np.ndarray, fs: float, **settings) -> np.ndarray:
    return batch_of(name, recording, fs, **settings).ecg[0].numpy()


def test_ecgfounder_is_given_what_its_readme_asks_for(fm_recipe, authors):
    recording = fm_recipe.ecg("preproc_input", 1, 12, 5000, 500)[0]
    got = prepared("ecgfounder", recording, 500)[:, ::25]
    np.testing.assert_allclose(got, authors["ecgfounder_filtered_zscored"], atol=1e-4)
    unfiltered = prepared("ecgfounder", recording, 500, preparation="unfiltered")
    np.testing.assert_allclose(unfiltered, (recording - recording.mean()) / recording.std(), atol=1e-5)
    exchanged = prepared("ecgfounder", swapped(recording), 500)[:, ::25]
    assert np.abs(exchanged - authors["ecgfounder_filtered_zscored"]).max() > 0.1


def test_the_leads_samples_and_filters_of_the_others_are_their_authors(fm_recipe, authors):
    recording = fm_recipe.ecg("preproc_input", 1, 12, 5000, 500)[0]
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


def test_a_lead_that_is_missing_takes_no_part_in_the_scale_of_a_crop(fm_recipe):
    recording = torch.from_numpy(fm_recipe.ecg("preproc_input", 1, 12, 2500, 250))
    some = torch.tensor([[True, True] + [False] * 10])
    crop = st_mem_released.crop(recording * some[..., None], some, 0)
    alone = st_mem_released.crop(recording[:, :2], some[:, :2], 0)
    rounding = 4 * torch.finfo(alone.dtype).eps * alone.abs().max().item()
    np.testing.assert_allclose(crop[:, :2], alone, atol=rounding, rtol=0)
    assert not crop[:, 2:].any()


CASES = [case for case in LAYOUTS if not case.startswith(("clef-large", "hubert", "ecg-fm", "melp", "d-beta"))]
"""The largest is left to ``benchmarks/released_models.py``, and wav2vec's descendants to their own tests."""
QUICK = ("clef-small", "ecg-ked", "pclr-lead-ii", "ecg-cpc", "merl-released, vit-tiny")


@pytest.mark.parametrize(
    "case", [case if case in QUICK else pytest.param(case, marks=pytest.mark.slow) for case in CASES]
)
def test_a_file_in_the_authors_layout_becomes_a_checkpoint_that_encodes(case, fm_recipe, tmp_path):
    layout = LAYOUTS[case]
    path = layout.write(tmp_path)
    cls = registry.load(registry.METHODS, case.partition(",")[0])
    config = cls.Config(**layout.settings)
    part = cls.weights_for(config).part
    folder, report = import_checkpoint(cls, config, path, tmp_path / "checkpoints", part)
    assert report.fits
    assert not report.initial
    encoder = FrozenEncoder(cls.name, fs=500, checkpoint=folder)
    features = encoder.transform(fm_recipe.ecg("preproc_input", 2, 12, 5000, 500))
    assert features.shape == (2, encoder._load().net.dim)
    assert np.isfinite(features).all()
    assert np.abs(features[0] - features[1]).max() > 1e-3


def test_every_released_weight_file_has_a_layout():
    known = {case.partition(",")[0] for case in LAYOUTS}
    methods = registry.entries(registry.METHODS)
    assert known == {name for name, entry in methods.items() if entry.attributes.get("published_weights")}
