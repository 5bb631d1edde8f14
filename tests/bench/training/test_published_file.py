"""The outer layouts of released weight files, as their authors' programs save them. The objects are made up here."""

import argparse
import collections
import sys
import types

import numpy as np
import pytest
import torch

from bench.errors import DataError
from bench.training.published_file import read_weights

TENSORS = {"first_conv.weight": torch.arange(6.0).reshape(2, 3), "first_conv.bias": torch.zeros(2)}


@pytest.fixture
def foreign(monkeypatch):
    """A class of a package that is not installed."""

    def make(path: str, base: type = object) -> type:
        module, _, name = path.rpartition(".")
        kind = type(name, (base,), {"__module__": module})
        parts = module.split(".")
        for depth in range(1, len(parts) + 1):
            package = ".".join(parts[:depth])
            if package not in sys.modules:
                monkeypatch.setitem(sys.modules, package, types.ModuleType(package))
        setattr(sys.modules[module], name, kind)
        return kind

    return make


def namespace() -> dict:
    return {
        "model": TENSORS,
        "optimizer": {"state": {}},
        "epoch": 200,
        "args": argparse.Namespace(lr=1e-3),
        "scaler": {},
    }


LAYOUTS = {
    "bare": lambda foreign: TENSORS,
    "st-mem": lambda foreign: {"model": TENSORS, "epoch": 1, "optimizer": {}, "scaler": {}, "config": {"a": [1, "b"]}},
    "ecg-jepa": lambda foreign: {"encoder": TENSORS, "epoch": 100},
    "ecgfounder": lambda foreign: {
        "epoch": 1,
        "step": 2,
        "state_dict": TENSORS,
        "optimizer": {},
        "scheduler": {"base": [0.1]},
        "val_auroc": np.float64(0.9),
    },
    "heartlang": lambda foreign: namespace(),
    "ecg-fm": lambda foreign: {
        "args": None,
        "cfg": {"model": {"name": "x"}},
        "model": TENSORS,
        "criterion": collections.OrderedDict(),
        "optimizer_history": [{"num_updates": 3}],
        "extra_state": {"metrics": np.float32(1)},
    },
    "melp": lambda foreign: lightning(foreign),
    "ecg-cpc": lambda foreign: omegaconf(foreign),
}


def lightning(foreign) -> dict:
    settings = foreign("lightning.fabric.utilities.data.AttributeDict", dict)(lr=np.float64(1e-4), name="melp")
    counts = collections.defaultdict(int, {"fit": 3})
    return {"state_dict": TENSORS, "hyper_parameters": settings, "callbacks": {}, "loops": {"fit_loop": {"n": counts}}}


def omegaconf(foreign) -> dict:
    kind, metadata, node = (
        foreign(f"omegaconf.{name}") for name in ("dictconfig.DictConfig", "base.ContainerMetadata", "nodes.AnyNode")
    )
    config, about, leaf = kind(), metadata(), node()
    leaf._val = 8
    about.object_type = dict
    config._content, config._metadata = {"layers": leaf}, about
    return {"state_dict": TENSORS, "hyper_parameters": config}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_tensors_of_each_released_layout_are_read(tmp_path, foreign, layout):
    torch.save(LAYOUTS[layout](foreign), tmp_path / "released.pth")
    tensors = read_weights(tmp_path / "released.pth")
    assert tensors.keys() == TENSORS.keys()
    assert all(torch.equal(tensors[name], value) for name, value in TENSORS.items())


def test_objects_of_other_classes_are_named_without_escape_codes_and_not_made(tmp_path, foreign):
    made = []
    kind = foreign("evil\x1b[31m.Kind")
    kind.__setstate__ = lambda self, state: made.append(state)
    thing = kind()
    thing.a = 1
    torch.save({"model": TENSORS, "config": thing}, tmp_path / "released.pth")
    with pytest.raises(DataError, match="holds objects of evil") as refusal:
        read_weights(tmp_path / "released.pth")
    assert "\x1b" not in str(refusal.value)
    assert "save its state_dict() with safetensors" in str(refusal.value)
    assert not made


def test_of_several_containers_the_one_that_is_named_is_read(tmp_path):
    content = {"model": {"head.weight": torch.ones(1)}, "ecg_model": TENSORS, "optimizer": {}}
    torch.save(content, tmp_path / "released.pth")
    assert read_weights(tmp_path / "released.pth").keys() == {"head.weight"}
    assert read_weights(tmp_path / "released.pth", "ecg_model").keys() == TENSORS.keys()
    with pytest.raises(DataError, match="expected names and tensors, under teacher"):
        read_weights(tmp_path / "released.pth", "teacher")


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.pth", b"<!DOCTYPE html><html>", "it is a web page or text: not a file of weights"),
        ("a.safetensors", b"version https://git-lfs.github.com/spec/v1\n", "it is a pointer of Git LFS"),
        ("a.h5", b"", "the file is empty"),
        ("a.pth", b"junk of another kind", "begins with the bytes 6a 75 6e 6b 20 6f 66 20"),
    ],
)
def test_a_file_of_another_kind_is_named(tmp_path, name, content, words):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=words) as refused:
        read_weights(tmp_path / name)
    assert "Error" not in str(refused.value)
