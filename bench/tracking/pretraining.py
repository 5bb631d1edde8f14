"""A pretraining as a run in MLflow: its curves, its corpus, and its checkpoint as a logged model.

A run is found by the checkpoint's key, so that a pretraining that is continued, or sent again, goes on in the same run.
Points that MLflow holds are not sent twice. An imported checkpoint has a run without curves.
"""

from __future__ import annotations

import csv
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.progress import counted
from bench.reading.yaml_file import parse_yaml
from bench.tracking.datasets import corpus_datasets, log_inputs
from bench.tracking.run_fields import LONGEST_TAG, TYPE_TAG, as_text, flatten, metric_name
from bench.training.checkpoint_files import read_provenance
from bench.training.collapse import MEASURES
from bench.training.training_log import LOG, Point, partial_folder, read_log

if TYPE_CHECKING:
    from mlflow.entities import Run
    from mlflow.tracking import MlflowClient

CHECKPOINT_TAG = "bench.checkpoint"
MODEL_TAG = "bench.logged_model"
_BATCH = 1000
"""Metrics that MLflow takes in one call."""
_FILES = ("config.yaml", "provenance.json", "history.csv")


@dataclass
class PretrainingRun:
    """The run of one checkpoint.

    Attributes:
        final: the checkpoint's folder, which may not be there yet.
        run_id, model_id: in MLflow, once they are known.
        sent: stage and axis -> the latest step or epoch that MLflow holds.
    """

    final: Path
    run_id: str = ""
    model_id: str = ""
    sent: dict[tuple[str, str], int] = field(default_factory=dict)

    def send(self, client: MlflowClient, experiment: str, log_models: bool = False) -> None:
        """Bring the run up to date; a finished checkpoint ends it and becomes a logged model."""
        from mlflow.entities import Metric

        finished = (self.final / "provenance.json").is_file()
        starts, points = _record(self.final if finished else partial_folder(self.final))
        facts = _facts(self.final, starts, finished)
        if not facts or self.model_id:
            return
        if not self.run_id and self._open(client, experiment, facts, starts):
            return
        new = [point for point in points if point.at > self.sent.get((point.stage, point.axis), 0)]
        metrics = [Metric(name, value, p.time, p.at) for p in new for name, value in metrics_of_point(p).items()]
        for first in range(0, len(metrics), _BATCH):
            client.log_batch(self.run_id, metrics=metrics[first : first + _BATCH])
        self.sent |= {(point.stage, point.axis): point.at for point in new}
        if finished:
            self._finish(client, experiment, facts, log_models)

    def end(self, client: MlflowClient) -> None:
        """Mark a pretraining that stopped early: KILLED if it can be continued, else FAILED."""
        if self.run_id and not self.model_id:
            can_continue = partial_folder(self.final).is_dir()
            client.set_terminated(self.run_id, "KILLED" if can_continue else "FAILED")

    def _open(self, client: MlflowClient, experiment: str, facts: dict[str, Any], starts: Sequence[dict]) -> bool:
        """Find or create the run; whether it is complete already."""
        run = run_of_checkpoint(client, experiment, facts["key"])
        if run is None:
            # MLflow's pages show about twenty characters of a name
            name = f"{facts['method']} {facts['key'][:6]} {'imported' if facts.get('imported') else 'pretraining'}"
            started = self._started(facts, starts)
            run = client.create_run(experiment, started, {**tags_of_checkpoint(facts), "mlflow.runName": name})
        self.run_id = run.info.run_id
        if not run.data.params:  # new, or its writer was interrupted here
            from mlflow.entities import Param

            if datasets := corpus_datasets(facts["corpus"], facts.get("records") or {}):
                log_inputs(client, self.run_id, datasets)
            params = params_of_checkpoint(facts)
            client.log_batch(self.run_id, params=[Param(name, value) for name, value in params.items()])
        self.model_id = run.data.tags.get(MODEL_TAG, "")
        if self.model_id:
            return True
        for name in run.data.metrics:
            prefix, _, value = name.partition("/")
            stage, _, axis = prefix.rpartition(".")
            if value == "loss":
                self.sent[stage, axis] = max(m.step for m in client.get_metric_history(self.run_id, name))
        if run.info.status != "RUNNING":
            client.update_run(self.run_id, status="RUNNING")
        return False

    def _started(self, facts: dict[str, Any], starts: Sequence[dict]) -> int:
        """Milliseconds; of a checkpoint without a record of its training, from its end and the seconds it took."""
        if starts:
            return int(starts[0]["time"])
        finished = self.final / "provenance.json"
        ended = finished.stat().st_mtime if finished.is_file() else time.time()
        return int(1000 * (ended - (facts.get("seconds") or 0)))

    def _finish(self, client: MlflowClient, experiment: str, facts: dict[str, Any], log_models: bool) -> None:
        from mlflow.entities import LoggedModelOutput, RunTag

        self.model_id = client.get_run(self.run_id).data.tags.get(MODEL_TAG, "")
        if self.model_id:  # another process was first
            return
        tags = {CHECKPOINT_TAG: facts["key"], "weights_sha256": facts["weights_sha256"], "method": facts["method"]}
        params = {"parameters": str(facts.get("parameters", ""))}
        begun = client.search_logged_models([experiment], f"tags.`{CHECKPOINT_TAG}` = '{facts['key']}'", max_results=1)
        model = next(iter(begun), None)  # of a writer that was interrupted
        if model is None:
            model = client.create_logged_model(experiment, self.final.name, self.run_id, tags, params, facts["method"])
        if log_models:
            client.log_model_artifacts(model.model_id, str(self.final))
        client.finalize_logged_model(model.model_id, "READY")
        steps = facts.get("steps")
        client.log_outputs(self.run_id, [LoggedModelOutput(model.model_id, int(steps or 0))])
        for name in _FILES:
            if (self.final / name).is_file():
                client.log_artifact(self.run_id, str(self.final / name))
        values = {"weights_sha256": facts["weights_sha256"], MODEL_TAG: model.model_id}
        client.log_batch(self.run_id, tags=[RunTag(name, value) for name, value in values.items()])
        client.set_terminated(self.run_id, "FINISHED", int((self.final / "provenance.json").stat().st_mtime * 1000))
        self.model_id = model.model_id


