"""Methods that no package registers: a torch module in memory, and a class in a file."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import bench
from bench import registry
from bench.errors import ConfigError
from bench.leaderboard.third_party_rows import OWN, row_of
from bench.reading import method_files
from bench.runner.executors.safe_path import safe_children
from bench.signals.input_spec import InputSpec

SPEC = InputSpec(fs=100, seconds=2.5, normalise="zscore")


class Net(nn.Module):
    def __init__(self, stride=5, dim=4):
        super().__init__()
        self.conv = nn.Conv1d(12, dim, 9, stride=stride)
        self.power = 1.0

    def forward(self, signals):
        return self.conv(signals).abs().mean(-1) ** self.power


def net(seed=0, **arguments) -> Net:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return Net(**arguments)


def with_gradient() -> Net:
    module = net()
    module.scale = module.conv.weight * 2
    return module


@pytest.fixture(autouse=True)
def registered(monkeypatch):
    """Restore what is registered."""
    monkeypatch.delenv(method_files.ENVIRONMENT, raising=False)
    before, path = dict(registry.entries(registry.METHODS)), list(sys.path)
    yield
    monkeypatch.delenv(method_files.ENVIRONMENT, raising=False)
    known = registry.entries(registry.METHODS)
    known.clear()
    known.update(before)
    sys.path[:] = path


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"name": "mine"}, "needs its input and a name"),
        ({"input": SPEC, "name": "My Net"}, "expected small letters, digits and hyphens"),
        ({"input": SPEC, "name": "kmerl"}, "a method of ecg-bench has that name"),
        ({"input": SPEC, "name": "mine", "method": torch.relu}, "expected the name of a method or a torch module"),
        ({"input": SPEC, "name": "mine", "method": with_gradient()}, "the module cannot be copied"),
    ],
)
def test_a_module_needs_an_input_and_a_free_name(arguments, words):
    with pytest.raises(ConfigError, match=words):
        bench.encoder(**{"method": net()} | arguments)


def test_a_module_is_run_and_has_a_row(workspace):
    mine = bench.encoder(net(), input=SPEC, name="mine")
    assert mine.transform(np.random.default_rng(0).normal(size=(3, 12, 250))).shape == (3, 4)
    options = {"tasks": "ptbxl-super", "modes": "linear", "settings": {"linear.epochs": 1}, "track": False}
    options |= {"workspace": workspace.root, "simulated_records": 240}
    table = bench.run(methods=mine, **options)
    assert table.attrs["failures"] == {}
    assert set(table.method) == {"mine"}
    again = bench.run(methods=[bench.encoder(net(), input=SPEC, name="mine")], cached_only=True, **options)
    assert list(again.key) == list(table.key)
    other = bench.run(methods=bench.encoder(net(1), input=SPEC, name="mine"), cached_only=True, **options)
    assert other.empty
    from bench.cells.result import read_results

    (result,) = read_results(workspace.results)
    assert (row_of(result).group, row_of(result).label) == (OWN, "mine")
    with pytest.raises(ConfigError, match="mine is a module of this process, which workers cannot load"):
        bench.run(methods=mine, jobs=2, **options)
    with pytest.raises(ConfigError, match="2 errors:(?s:.*)nothing runs in mode knn(?s:.*)which workers cannot load"):
        bench.run(methods=mine, jobs=2, **(options | {"settings": {"knn.k": 3}}))
    with pytest.raises(
        ConfigError, match="cannot answer scratch; it offers attentive, finetune, knn, kshot, layer, linear, lora"
    ):
        bench.run(methods=mine, **(options | {"modes": "scratch", "settings": None}))


def test_a_module_that_does_not_pool_is_explained():
    mine = bench.encoder(nn.Conv1d(12, 4, 3), input=SPEC, name="mine")
    with pytest.raises(
        ConfigError, match=r"returned \[2, 4, 248\] for signals of shape \[2, 12, 250\]; expected \[2, dim\]"
    ):
        mine.transform(np.zeros((2, 12, 250)) + np.sin(np.arange(250)))


MINE = '''
import torch
from bench.method import Method
from bench.signals.input_spec import InputSpec

class Mine(Method):
    """The mean of each lead.

    Source: nobody, 2024.
    """
    name = "my-means"
    input = InputSpec(fs=100, seconds=2.5, normalise="none")
    def encode(self, batch):
        return batch.ecg.mean(-1)
'''


def test_a_class_in_a_file_is_a_method_also_of_worker_processes(tmp_path, workspace):
    (tmp_path / "own_means.py").write_text(MINE)
    name = f"{tmp_path / 'own_means.py'}:Mine"
    assert registry.match(registry.METHODS, [name, "kmerl"]) == ["my-means", "kmerl"]
    assert registry.match(registry.METHODS, [name.removesuffix(":Mine")]) == ["my-means"]
    entry = registry.entries(registry.METHODS)["my-means"]
    assert entry.year == 2024
    assert {"finetune", "knn", "linear", "scratch"} < set(registry.modes_of(entry))
    with safe_children():  # with a time limit, the cell is computed in a worker process
        table = bench.run(
            methods=name, tasks="ptbxl-super", modes="linear", settings={"linear.epochs": 1}, track=False, time_limit="1h",
            workspace=workspace.root, simulated_records=120,
        )  # fmt: skip
    assert table.attrs["failures"] == {}
    from bench.cells.result import read_results

    result = next(iter(read_results(workspace.results)))
    assert result.provenance["method_file"] == "own_means.py:Mine"
    assert (row_of(result).group, row_of(result).label) == (OWN, "my-means")


@pytest.mark.parametrize(
    ("file", "content", "words"),
    [
        ("absent.py:Mine", None, "no file at "),
        ("own_a.py:Other", MINE, "it has no such class"),
        (
            "own_b.py",
            MINE + MINE.replace("Mine", "Two").replace("my-means", "two"),
            "several methods .Mine, Two.; name one",
        ),
        ("own_c.py", MINE.replace("my-means", "kmerl"), "ecg-bench has a method named 'kmerl'"),
        ("torch.py", MINE, "Python imports .* as torch. Rename torch.py"),
        ("own-d.py", MINE, "own-d.py is no module name"),
    ],
)
def test_a_file_that_is_no_method_is_refused(tmp_path, file, content, words):
    if content:
        Path(tmp_path, file.partition(":")[0]).write_text(content)
    with pytest.raises(ConfigError, match=f"^method {tmp_path / file}: .*{words}"):  # also for users of Python
        registry.match(registry.METHODS, [f"{tmp_path / file}"])
