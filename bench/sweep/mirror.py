"""Copy a study to MLflow: one run for the study, and one nested run per trial. The study's storage is authoritative.

The results of the chosen setting are nested in the study's run, too (:mod:`bench.tracking.result_run`).
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bench.progress import counted, say
from bench.redaction import redact
from bench.storage.workspace import Workspace
from bench.sweep.trials import ERROR
from bench.tracking.connection import EXPERIMENT, TrackingError, writer_at
from bench.tracking.result_run import PARENT_TAG, STUDY_TAG, study_run
from bench.tracking.run_fields import CHOSEN_BY_TAG, TYPE_TAG, as_text

if TYPE_CHECKING:
    from mlflow.entities import Run
    from mlflow.tracking import MlflowClient
    from optuna import Study
    from optuna.trial import FrozenTrial

TRIAL_TAG = "bench.trial"


def mirror_study(
    workspace: Workspace, study: Study, trials: Sequence[FrozenTrial], best: FrozenTrial, budget: int
) -> None:
    """Log the finished trials that MLflow does not hold yet; a server that is down costs a warning.

    Args:
        budget: trials that were asked for.
    """
    try:
        with writer_at(workspace.tracking_uri, workspace.sweeps, EXPERIMENT) as (client, experiment):
            _log(client, experiment, study, trials, best, budget)
    except TrackingError as error:
        say(f"warning: {error}")


def _log(
    client: MlflowClient,
    experiment: str,
    study: Study,
    trials: Sequence[FrozenTrial],
    best: FrozenTrial,
    budget: int,
) -> None:
    from mlflow.entities import Metric, Param

    name, facts = study.study_name, study.user_attrs
    parent = study_run(client, experiment, name)
    if parent is None:
        parent = client.create_run(experiment, run_name=f"sweep {name}", tags=tags_of_study(name, facts))
        params = [Param(field, value) for field, value in params_of_study(facts).items()]
        client.log_batch(parent.info.run_id, params=params)
    known = _runs(client, experiment, f"tags.`{STUDY_TAG}` = '{name}' AND tags.`{TYPE_TAG}` = 'trial'")
    logged = {run.data.tags.get(TRIAL_TAG) for run in known if run.info.status in ("FINISHED", "FAILED")}
    number = parent.info.run_id
    # Another process may have pushed the results before this run existed.
    for run in _runs(client, experiment, f"tags.`{CHOSEN_BY_TAG}` = '{name}'"):
        if PARENT_TAG not in run.data.tags:
            client.set_tag(run.info.run_id, PARENT_TAG, number)
    for trial in trials:
        if str(trial.number) not in logged:
            _log_trial(client, experiment, name, number, trial)
    now = int(time.time() * 1000)
    values = metrics_of_study(len(trials), best, budget)
    client.log_batch(number, metrics=[Metric(field, value, now, len(trials)) for field, value in values.items()])
    client.set_tag(number, "mlflow.note.content", _description(name, facts, trials, best))
    client.set_terminated(number, "FINISHED")


def tags_of_study(name: str, facts: Mapping[str, Any]) -> dict[str, str]:
    """Identity and circumstances of a study."""
    tags = {TYPE_TAG: "sweep", STUDY_TAG: name, "profile": facts.get("profile"), "data": facts.get("data")}
    return as_text({field: value for field, value in tags.items() if value})


def params_of_study(facts: Mapping[str, Any]) -> dict[str, str]:
    """What was searched: coordinates of the cell, sampler, budget, and the space of each field."""
    cell: Mapping[str, Any] = facts.get("cell") or {}
    values = {field: cell[field] for field in ("method", "task", "mode", "fraction", "fold") if field in cell}
    values |= {field: facts[field] for field in ("sampler", "pruner", "sampler_seed", "metric") if field in facts}
    return as_text(values | {f"space.{field}": space for field, space in (facts.get("space") or {}).items()})


def metrics_of_study(trials: int, best: FrozenTrial, budget: int) -> dict[str, float]:
    """The best validation value, its trial, the chosen numbers, and the trials asked for and finished."""
    chosen = {f"best/{field}": value for field, value in best.params.items() if isinstance(value, int | float)}
    assert best.value is not None
    return {"best_value": best.value, "best_trial": best.number, "budget": budget, "finished_trials": trials, **chosen}


def _description(name: str, facts: Mapping[str, Any], trials: Sequence[FrozenTrial], best: FrozenTrial) -> str:
    chosen = "\n".join(f"- {field}: {value}" for field, value in best.params.items())
    return redact(
        f"Study `{name}`: {counted(len(trials), 'trial')}.\n\nBest {facts.get('metric', 'value')} on validation data: "
        f"**{best.value:.4f}**, trial {best.number}, with\n\n{chosen}\n\nThe trials, and the results of this setting on "
        f"the test records, are nested in this run."
    )


def _log_trial(client: MlflowClient, experiment: str, study: str, parent: str, trial: FrozenTrial) -> None:
    from mlflow.entities import Metric, Param

    start = int(trial.datetime_start.timestamp() * 1000) if trial.datetime_start else 0
    end = int(trial.datetime_complete.timestamp() * 1000) if trial.datetime_complete else start
    tags = {
        TYPE_TAG: "trial",
        STUDY_TAG: study,
        TRIAL_TAG: str(trial.number),
        PARENT_TAG: parent,
        "state": trial.state.name.lower(),
    }
    if ERROR in trial.user_attrs:
        tags["error"] = redact(str(trial.user_attrs[ERROR]))
    run = client.create_run(experiment, start_time=start, run_name=f"trial {trial.number}", tags=tags)
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
