"""Copy a study to MLflow: one run for the study, and one nested run per trial. The study's storage is authoritative."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from bench.progress import say
from bench.redaction import redact
from bench.storage.workspace import Workspace
from bench.sweep.trials import ERROR
from bench.tracking.connection import TrackingError, writer_at

if TYPE_CHECKING:
    from mlflow.entities import Run
    from mlflow.tracking import MlflowClient
    from optuna import Study
    from optuna.trial import FrozenTrial

EXPERIMENT = "bench-sweeps"
STUDY_TAG, TRIAL_TAG = "bench.study", "bench.trial"


def mirror_study(workspace: Workspace, study: Study, trials: Sequence[FrozenTrial], best: FrozenTrial) -> None:
    """Log the finished trials that MLflow does not hold yet; a server that is down costs a warning."""
    try:
        with writer_at(workspace.tracking_uri, workspace.sweeps, EXPERIMENT) as (client, experiment):
            _log(client, experiment, study, trials, best)
    except TrackingError as error:
        say(f"warning: {error}")


def _log(client: MlflowClient, experiment: str, study: Study, trials: Sequence[FrozenTrial], best: FrozenTrial) -> None:
    name = study.study_name
    known = _runs(client, experiment, f"tags.`{STUDY_TAG}` = '{name}'")
    parent = next((run for run in known if TRIAL_TAG not in run.data.tags), None)
    if parent is None:
        facts = study.user_attrs
        parent = client.create_run(experiment, run_name=name, tags={STUDY_TAG: name} | _text(facts))
    there = {run.data.tags.get(TRIAL_TAG) for run in known if run.info.status in ("FINISHED", "FAILED")}
    number = parent.info.run_id
    for index, trial in enumerate(trials):
        if str(trial.number) not in there:
            _log_trial(client, experiment, name, number, index, trial)
    client.set_tag(number, "best.trial", str(best.number))
    for field, value in best.params.items():
        client.set_tag(number, f"best.{field}", str(value))
    assert best.value is not None
    client.log_metric(number, "best_value", best.value, step=len(trials))
    client.set_terminated(number, "FINISHED")


def _log_trial(client: MlflowClient, experiment: str, study: str, parent: str, index: int, trial: FrozenTrial) -> None:
    from mlflow.entities import Metric, Param

    start = int(trial.datetime_start.timestamp() * 1000) if trial.datetime_start else 0
    end = int(trial.datetime_complete.timestamp() * 1000) if trial.datetime_complete else start
    tags = {
        STUDY_TAG: study,
        TRIAL_TAG: str(trial.number),
        "mlflow.parentRunId": parent,
        "state": trial.state.name.lower(),
    }
    if ERROR in trial.user_attrs:
        tags["error"] = redact(str(trial.user_attrs[ERROR]))
    run = client.create_run(experiment, start_time=start, run_name=f"trial {index + 1}", tags=tags)
    number = run.info.run_id
    metrics = [Metric("validation", value, end, epoch) for epoch, value in trial.intermediate_values.items()]
    if trial.value is not None:
        metrics.append(Metric("value", trial.value, end, 0))
    client.log_batch(number, params=[Param(field, str(value)) for field, value in trial.params.items()])
    for first in range(0, len(metrics), 1000):
        client.log_batch(number, metrics=metrics[first : first + 1000])
    client.set_terminated(number, "FAILED" if ERROR in trial.user_attrs else "FINISHED", end)


def _runs(client: MlflowClient, experiment: str, which: str) -> list[Run]:
    runs: list[Run] = []
    token: Any = None
    while token != "":
        page = client.search_runs([experiment], which, max_results=1000, page_token=token)
        runs += page
        token = page.token or ""
    return runs


def _text(facts: dict[str, Any]) -> dict[str, str]:
    return {name: redact(value if isinstance(value, str) else json.dumps(value)) for name, value in facts.items()}
