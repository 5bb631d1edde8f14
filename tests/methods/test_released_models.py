"""Released models as methods: what goes into their nets is what their authors prepare."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from bench import registry
from bench.data.batches import BatchSource
from bench.signals.in_memory import ArrayStore
from bench.signals.windows import SignalView
from bench.training.import_checkpoint import import_checkpoint

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


LAYOUTS = {
    "ecgfounder": ("ecgfounder_12lead", lambda t: {"epoch": 1, "state_dict": t, "val_auroc": np.float64(0.9)}),
    "clef-small": (
        "clef_small",
        lambda t: {"state_dict": {f"backbone.{k}": v for k, v in t.items()}, "hyper_parameters": {}, "callbacks": {}},
    ),
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_file_in_the_authors_layout_becomes_a_checkpoint(name, recipe, tmp_path):
    import json

    key, layout = LAYOUTS[name]
    shapes = json.loads((GOLDEN / "foundation_models" / f"{key}.json").read_text())["tensors"]
    tensors = {
        tensor: torch.zeros(shape, dtype=torch.int64)
        if tensor.endswith("num_batches_tracked")
        else torch.from_numpy(recipe.fill_fm(tensor, tuple(shape)))
        for tensor, shape in shapes.items()
    }
    torch.save(layout(tensors), tmp_path / "released.pth")
    cls = registry.load(registry.METHODS, name)
    config = cls.Config()
    part = cls.weights_for(config).part
    folder, report = import_checkpoint(cls, config, tmp_path / "released.pth", tmp_path / "checkpoints", part)
    assert report.fits
    assert not report.initial
    assert (folder / "model.safetensors").is_file()
