"""The contract of a method: modes follow from what is implemented, and a mistake is reported at once."""

from typing import ClassVar

import pytest
import torch
from torch import nn

from bench.batch import ECGBatch
from bench.method import Method, MethodConfig
from bench.runner.overrides import method_config, profile_note


class Encodes(Method):
    name = "encodes"

    def encode(self, batch):
        return batch.ecg.mean(-1)


def test_modes_follow_from_what_is_implemented():
    assert {"finetune", "knn", "linear", "scratch"} < set(Encodes.modes())
    assert Method.modes() == ()
    assert not Encodes.implements("pretraining_loss")
    with pytest.raises(TypeError, match="encodes cannot answer zero-shot"):
        Encodes().zero_shot(ECGBatch(torch.zeros(1, 12, 5), torch.ones(1, 12).bool(), torch.arange(1)), [])


def test_the_profile_small_is_that_of_the_class_that_states_the_networks():
    class Wide(Encodes):
        name = "wide"
        smoke: ClassVar = {"width": 4, "pretrain.epochs": 2}

        class Config(MethodConfig):
            width: int = 64

    class Settled(Wide):
        small: ClassVar = {"width": 8, "pretrain.epochs": 30}

    class OtherNetwork(Settled):
        smoke: ClassVar = {"width": 2}

    def widths(method):
        return [method_config(method, profile).width for profile in ("paper", "small", "smoke")]

    assert widths(Wide) == [64, 4, 4]
    assert "those of smoke" in profile_note(Wide, method_config(Wide, "small"), "small", 1282)
    assert widths(Settled) == [64, 8, 4]
    assert method_config(Settled, "small").pretrain.epochs == 30
    assert profile_note(Settled, method_config(Settled, "small"), "small", 1282) == ""
    assert widths(OtherNetwork) == [64, 2, 2]


def test_embeddings_and_their_loss_give_the_pretraining_loss():
    class InParts(Encodes):
        def pretraining_embeddings(self, batch):
            return {"ecg": self.encode(batch)}

        def loss_of_embeddings(self, embeddings):
            return {"size": embeddings["ecg"].square().mean()}

    assert InParts.implements("pretraining_loss")
    assert not InParts.implements("fit")
    batch = ECGBatch(torch.full((1, 12, 5), 3.0), torch.ones(1, 12).bool(), torch.arange(1))
    assert InParts().pretraining_loss(batch)["size"] == 9
    with pytest.raises(TypeError, match="encodes has no pretraining objective"):
        Encodes().pretraining_loss(batch)


def test_a_module_that_hides_part_of_the_contract_is_refused():
    class Hides(Encodes):
        def build(self, config):
            self.head = nn.Linear(2, 2)

    with pytest.raises(TypeError, match=r"Hides.head is part of the contract.*another name"):
        Hides()


def test_a_config_field_nobody_has_is_refused():
    with pytest.raises(ValueError, match="Extra inputs are not permitted"):
        MethodConfig(epochs=3)
