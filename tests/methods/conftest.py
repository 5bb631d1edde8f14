"""Stored numbers that the nets and losses are held to; see tests/golden/README.md."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
import torch

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
def recipe():
    """The closed-form weights and inputs, ``fill(name, shape, kind)``."""
    spec = importlib.util.spec_from_file_location("recipe", GOLDEN / "recipe.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
