"""The description of a run in MLflow: the command in it repeats the cell."""

import dataclasses

import pytest

from bench.tracking.description import command_of, describe
from bench.tracking.run_fields import run_name, tags_of

SET = ["pretrain.epochs=2", "knn.k=5", "linear.epochs=3", "simclr.width=8", "backbone=vit-tiny"]


@pytest.fixture
def with_settings(make_result):
    """A function that makes a result of a run of several methods and modes."""

    def make(method, **keywords):
        result = make_result(method, data="simulated", profile="smoke", **keywords)
        more = {"overrides": SET, "simulated_records": 120}
        config = result.config | {"method": {"backbone": "vit-tiny", "pretrain": {"epochs": 2}}}
        return dataclasses.replace(result, config=config, provenance=result.provenance | more)

    return make


def test_the_command_and_the_name_have_only_settings_that_the_cell_reads(with_settings):
    """bench run refuses the others: they have no effect on this cell alone."""
    pretrained, untrained = with_settings("kmerl"), with_settings("random-resnet", corpus=None)
    assert command_of(pretrained).endswith(
        "--set pretrain.epochs=2 --set linear.epochs=3 --set backbone=vit-tiny --corpus mimic-ecg --simulated-records 120"
    )
    assert command_of(untrained) == (
        "bench run --method random-resnet --task ptbxl-super --mode linear --seed 0 --profile smoke "
        "--set linear.epochs=3 --set backbone=vit-tiny --simulated-records 120"
    )
    assert tags_of(untrained)["overrides"] == "linear.epochs=3 backbone=vit-tiny"
    assert run_name(untrained) == "random-resnet · linear · ptbxl-super · linear.epochs=3 · backbone=vit-tiny"
    assert "settings that differ from the profile: linear.epochs=3 backbone=vit-tiny" in describe(untrained)


def test_the_command_of_a_class_in_a_file_names_the_file(with_settings):
    result = with_settings("my-means", corpus=None)
    result.provenance["method_file"] = "own_means.py:Mine"
    assert command_of(result).startswith("bench run --method ./own_means.py:Mine --task ptbxl-super ")
    assert "Repeat it in the folder of own_means.py:" in describe(result)


def test_a_module_of_a_notebook_is_repeated_by_a_call(make_result):
    result = make_result("mine", corpus=None, data="simulated", config={"name": "mine", "sha256": "0" * 64})
    result.provenance.update(overrides=["linear.epochs=1"], simulated_records=120)
    assert command_of(result) == (
        "bench.run(methods=bench.encoder(module, input=InputSpec(...), name='mine'), tasks='ptbxl-super', modes='linear', "
        "profile='paper', seeds=0, settings={'linear.epochs': 1}, simulated_records=120)"
    )
