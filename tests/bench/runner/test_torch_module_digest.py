"""The digest of a module: the same for the same module, another for whatever changes what it returns."""

import functools
import importlib.util
import itertools
import linecache
import sys
import threading
import types

import numpy as np
import pytest
import torch
from torch import nn

from bench.errors import ConfigError
from bench.runner.torch_module_digest import torch_module_digest

NUMBERS = itertools.count()


class Net(nn.Module):
    def __init__(self, stride=5, **attributes):
        super().__init__()
        self.conv = nn.Conv1d(12, 4, 9, stride=stride)
        self.power = 1.0
        for name, value in attributes.items():
            setattr(self, name, value)

    def forward(self, signals):
        return self.conv(signals).abs().mean(-1) ** self.power


def net(seed=0, **arguments) -> Net:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return Net(**arguments)


def with_hook(module: nn.Module, hook) -> nn.Module:
    module.register_forward_hook(hook)
    return module


def with_buffer(value: float) -> nn.Module:
    module = net()
    module.register_buffer("shift", torch.full((2,), value), persistent=False)
    return module


def digests(*modules: nn.Module) -> list[str]:
    return [torch_module_digest(module) for module in modules]


def in_notebook_cell(factor: int) -> nn.Module:
    """A module as a notebook makes it: its class is in ``__main__``, which has no file, and its text in linecache."""
    text = (
        f"class Other:\n    pass\n\n\n"
        f"class Scale(nn.Module):\n    def forward(self, signals):\n        return {factor} * signals\n"
    )
    name = f"/tmp/ipykernel_1/{factor}.py"
    linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
    cell = types.ModuleType("cell_without_a_file")
    sys.modules[cell.__name__] = cell
    vars(cell)["nn"] = nn
    exec(compile(text, name, "exec"), vars(cell))
    return cell.Scale()


def test_a_class_of_a_notebook_cell_counts_by_its_code():
    first, again, other = digests(in_notebook_cell(2), in_notebook_cell(2), in_notebook_cell(3))
    assert first == again != other


def test_weights_structure_and_simple_attributes_count():
    modules = [net(), net(1), net(stride=4), net(power=2.0), nn.Sequential(net()), net().to(torch.float64)]
    assert len(set(digests(*modules))) == len(modules)
    assert torch_module_digest(net()) == torch_module_digest(net())


@pytest.mark.parametrize(
    "make",
    [
        lambda n: net(x=[1, n]),
        lambda n: net(x={"a": {"b": n}}),
        lambda n: net(x={1, n}),
        lambda n: net(x=torch.tensor([0.0, n])),
        lambda n: net(x=torch.tensor([1.0, n], dtype=torch.bfloat16)),
        lambda n: net(x=torch.tensor([1.0, n]).to_sparse()),
        lambda n: net(x=np.array([1, n])),
        lambda n: net(x=np.float32(n)),
        lambda n: net(x=float("nan") if n == 2 else float("inf")),
        lambda n: net(x=10**5000 + n),
        lambda n: net(x=[torch.full((2,), n)]),
        lambda n: net(x=functools.partial(torch.roll, shifts=n)),
        lambda n: net(x=lambda signal: signal * n),
        lambda n: net(x=torch.relu if n == 2 else torch.tanh),
        lambda n: net(x=[nn.Threshold(n, 0)]),
        lambda n: with_buffer(n),
        lambda n: with_hook(net(), (lambda *given: None) if n == 2 else (lambda *given: given[2] * 2)),
        lambda n: nn.LSTM(n, 2) if n == 2 else nn.LSTM(n, 2, batch_first=True),
        lambda n: torch.jit.script(nn.ReLU() if n == 2 else nn.Tanh()),
    ],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore:.torch.jit")
def test_attributes_of_any_kind_count(make):
    def drawn(n):
        with torch.random.fork_rng():
            torch.manual_seed(0)
            return make(n)

    assert len(set(digests(drawn(2), drawn(2)))) == 1
    assert len(set(digests(drawn(2), drawn(3)))) == 2


def test_the_order_of_a_set_does_not_count():
    one, other = {0, 8}, {8, 0}
    assert list(one) != list(other)
    assert len(set(digests(net(x=one), net(x=other)))) == 1


@pytest.fixture
def load(tmp_path, monkeypatch):
    """``load(code)``: the class ``Net`` of a new file with this code."""

    def net_of(code: str) -> type[nn.Module]:
        path = tmp_path / f"own_net_{next(NUMBERS)}.py"
        path.write_text(code)
        spec = importlib.util.spec_from_file_location(path.stem, path)
        module = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, path.stem, module)
        spec.loader.exec_module(module)
        return module.Net

    return net_of


CODE = """
from torch import nn
LIMIT = 1

def pooled(signals):
    return helped(signals)

def helped(signals):
    return signals.mean(-1)

class Base(nn.Module):
    def forward(self, signals):
        return self.scaled(pooled(signals)).clip(0, LIMIT)

class Net(Base):
    def scaled(self, signals):
        return signals
"""


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("return self.scaled(pooled(signals))", "return 2 * self.scaled(pooled(signals))"),
        ("signals.mean(-1)", "signals.amax(-1)"),
        ("LIMIT = 1", "LIMIT = 2"),
        ("        return signals\n", "        return -signals\n"),
    ],
    ids=["base class", "function of a function", "constant", "class"],
)
def test_code_that_the_module_reaches_counts(load, before, after):
    same, other, changed = digests(*(load(code)() for code in (CODE, CODE, CODE.replace(before, after))))
    assert same == other != changed


def test_two_classes_of_one_name_both_count(load):
    first, second, third = (load(CODE.replace("LIMIT = 1", f"LIMIT = {limit}")) for limit in (1, 2, 3))
    modules = [nn.Sequential(*parts) for parts in ((first(), second()), (first(), third()), (third(), second()))]
    assert len(set(digests(*modules))) == 3


def test_a_module_that_holds_itself_has_a_digest():
    module = net(x=[])
    module.x.append(module.x)
    assert torch_module_digest(module)


def hidden() -> nn.Module:
    scope = {"nn": nn}
    exec("class Hidden(nn.Module):\n    pass", scope)
    scope["Hidden"].__module__ = "nowhere"
    return scope["Hidden"]()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (hidden, "the source of Hidden cannot be read"),
        (lambda: net(x=[1, threading.Lock()]), r"Net.x\[1\] is a lock, which cannot be part of the key"),
        (lambda: nn.LazyLinear(2), "LazyLinear.weight has no values yet. Run the module once"),
        (lambda: nn.Linear(2, 2, device="meta"), "Linear.weight has no values yet"),
    ],
)
def test_what_cannot_be_keyed_is_refused_with_the_reason(make, words):
    with pytest.raises(ConfigError, match=words):
        torch_module_digest(make())
