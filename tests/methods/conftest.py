"""Stored numbers that the nets and losses are held to (tests/golden/README.md), and a corpus of a few made-up ECGs."""

import importlib.util
import json
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch

from bench.checks.synthetic_corpus import synthetic_corpus
from bench.method.published_names import own_name

GOLDEN = Path(__file__).parents[1] / "golden"


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
    """``load_published(net, state, rules)``: every tensor of a published state dict has a place, and every place a tensor."""

    def load(net, state, rules):
        counters = {name: value for name, value in net.state_dict().items() if name.endswith("num_batches_tracked")}
        net.load_state_dict(counters | translate(state, rules))

    return load


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
