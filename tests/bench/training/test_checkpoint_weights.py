"""Weights of a checkpoint in a method: read as a whole, or tensor by tensor where they are many."""

import hashlib
import json

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from bench.errors import DataError
from bench.method import Method
from bench.storage.large_array import return_free_memory
from bench.training import checkpoint_files


class Normed(Method):
    """A convolution and its norm, whose count of batches is no float."""

    name = "normed"
    width = 4

    def build(self, config):
        self.net = nn.Sequential(nn.Conv1d(12, self.width, 3), nn.BatchNorm1d(self.width))

    def encode(self, batch):
        return self.net(batch.ecg).mean(-1)


class Wider(Normed):
    width = 8


@pytest.fixture(params=[0, checkpoint_files.LARGE], ids=["one by one", "whole"])
def folder(request, tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoint_files, "LARGE", request.param)
    torch.manual_seed(1)
    method = Normed()
    method.net.train()(torch.randn(3, 12, 20))
    save_file(method.state_dict(), tmp_path / checkpoint_files.WEIGHTS)
    written = hashlib.sha256((tmp_path / checkpoint_files.WEIGHTS).read_bytes()).hexdigest()
    facts = {"key": "k", "method": "normed", "weights_sha256": written, "corpus": {}}
    (tmp_path / "provenance.json").write_text(json.dumps(facts))
    return tmp_path, method.state_dict()


def test_every_tensor_is_the_files(folder):
    place, state = folder
    torch.manual_seed(2)
    method = Normed()
    checkpoint_files.load_weights(method, place)
    assert all(torch.equal(tensor, state[name]) for name, tensor in method.state_dict().items())
    assert method.state_dict()["net.1.num_batches_tracked"] == 1
    assert all(parameter.requires_grad for parameter in method.parameters())


def test_weights_of_another_architecture_are_refused(folder):
    place, _ = folder
    with pytest.raises(DataError, match="another architecture than normed's config describes"):
        checkpoint_files.load_weights(Wider(), place)


def test_freed_memory_can_be_returned_on_any_system():
    return_free_memory()