def run_of_checkpoint(client: MlflowClient, experiment: str, key: str) -> Run | None:
    """The run of a checkpoint, by its key."""
    runs = client.search_runs([experiment], f"tags.`{CHECKPOINT_TAG}` = '{key}'", max_results=1)
    return runs[0] if runs else None


def params_of_checkpoint(facts: dict[str, Any]) -> dict[str, str]:
    """Method, corpus, sizes and the flattened config."""
    records, corpus = facts.get("records") or {}, facts["corpus"]
    values = {
        "method": facts["method"],
        "corpus": corpus.get("dataset"),
        "text": corpus.get("text"),
        "records": records.get("train"),
        "parameters": facts.get("parameters"),
    }
    settings = {f"config.method.{name}": value for name, value in flatten(facts.get("config") or {}).items()}
    return as_text({name: value for name, value in values.items() if value is not None} | settings)


def tags_of_checkpoint(facts: dict[str, Any]) -> dict[str, str]:
    """Identity and source of a pretraining."""
    corpus = facts["corpus"]
    tags = {
        TYPE_TAG: "pretraining",
        CHECKPOINT_TAG: facts["key"],
        "checkpoint.name": facts["checkpoint"],
        "data": corpus.get("data"),
        "mlflow.source.name": "bench",
        "mlflow.source.type": "LOCAL",
        "mlflow.source.git.commit": facts.get("git_commit"),
        "mlflow.note.content": _description(facts),
    }
    return as_text({name: value for name, value in tags.items() if value})


def metrics_of_point(point: Point) -> dict[str, float]:
    """``step/loss``, ``epoch/validation_loss``, ``step/lr``; with several terms also ``step/loss_TERM``; under
    ``STAGE.step`` and ``STAGE.epoch`` where there are stages."""
    values = dict(point.values)
    for name, terms in (("loss", point.losses), ("validation_loss", point.validation)):
        if terms:
            values[name] = sum(terms.values())
        if len(terms) > 1:
            values |= {f"{name}_{term}": value for term, value in terms.items()}
    prefix = f"{point.stage}.{point.axis}" if point.stage else point.axis
    return {f"{metric_name(prefix)}/{metric_name(name)}": value for name, value in values.items()}


def _description(facts: dict[str, Any]) -> str:
    corpus, records = facts["corpus"], facts.get("records") or {}
    data = f"{corpus.get('dataset')}" + (f" {corpus['version']}" if corpus.get("version") else "")
    lines = [f"**{facts['method']}** pretrained on **{data}** ({corpus.get('data', 'real')} data)."]
    if records.get("train"):
        lines.append(
            f"{records['train']:,} training and {counted(records.get('validation', 0), 'validation recording')}."
        )
    if facts.get("epochs"):
        stages = [f"{stage or 'pretraining'}: {counted(n, 'epoch')}" for stage, n in facts["epochs"].items()]
        lines.append("; ".join(stages) + ".")
    lines.append(f"Checkpoint `{facts['checkpoint']}`; `bench runs` lists what uses it.")
    return "\n\n".join(lines)[:LONGEST_TAG]


def _facts(final: Path, starts: Sequence[dict[str, Any]], finished: bool) -> dict[str, Any]:
    """What is known of a checkpoint; empty for a folder that holds nothing yet."""
    facts: dict[str, Any] = dict(starts[0]) if starts else {}
    if finished:
        config = final / "config.yaml"
        settings = parse_yaml(config.read_text(encoding="utf-8")) if not facts and config.is_file() else {}
        facts = {"config": settings} | facts | read_provenance(final)
    return facts | {"checkpoint": final.name} if facts else {}


def _record(folder: Path) -> tuple[list[dict[str, Any]], list[Point]]:
    starts, points = read_log(folder / LOG)
    return starts, points or list(_epochs_of_history(folder / "history.csv"))


def _epochs_of_history(path: Path) -> Iterator[Point]:
    """The epochs of a checkpoint that was made before steps were recorded."""
    if not path.is_file():
        return
    when = int(path.stat().st_mtime * 1000)
    with open(path, newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            numbers = {name: float(text) for name, text in row.items() if text and name != "stage"}
            terms = {n: v for n, v in numbers.items() if n not in _MEASURED and not n.startswith("validation_")}
            validation = {n.removeprefix("validation_"): v for n, v in numbers.items() if n.startswith("validation_")}
            values = {n: numbers[n] for n in ("lr", "recordings_per_second") if n in numbers}
            yield Point(row.get("stage") or "", "epoch", int(numbers["epoch"]), when, terms, validation, values)


_MEASURED = {
    "epoch", "lr", "seconds", "recordings_per_second", "waiting", "devices", "gradient_norm", "memory_gb", *MEASURES,
}  # fmt: skip
