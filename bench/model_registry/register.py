"""Register a checkpoint as a version of a model."""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bench import registry
from bench.errors import ConfigError
from bench.model_registry.predict import Predictor, as_rows
from bench.signals.leads import LEADS
from bench.storage.workspace import Workspace
from bench.task import ClassName
from bench.tracking.connection import EXPERIMENT, writer_at
from bench.tracking.pretraining import CHECKPOINT_TAG, PretrainingRun
from bench.training.checkpoint_files import check_readable, read_provenance

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

CODE = Path(__file__).with_name("served_model.py")


@dataclass(frozen=True)
class Registered:
    """A version of a registered model.

    Attributes:
        uri: what ``mlflow.pyfunc.load_model`` takes.
        output: what the model returns, in words.
    """

    name: str
    version: str
    uri: str
    output: str


def register(name: str, folder: Path, workspace: Workspace, uri: str, fs: float = 500.0, task: str = "") -> Registered:
    """Make the next version of the model ``name`` from a checkpoint.

    The version belongs to the checkpoint's pretraining run, and has its key and digest as tags.

    Args:
        fs: Hz of the recordings that the model will be given.
        task: whose classes it scores from their names in words; empty for features.

    Raises:
        ConfigError: the method cannot do that. DataError: no readable checkpoint. TrackingError: MLflow failed.
    """
    check_readable(folder)
    facts = read_provenance(folder)
    classes = _classes(task) if task else []
    predictor = Predictor(facts["method"], folder, fs, classes)
    silent = np.zeros((1, len(LEADS), round(10 * fs)), np.float32)
    width = predictor(silent).shape[1]
    codes = [name.code for name in classes]
    output = f"scores of {', '.join(codes)}" if classes else f"{width} features"
    with writer_at(uri, workspace.checkpoints, EXPERIMENT) as (client, experiment):
        run = PretrainingRun(folder)
        run.send(client, experiment)
        import mlflow
        from mlflow.models import ModelSignature
        from mlflow.types import Schema, TensorSpec

        of = TensorSpec(
            np.dtype(np.float64 if classes else np.float32), (-1, width), "scores" if classes else "features"
        )
        signature = ModelSignature(
            inputs=Schema([TensorSpec(np.dtype(np.float32), (-1, len(LEADS), -1))]), outputs=Schema([of])
        )
        with _tracking_at(uri), _active(client, run.run_id):
            logged = mlflow.pyfunc.log_model(
                name=name,
                python_model=str(CODE),
                artifacts={"checkpoint": str(folder)},
                model_config={"method": facts["method"], "fs": fs, "classes": as_rows(classes)},
                signature=signature,
                pip_requirements=[f"ecg-bench=={importlib.metadata.version('ecg-bench')}"],
                registered_model_name=name,
                metadata={
                    "input": "ECG recordings, [record, lead, time]",
                    "unit": "mV",
                    "fs_hz": fs,
                    "leads": list(LEADS),
                    "output": output,
                    "classes": codes,
                },
            )
        version = str(logged.registered_model_version)
        for tag in (CHECKPOINT_TAG, "weights_sha256", "method"):
            client.set_model_version_tag(name, version, tag, facts["key" if tag == CHECKPOINT_TAG else tag])
        about = f"{facts['method']}: recordings in mV at {fs:g} Hz, leads {', '.join(LEADS)} -> {output}."
        client.update_model_version(name, version, about)
    return Registered(name, version, f"models:/{name}/{version}", output)


@contextlib.contextmanager
def _active(client: MlflowClient, run_id: str) -> Iterator[None]:
    """Make a run MLflow's active one. MLflow then takes it for running, and ended now: its status and end are restored."""
    import mlflow

    before = client.get_run(run_id).info
    try:
        with mlflow.start_run(run_id=run_id):
            yield
    finally:
        client.set_terminated(run_id, before.status, before.end_time)


@contextlib.contextmanager
def _tracking_at(uri: str) -> Iterator[None]:
    """Set MLflow's tracking URI, and restore it. MLflow keeps it in the environment, where later runs of this process would
    find it."""
    import mlflow

    before = os.environ.get("MLFLOW_TRACKING_URI")
    mlflow.set_tracking_uri(uri)
    try:
        yield
    finally:
        mlflow.set_tracking_uri(before)  # type: ignore[arg-type]  # None: MLflow's default again


def _classes(task: str) -> list[ClassName]:
    """The classes of a task, in its order."""
    asked = registry.load(registry.TASKS, task)()
    classes = asked.class_names
    if not classes or not asked.in_words:
        raise ConfigError(f"--task {task}: the task has no classes in words. Leave it out to register features.")
    return classes
