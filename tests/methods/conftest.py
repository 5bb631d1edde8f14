"""Stored numbers that the nets and losses are held to (tests/golden/README.md), and a corpus of a few made-up ECGs."""

import copy
import importlib.util
import json
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch

from bench.checks.synthetic_corpus import synthetic_corpus
from bench.method import MethodConfig
from bench.method.published_names import own_name
from methods.nets.families import OWN_WIDTH_ONLY
from methods.text import tower
from methods.text.encoder import TextEncoder, TextEncoderConfig

GOLDEN = Path(__file__).parents[1] / "golden"


@pytest.fixture(autouse=True, scope="session")
def loaded_once():
    """The packaged text encoder, which no step changes while it is frozen, is loaded once for all methods."""
    load, loaded = tower.text_encoder, {}

    def shared(config: TextEncoderConfig) -> TextEncoder:
        if config.trainable_layers or config.text_dropout == "on" or config.model != "minilm":
            return load(config)
        if config not in loaded:
            loaded[config] = load(config)
        return copy.copy(loaded[config])  # each has its cache

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tower, "text_encoder", shared)
        yield


@pytest.fixture(scope="session")
def golden():
    """``golden(name)``: the content of a JSON file, or an npz as tensors (numbers as floats, strings as lists)."""

    def read(name: str):
        path = GOLDEN / name
        if path.suffix == ".json":
            return json.loads(path.read_text())
        with np.load(path, allow_pickle=False) as arrays:
            return {key: _value(arrays[key]) for key in arrays}

    def _value(array: np.ndarray):
        if array.dtype.kind not in "fiub":
            return array.tolist()
        return array.item() if array.ndim == 0 else torch.from_numpy(array)

    return read


@pytest.fixture(scope="session")
def translate():
    """``translate(state, rules)``: a published state dict under the names here."""

    def translated(state, rules):
        named = {own_name(name, rules): tensor for name, tensor in state.items()}
        named.pop(None, None)
        return named

    return translated


@pytest.fixture(scope="session")
def load_published(translate):
    """``load_published(net, state, rules)``: every tensor of a published state dict has a place, and every place a tensor.

    What our code computes (positions, masks, constants: all that does not train, statistics of BatchNorm left out) must be
    what is published, and is not loaded, so that no test is fed what it should compute. ``invented``: ends of the names
    of those that were stored with values which no release has.
    """

    def load(net, state, rules, invented=()):
        counters = {name: value for name, value in net.state_dict().items() if name.endswith("num_batches_tracked")}
        named = translate(state, rules)
        for name, ours in computed(net).items():
            if not name.endswith(tuple(invented)):
                torch.testing.assert_close(
                    ours, named[name].to(ours.dtype), atol=1e-5, rtol=1e-5, msg=lambda m, n=name: f"{n}: {m}"
                )
                named[name] = ours
        net.load_state_dict(counters | named)

    return load


def computed(net: torch.nn.Module) -> dict[str, torch.Tensor]:
    """Tensors of a net's state that neither train nor follow the data."""
    learned = {name for name, parameter in net.named_parameters() if parameter.requires_grad}
    followed = ("running_mean", "running_var", "num_batches_tracked")
    return {n: t.detach().clone() for n, t in net.state_dict().items() if n not in learned and not n.endswith(followed)}


@pytest.fixture(scope="session")
def recipe():
    """The closed-form weights and inputs, ``fill(name, shape, kind)``."""
    spec = importlib.util.spec_from_file_location("recipe", GOLDEN / "recipe.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def closed_form():
    """``closed_form(name, shape)``: the weights behind encoder_forward.npz, by released name."""

    def weights(name: str, shape: tuple[int, ...]) -> torch.Tensor:
        flat = torch.arange(torch.Size(shape).numel(), dtype=torch.float64)
        s = torch.sin(0.37 * flat + zlib.crc32(name.encode()) % 1000 / 100).view(shape)
        if name.endswith("running_var"):
            return 1 + 0.25 * s
        if name.endswith("running_mean"):
            return 0.05 * s
        if len(shape) > 1:
            return s * (2 / s[0].numel()) ** 0.5
        return 1 + 0.1 * s if name.endswith("weight") else 0.05 * s

    return weights


@pytest.fixture(scope="session")
def closed_form_input():
    """``closed_form_input(shape)``: the recording behind encoder_forward.npz."""

    def signal(shape: list[int]) -> torch.Tensor:
        i = torch.arange(torch.Size(shape).numel(), dtype=torch.float64)
        return (torch.sin(0.013 * i) + 0.5 * torch.sin(0.0771 * i + 0.3) + 0.1 * torch.cos(1.7 * i)).float().view(shape)

    return signal


@pytest.fixture(scope="session")
def small_corpus():
    """``small_corpus(spec)``: a Corpus and one ECGBatch of all of it, as an InputSpec asks."""
    return synthetic_corpus


SMALLEST = {
    **dict.fromkeys(("width", "decoder_dim", "caption_head_dim", "head_dim"), 8),
    **dict.fromkeys(("dim", "hidden", "projection", "bottleneck", "summary", "shared_dim", "query_dim"), 16),
    **dict.fromkeys(("projector_width", "dimensions", "image_size"), 32),
    "depth": 1,
    "epochs": 2,
}
"""Sizes at which each promise of a method can be kept or broken."""


@pytest.fixture(scope="session")
def smallest():
    """``smallest(config)``: the same method with its networks as small as they come."""

    def shrunk(config: MethodConfig) -> MethodConfig:
        values = config.model_dump()
        if "width" in values and values.get("encoder") not in (None, *OWN_WIDTH_ONLY):
            values["width"] = values["width"] or 64
        for field, size in SMALLEST.items():
            given = values.get(field)
            if type(given) is int and given > size:
                values[field] = 50 if (field, given) == ("depth", 101) else size  # the layers of a ResNet
        return type(config).model_validate(values)

    return shrunk


def golden_module(name: str):
    """A module of ``tests/golden``."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(GOLDEN)
        return importlib.import_module(name)


@pytest.fixture(scope="session")
def fm_recipe():
    """The closed-form weights and recordings of released networks, ``fill_fm(name, shape)`` and ``ecg(...)``."""
    return golden_module("fm_recipe")


@pytest.fixture(scope="session")
def authors():
    """The authors' own preparation of the recipe's recordings."""
    return golden_module("released_inputs").authors_signals()
