"""Datasets of a run, as MLflow lists them: name, source, digest, partition and number of records."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bench import registry
from bench.cells.result import Result
from bench.storage.artifacts import digest

if TYPE_CHECKING:
    from mlflow.entities import DatasetInput, LoggedModelInput
    from mlflow.tracking import MlflowClient

_ATTEMPTS = 4
_ADDED_MEANWHILE = ("IntegrityError", "UniqueViolation", "UNIQUE constraint", "Duplicate entry")
"""How SQLAlchemy, PostgreSQL, SQLite and MySQL say that a row is there already."""
_one_at_a_time = threading.Lock()
PARTITIONS = ("train", "validation", "test")


def log_inputs(
    client: MlflowClient, run: str, datasets: Sequence[DatasetInput], models: Sequence[LoggedModelInput] = ()
) -> None:
    """Log the inputs of a run. MLflow refuses a dataset that another writer adds at the same moment: ask again."""
    from mlflow.exceptions import MlflowException

    for attempt in range(_ATTEMPTS):
        try:
            with _one_at_a_time:
                return client.log_inputs(run, datasets=datasets, models=models)
        except MlflowException as error:
            if attempt == _ATTEMPTS - 1 or not any(words in str(error) for words in _ADDED_MEANWHILE):
                raise
    return None


def datasets_of(result: Result) -> list[DatasetInput]:
    """The partitions of a cell that hold records. A split or another share of labels makes another digest."""
    name, cell = result.dataset["name"], result.cell
    inputs = []
    for partition in PARTITIONS:
        records = result.counts.get(partition) or 0
        drawn = [cell.fraction, cell.fraction_rule] if partition == "train" else []
        identity = [result.dataset.get("digest"), result.split.get("digest"), partition, *drawn]
        if records:
            details = {"split": result.split.get("name"), "version": result.dataset.get("version")}
            inputs.append(_input(name, identity, partition, records, result.data, details))
    return inputs


def corpus_datasets(corpus: Mapping[str, Any], records: Mapping[str, Any]) -> list[DatasetInput]:
    """The partitions of a pretraining corpus that hold records."""
    details = {name: corpus[name] for name in ("version", "text") if corpus.get(name)}
    return [
        _input(
            str(corpus.get("dataset")),
            [corpus.get("store"), corpus.get("partition"), corpus.get("text"), partition],
            partition,
            records[partition],
            str(corpus.get("data", "real")),
            details,
        )
        for partition in PARTITIONS
        if records.get(partition)
    ]


def _input(name: str, identity: list, partition: str, records: int, data: str, details: Mapping) -> DatasetInput:
    from mlflow.entities import Dataset, DatasetInput, InputTag

    entry = registry.entries(registry.DATASETS).get(name)
    url = entry.attributes.get("url") if entry is not None else None
    real = data == "real" and url
    dataset = Dataset(
        name=name,
        digest=digest(identity, 12),  # shown in the list of runs
        source_type="http" if real else "code",
        source=json.dumps({"url": url} if real else {"tags": {"mlflow.source.name": f"bench, {data} data"}}),
        profile=json.dumps({"num_rows": records, "partition": partition, **details}),
    )
    return DatasetInput(dataset, [InputTag("mlflow.data.context", partition)])
