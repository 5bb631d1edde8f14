"""MLflow's server on PostgreSQL with artifacts in an object store: it dies while a method pretrains, and two writers push at
once."""

import json
import threading
import time

import pandas as pd
import pytest

from bench.cells.cell import Cell
from bench.cells.result import Result, read_results, write_result
from bench.storage.artifacts import digest, write_json
from bench.tracking import follow
from bench.tracking.follow import PretrainingFollower
from bench.tracking.mirror import pull, push
from bench.tracking.pretraining import partial_folder
from bench.training.training_log import LOG, TrainingLog

pytestmark = [pytest.mark.slow, pytest.mark.services, pytest.mark.timeout(900)]

FACTS = {
    "key": "c0ffee",
    "method": "kmerl",
    "corpus": {"dataset": "ptbxl", "store": "ab", "data": "simulated"},
    "records": {"train": 32, "validation": 8},
    "epochs": {"": 1},
}


PREDICTIONS = pd.DataFrame(
    {
        "record_id": ["1", "2"],
        "patient_id": ["1", "2"],
        "partition": "test",
        "target_NORM": [0, 1],
        "score_NORM": [0.1, 0.9],
    }
)


def made_up(seed):
    cell = Cell("kmerl", "ptbxl-super", "linear", seed=seed)
    estimate = {"value": 0.8, "low": 0.7, "high": 0.9}
    return Result(
        key=digest(cell.to_dict()),
        cell=cell,
        profile="paper",
        data="real",
        score={"kind": "multilabel", "metrics": {"macro_auroc": estimate}, "n_records": 2},
        counts={"train": 10, "validation": 5, "test": 2},
        split={"name": "ptbxl-super", "digest": "ab", "complete": True, "fold": 0},
        dataset={"name": "ptbxl", "version": "1.0.3", "digest": "cd"},
        checkpoint={"key": "c0ffee", "name": "kmerl-c0ffee"},
        config={"method": {}, "linear": {}},
        selection={},
        provenance={"started": "2026-01-01T00:00:00+00:00"},
    )


def until(true, seconds=400):
    began = time.monotonic()
    while not true():
        assert time.monotonic() - began < seconds
        time.sleep(0.1)


def test_a_server_that_dies_during_pretraining_misses_nothing_and_two_writers_log_each_cell(
    mlflow_server, bucket, tmp_path, monkeypatch
):
    monkeypatch.setattr(follow, "PATIENCE", 0.0)
    monkeypatch.setattr(follow, "LONGEST_PAUSE", 2.0)
    from mlflow.tracking import MlflowClient

    uri, root = mlflow_server.uri, tmp_path / "workspace"
    results, final = root / "results", root / "checkpoints" / "kmerl-c0ffee"
    partial = partial_folder(final)
    partial.mkdir(parents=True)
    log = TrainingLog(partial / LOG)
    log._lines.append(json.dumps({"run": FACTS, "time": 1000}))

    def train(steps):
        for step in steps:
            log.step(step, 16, {"contrastive": 1 / step}, 0.1, 2.0)
        log.write()

    mlflow_server.launch()
    mlflow_server.wait()
    said = []
    with PretrainingFollower(uri, final.parent, warn=said.append) as follower:
        train(range(1, 4))
        until(lambda: final in follower._sizes)
        mlflow_server.kill()
        train(range(4, 7))  # while nobody answers
        until(lambda: said)
        mlflow_server.launch()
        mlflow_server.wait()
        until(lambda: follower._sizes[final] == (partial / LOG).stat().st_size)
        train([7])
        partial.rename(final)
        write_json(final / "provenance.json", FACTS | {"weights_sha256": "0" * 64, "steps": 7, "parameters": 7})

    client = MlflowClient(uri)
    experiment = client.get_experiment_by_name("bench").experiment_id
    (run,) = client.search_runs([experiment])
    assert run.info.status == "FINISHED"
    assert [m.step for m in client.get_metric_history(run.info.run_id, "step/loss")] == list(range(1, 8))
    assert len(said) == 1

    keys = {write_result(results, made_up(seed), PREDICTIONS).key for seed in range(12)}
    writers = [threading.Thread(target=push, args=(results, uri)) for _ in range(2)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    logged = client.search_runs([experiment], "tags.`bench.type` = 'result'")
    assert sorted(run.data.tags["bench.key"] for run in logged) == sorted(keys)
    assert {len(run.inputs.dataset_inputs) for run in logged} == {3}
    names = {file.path for file in client.list_artifacts(logged[0].info.run_id)}
    assert names == {"result.json", "predictions.parquet", "figures.html"}
    stored = [key.split("/")[-3:] for key in bucket.objects()]
    assert {(run.info.run_id, "artifacts", name) for run in logged for name in names} <= set(map(tuple, stored))
    assert pull(uri, tmp_path / "other").moved == len(keys)
    assert {result.key for result in read_results(tmp_path / "other")} == keys
