"""The contract of a method: modes follow from what is implemented, and a slip is told at once."""

import pytest
import torch
from torch import nn

from bench.batch import ECGBatch
from bench.method import Method, MethodConfig


class Encodes(Method):
    name = "encodes"

    def encode(self, batch):
        return batch.ecg.mean(-1)


def test_modes_follow_from_what_is_implemented():
    assert Encodes.modes() == ("linear", "knn", "finetune", "scratch")
    assert Method.modes() == ()
    assert not Encodes.implements("pretraining_loss")
    with pytest.raises(TypeError, match="encodes cannot answer zero-shot"):
        Encodes().zero_shot(ECGBatch(torch.zeros(1, 12, 5), torch.ones(1, 12).bool(), torch.arange(1)), [])


def test_a_module_that_hides_part_of_the_contract_is_refused():
    class Hides(Encodes):
        def build(self, config):
            self.head = nn.Linear(2, 2)

    with pytest.raises(TypeError, match=r"Hides.head is part of the contract.*another name"):
        Hides()


def test_a_config_field_nobody_has_is_refused():
    with pytest.raises(ValueError, match="Extra inputs are not permitted"):
        MethodConfig(epochs=3)
