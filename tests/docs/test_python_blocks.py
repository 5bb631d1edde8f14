"""The Python blocks of README and documentation run.

Blocks with a title are files that ``test_commands_of_the_pages`` writes and runs. ``bench.run`` and ``bench.encoder`` would
compute for hours here: their calls are bound to the real signatures instead, and every name in them must be registered.
"""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import BaseEstimator, TransformerMixin

import bench
from bench import api, registry
from bench.batch import ECGBatch

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCKS = [
    pytest.param(block, id=f"{page.relative_to(ROOT)}-{number}")
    for page in PAGES
    for number, block in enumerate(re.findall(r"^```python\n(.*?)^```$", page.read_text("utf-8"), re.M | re.S))
]


class Encoder(TransformerMixin, BaseEstimator):
    """Answers as a frozen encoder does, with vectors of zeros."""

    def transform(self, recordings):
        return np.zeros((len(recordings), 2))


@pytest.fixture
def namespace(monkeypatch):
    def run(*args, **options):
        asked = inspect.signature(api.run).bind(*args, **options).arguments
        for group, names in ((registry.METHODS, "methods"), (registry.TASKS, "tasks")):
            given = asked.get(names) or ""
            given = given.split(",") if isinstance(given, str) else []  # an encoder that was made above
            assert set(filter(None, given)) <= set(registry.entries(group))
        cell = {"method": "kmerl", "task": "ptbxl-super", "mode": "linear", "fraction": 1.0, "seed": 0}
        row = cell | {"metric": "macro_auroc", "value": 0.8, "low": 0.7, "high": 0.9}
        return pd.DataFrame([dict.fromkeys(api.COLUMNS, "") | row])

    def encoder(*args, **options):
        asked = inspect.signature(api.encoder).bind(*args, **options).arguments
        method = asked["method"]
        assert method in registry.entries(registry.METHODS) or (isinstance(method, torch.nn.Module) and asked["name"])
        return Encoder()

    monkeypatch.setattr(bench, "run", run, raising=False)
    monkeypatch.setattr(bench, "encoder", encoder, raising=False)
    return {"signals": np.zeros((2, 12, 5000)), "__name__": "page"}


def test_the_example_of_the_python_api_runs(namespace):
    example = re.findall(r"^>>> (.*)$", api.__doc__, re.M)
    exec("\n".join(example), namespace)
    assert namespace["vectors"].shape == (2, 2)


def test_the_example_of_a_kind_is_complete():
    from bench.kinds.kind import Kind

    example = re.search(r"::\n\n(.*?)\n\n    registered in", Kind.__doc__, re.S)[1]
    names = {"Kind": Kind}
    exec(inspect.cleandoc("\n" + example), names)
    inherited = vars(Kind)
    assert {name for name in Kind.__annotations__ if name not in inherited} <= set(vars(names["Count"]))


@pytest.mark.parametrize("block", BLOCKS)
def test_a_block_runs(block, namespace):
    exec(compile(block, "page", "exec"), namespace)


def test_the_method_of_the_page_pretrains_and_encodes(namespace):
    page = (ROOT / "docs/how-to/new-method.md").read_text("utf-8")
    block = re.search(r"^```python\n(.*?)^```$", page, re.M | re.S)
    exec(block[1], namespace)
    method = namespace["SimCLR"]()
    batch = ECGBatch(torch.randn(3, 12, 5000), torch.ones(3, 12, dtype=torch.bool), torch.arange(3))
    assert torch.isfinite(method.pretraining_loss(batch)["nt_xent"])
    assert method.encode(batch).shape == (3, method.encoder.dim)


def test_the_example_of_a_task_is_a_task():
    from bench import task
    from tasks.ptbxl import PTBXLSuperclass

    example = re.search(r"ten lines::\n\n(.*)", task.__doc__, re.S)[1]
    names = dict(vars(task))
    exec(inspect.cleandoc("\n" + example), names)
    assert names["Infarction"].column == PTBXLSuperclass.column
    assert set(names["Infarction"].classes) <= set(PTBXLSuperclass.classes)
