"""Two processes with half a batch each have the loss and the gradient of one with the whole."""

import importlib
import json
import sys
from pathlib import Path

import pytest
import torch

from bench import registry
from bench.runner.overrides import method_config
from bench.training.devices import Devices
from bench.training.launch import in_processes

sys.path.append(str(Path(__file__).parent))  # both processes import the cases by this name, too
steps = importlib.import_module("two_processes")


@pytest.fixture(scope="module")
def found(forked_processes, smallest, tmp_path_factory):
    configs, folder = {}, tmp_path_factory.mktemp("two")
    for case, fields in steps.CASES.items():
        config = smallest(method_config(registry.load(registry.METHODS, case.partition(" ")[0]), "smoke"))
        configs[case] = config.model_validate(config.model_dump() | fields)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("methods.text.tower.text_encoder", steps.Words)
        torch.save({case: steps.one_step(case, config) for case, config in configs.items()}, folder / "alone.pt")
    in_processes(Devices(2), steps.compare, folder, configs)
    return json.loads((folder / "found.json").read_text())


@pytest.mark.parametrize("case", steps.CASES)
def test_two_processes_have_the_loss_and_gradient_of_one(found, case):
    assert found[case]["weights"] > 0
    assert found[case]["loss"] < 1e-6
    assert found[case]["gradient"] < 1e-6
