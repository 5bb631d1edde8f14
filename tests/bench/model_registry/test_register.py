"""A checkpoint as a version of a registered model, opened as MLflow's users do."""

import os

import numpy as np
import pytest

from bench import registry
from bench.errors import ConfigError
from bench.frozen_encoder import FrozenEncoder
from bench.model_registry.predict import Predictor
from bench.model_registry.register import register
from bench.storage.workspace import Workspace
from bench.task import ClassName
from bench.training.checkpoint import CheckpointSpec, seeded_method, write_checkpoint


@pytest.fixture
def checkpoint(small, tmp_path):
    cls = registry.load(registry.METHODS, "small")
    spec = CheckpointSpec(cls, cls.Config(), {"dataset": "ptbxl", "store": "ab", "data": "simulated"})
    folder = spec.folder(tmp_path / "checkpoints")
    method = seeded_method(cls, spec.config, 0)
    write_checkpoint(
        spec, folder, method, dict(method.state_dict()), {"records": {"train": 8}, "steps": 1}, [{"epoch": 1}]
    )
    return folder


@pytest.mark.slow
def test_a_registered_model_gives_the_encoders_features_from_millivolts(checkpoint, tmp_path):
    import mlflow

    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    made = register("ecg", checkpoint, Workspace(tmp_path), uri, fs=250)
    assert register("ecg", checkpoint, Workspace(tmp_path), uri, fs=250).version == "2"
    assert "MLFLOW_TRACKING_URI" not in os.environ  # or the next run of this process would be logged there
    mlflow.set_tracking_uri(uri)
    try:
        model = mlflow.pyfunc.load_model(made.uri)
        signals = np.random.default_rng(0).normal(size=(3, 12, 600)).astype(np.float32)
        expected = FrozenEncoder("small", fs=250, checkpoint=checkpoint).transform(signals)
        np.testing.assert_array_equal(model.predict(signals), expected)
        assert model.metadata.metadata["unit"] == "mV"
        assert model.metadata.metadata["fs_hz"] == 250
        assert model.metadata.signature.inputs.inputs[0].shape == (-1, 12, -1)
        assert model.metadata.signature.outputs.inputs[0].shape == (-1, 4)
        with pytest.raises(Exception, match="shape"):
            model.predict(signals[:, :5])
        client = mlflow.MlflowClient(uri)
        version = client.get_model_version("ecg", made.version)
        assert "mV" in version.description
        assert version.tags["method"] == "small"
        run = client.get_run(version.run_id).info  # MLflow starts it once more to register a model
        ended = (checkpoint / "provenance.json").stat().st_mtime
        assert (run.status, run.end_time) == ("FINISHED", int(1000 * ended))
        assert not [path for path in tmp_path.rglob("*") if path.suffix in (".pkl", ".pickle", ".pt")]
    finally:
        mlflow.set_tracking_uri(None)


READER = """
    import torch
    from bench.method import Method
    from bench.signals.input_spec import InputSpec
    class Reader(Method):
        '''Scores a class by the length of its words. Source: this test.'''
        name = "reader"
        input = InputSpec(fs=100, seconds=1)
        def build(self, config):
            self.net = torch.nn.Linear(1, 1)
        def encode(self, batch):
            return batch.ecg.mean(2)
        def zero_shot(self, batch, class_names):
            return torch.tensor([[float(len(name)) for name in class_names]] * len(batch))
"""


@pytest.mark.slow
def test_a_registered_model_scores_the_classes_in_the_tasks_order(plugin, tmp_path):
    import mlflow

    plugin("reads", READER)
    cls = registry.load(registry.METHODS, "reader")
    spec = CheckpointSpec(cls, cls.Config(), {"dataset": "ptbxl", "store": "ab", "data": "simulated"})
    folder = spec.folder(tmp_path / "checkpoints")
    method = seeded_method(cls, spec.config, 0)
    write_checkpoint(spec, folder, method, dict(method.state_dict()), {"records": {"train": 8}, "steps": 1}, [])
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    made = register("reader", folder, Workspace(tmp_path), uri, task="ptbxl-super")
    task = registry.load(registry.TASKS, "ptbxl-super")()
    assert sorted(task.classes) != list(task.classes)  # or this test could not see that they were sorted
    assert made.output == f"scores of {', '.join(task.classes)}"
    mlflow.set_tracking_uri(uri)
    try:
        model = mlflow.pyfunc.load_model(made.uri)
        scores = model.predict(np.random.default_rng(0).normal(size=(2, 12, 5000)).astype(np.float32))
    finally:
        mlflow.set_tracking_uri(None)
    assert scores.tolist() == [[float(len(words)) for words in task.classes.values()]] * 2
    assert model.metadata.metadata["classes"] == list(task.classes)


def test_classes_are_refused_of_a_method_that_cannot_read_them(checkpoint):
    with pytest.raises(ConfigError, match="simclr cannot score classes from their names"):
        Predictor("simclr", checkpoint, 500, [ClassName("normal ECG", "NORM")])
