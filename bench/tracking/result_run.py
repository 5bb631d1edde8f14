"""A finished cell as a run in MLflow, linked to the runs of its checkpoint and its sweep."""

from __future__ import annotations

import contextlib
import tempfile
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench.cells.result import CURVE, HISTORY, Result
from bench.errors import BenchError, DataError
from bench.tracking.connection import MODEL_TRAINING_PAGES
from bench.tracking.datasets import datasets_of, log_inputs
from bench.tracking.description import describe
from bench.tracking.figures import PAGE, figures_page
from bench.tracking.pretraining import MODEL_TAG, PretrainingRun, run_of_checkpoint
from bench.tracking.run_fields import (
    LONGEST_TAG,
    TYPE_TAG,
    curves_of,
    metrics_of,
    params_of,
    run_name,
    run_span,
    tags_of,
)

if TYPE_CHECKING:
    from mlflow.entities import Run
    from mlflow.tracking import MlflowClient

FILES = ("result.json", "predictions.parquet")
STUDY_TAG = "bench.study"
PARENT_TAG = "mlflow.parentRunId"
_MOST = 800
"""Metrics that are sent in one call with params and tags; MLflow takes 1,000 of all together."""


_of_thread = threading.local()


@dataclass(frozen=True)
class Links:
    """Runs that the runs of cells belong to.

    Attributes:
        checkpoints: by the checkpoint's key.
        studies: the runs of sweeps, by the study's name.
    """

    checkpoints: Mapping[str, PretrainingRun]
    studies: Mapping[str, str]

    @classmethod
    def of(cls, client: MlflowClient, experiment: str, results: Iterable[Result], log_models: bool) -> Links:
        """Those of some results; checkpoints that are here are logged first."""
        results = list(results)
        return cls(_checkpoints(client, experiment, results, log_models), _studies(client, experiment, results))


def link(experiment: str, text: str, run: str) -> str:
    """Markdown that MLflow's pages follow to a run, in their view of model training."""
    return f"[{text}](#/experiments/{experiment}/runs/{run}?{MODEL_TRAINING_PAGES})"


def files_of(result: Result) -> list[str]:
    """Files of a result in addition to those that every result has."""
    return [name for name in (HISTORY, CURVE) if name in (result.provenance.get("files") or {})]


def _checkpoints(
    client: MlflowClient, experiment: str, results: Iterable[Result], log_models: bool
) -> dict[str, PretrainingRun]:
    """The runs of the results' checkpoints, by key; those whose folders are here are logged first."""
    runs: dict[str, PretrainingRun] = {}
    for result in results:
        key, name = str(result.checkpoint.get("key") or ""), str(result.checkpoint.get("name") or "")
        if not key or key in runs:
            continue
        assert result.folder is not None
        run = PretrainingRun(result.folder.parent.with_name("checkpoints") / name)
        if name and (run.final / "provenance.json").is_file():
            with contextlib.suppress(DataError):  # an altered checkpoint is refused where it is used
                run.send(client, experiment, log_models)
        elif (logged := run_of_checkpoint(client, experiment, key)) is not None:
            run.run_id, run.model_id = logged.info.run_id, logged.data.tags.get(MODEL_TAG, "")
        runs[key] = run
    return runs


def _studies(client: MlflowClient, experiment: str, results: Iterable[Result]) -> dict[str, str]:
    """The run of each sweep that chose a result's settings."""
    names = {study_of(result) for result in results} - {""}
    return {name: run.info.run_id for name in names if (run := study_run(client, experiment, name)) is not None}


def study_of(result: Result) -> str:
    """The study that chose a result's settings; empty for none."""
    return str((result.provenance.get("sweep") or {}).get("study") or "")


def study_run(client: MlflowClient, experiment: str, study: str) -> Run | None:
    """The run of a sweep, by its study's name."""
    wanted = f"tags.`{STUDY_TAG}` = '{study}' AND tags.`{TYPE_TAG}` = 'sweep'"
    runs = client.search_runs([experiment], wanted, max_results=1)
    return runs[0] if runs else None


def log_result(client: MlflowClient, experiment: str, result: Result, links: Links, run: Run | None = None) -> None:
    """Log a cell, in the run that an interrupted writer left if there is one."""
    from mlflow.entities import LoggedModelInput, Metric, Param, RunTag

    start, end = run_span(result)
    tags = tags_of(result)
    checkpoint = links.checkpoints.get(str(result.checkpoint.get("key")))
    study = study_of(result)
    shown = {}
    if checkpoint is not None and checkpoint.run_id:
        name = str(result.checkpoint.get("name") or "pretraining")
        shown["Checkpoint"] = link(experiment, name, checkpoint.run_id)
    if study in links.studies:
        tags[PARENT_TAG] = links.studies[study]
        shown["Sweep"] = link(experiment, study, links.studies[study])
    tags["mlflow.note.content"] = describe(result, shown)[:LONGEST_TAG]
    if run is None:
        # of a new run the store does not check the tags' lengths
        short = {name: value for name, value in tags.items() if len(value) <= LONGEST_TAG}
        run = client.create_run(experiment, start_time=start, tags=short, run_name=run_name(result))
        tags = {name: value for name, value in tags.items() if name not in short}
    number = run.info.run_id
    metrics = [Metric(name, value, end, 0) for name, value in metrics_of(result).items()]
    metrics += [Metric(name, value, end, epoch) for name, value, epoch in curves_of(result)]
    params = [Param(name, value) for name, value in params_of(result).items()]
    client.log_batch(number, metrics[:_MOST], params, [RunTag(name, value) for name, value in tags.items()])
    for first in range(_MOST, len(metrics), 1000):
        client.log_batch(number, metrics[first : first + 1000])
    models = [LoggedModelInput(checkpoint.model_id)] if checkpoint is not None and checkpoint.model_id else []
    log_inputs(client, number, datasets_of(result), models)
    _send_files(client, run, result)
    client.set_terminated(number, "FINISHED", end)


def _send_files(client: MlflowClient, run: Run, result: Result) -> None:
    """Copy a result's files and its figures to a run.

    ``MlflowClient.log_artifact`` asks the store for the whole run before it sends the first file, which takes an eighth of
    the time of a push. The run's address is known here.
    """
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

    repository = get_artifact_repository(run.info.artifact_uri, tracking_uri=client.tracking_uri)
    assert result.folder is not None
    for name in (*FILES, *files_of(result)):
        repository.log_artifact(str(result.folder / name))
    with contextlib.suppress(
        BenchError
    ):  # a kind that is not installed here, or altered predictions: pull refuses those
        if page := figures_page(result):
            file = _scratch() / PAGE
            file.write_text(page, encoding="utf-8")
            repository.log_artifact(str(file))


def _scratch() -> Path:
    """A folder of this thread for a file to be sent; it goes with the process. One per run would cost as much as a file."""
    if not hasattr(_of_thread, "folder"):
        _of_thread.folder = tempfile.TemporaryDirectory(prefix="bench-figures-")
    return Path(_of_thread.folder.name)
