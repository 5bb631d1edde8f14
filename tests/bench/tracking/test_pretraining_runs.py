"""A pretraining as a run: written while it trains, continued in the same run, and complete after the server was down."""

import json
import threading

import pytest

from bench.storage.artifacts import write_json
from bench.tracking import follow
from bench.tracking.connection import EXPERIMENT
from bench.tracking.follow import PretrainingFollower
from bench.tracking.mirror import log_checkpoints, log_results
from bench.tracking.pretraining import PretrainingRun, run_of_checkpoint
from bench.training.training_log import LOG, TrainingLog, partial_folder, read_log

KEY = "c0ffee"
FACTS = {
    "key": KEY,
    "method": "kmerl",
    "corpus": {"dataset": "ptbxl", "store": "ab", "data": "simulated"},
    "records": {"train": 32, "validation": 8},
    "epochs": {"": 2},
}


def record(final, steps, epoch=0):
    """What a training of 16 recordings per step appends."""
    partial = partial_folder(final)
    partial.mkdir(parents=True, exist_ok=True)
    log = TrainingLog(partial / LOG)
    log._lines.append(json.dumps({"run": FACTS, "time": 1000}))
    for step in steps:
        log.step(step, 16, {"contrastive": 1 / step}, 0.1, 2.0)
    log.write()
    if epoch:
        entry = {"epoch": epoch, "lr": 0.1, "contrastive": 0.5, "validation_contrastive": 0.6, "effective_rank": 3.0}
        log.epoch(entry, ["contrastive"])


def finish(final):
    partial_folder(final).rename(final)
    write_json(final / "provenance.json", FACTS | {"weights_sha256": "0" * 64, "steps": 4, "parameters": 7})


def run_of(uri, key=KEY):
    from mlflow.tracking import MlflowClient

    client = MlflowClient(uri)
    return client, run_of_checkpoint(client, client.get_experiment_by_name(EXPERIMENT).experiment_id, key)


def steps_of(client, run, name):
    return [metric.step for metric in client.get_metric_history(run.info.run_id, name)]


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return f"sqlite:///{tmp_path_factory.mktemp('tracking') / 'mlflow.db'}"


def test_a_continued_pretraining_goes_on_in_its_run_and_repeats_no_step(tmp_path, store, monkeypatch, store_result):
    monkeypatch.setattr(follow, "EVERY", 0.02)
    monkeypatch.setattr(follow, "PATIENCE", 0.0)
    final = tmp_path / "checkpoints" / "kmerl-c0ffee"
    final.parent.mkdir()
    sent = threading.Event()
    with PretrainingFollower(store, final.parent) as follower:
        record(final, [1, 2, 3], epoch=1)
        while final not in follower._sizes:
            sent.wait(0.02)
        client, run = run_of(store)
        assert run.info.status == "RUNNING"  # while it trains
        assert steps_of(client, run, "step/loss") == [1, 2, 3]
    assert run_of(store)[1].info.status == "KILLED"  # it can be continued
    with PretrainingFollower(store, final.parent):
        record(final, [3, 4], epoch=2)  # step 3 came after the last state
        finish(final)
        while not (final / "provenance.json").exists():
            sent.wait(0.02)
    log_checkpoints(store, final.parent)
    client, again = run_of(store)
    assert again.info.run_id == run.info.run_id
    assert again.info.status == "FINISHED"
    assert steps_of(client, again, "step/loss") == [1, 2, 3, 4]
    assert steps_of(client, again, "epoch/validation_loss") == [1, 2]
    assert again.data.metrics["epoch/effective_rank"] == 3
    model = client.get_logged_model(again.data.tags["bench.logged_model"])
    assert model.tags["weights_sha256"] == "0" * 64
    assert model.source_run_id == run.info.run_id

    result = store_result(tmp_path / "results")
    linked = type(result)(**vars(result) | {"checkpoint": result.checkpoint | {"key": KEY, "name": final.name}})
    log_results(store, [linked])
    cell = client.search_runs([again.info.experiment_id], f"tags.`bench.key` = '{result.key}'")[0]
    (used,) = client.get_run(cell.info.run_id).inputs.model_inputs
    assert used.model_id == model.model_id
    assert again.info.run_id in cell.data.tags["mlflow.note.content"]
    contexts = {(d.tags[0].value, json.loads(d.dataset.profile)["num_rows"]) for d in cell.inputs.dataset_inputs}
    assert contexts == {("train", 17084), ("validation", 2146), ("test", 2158)}


def test_what_an_interrupted_writer_left_is_completed_and_one_model_logged(tmp_path, store, monkeypatch):
    """Ctrl-C after the run was made, and again after the model was: the next writer completes both."""
    from mlflow.tracking import MlflowClient

    final = tmp_path / "checkpoints" / "kmerl-1nterrupted"
    monkeypatch.setitem(FACTS, "key", "1d1e")
    record(final, [1, 2])
    finish(final)
    with monkeypatch.context() as interrupted:
        interrupted.setattr(MlflowClient, "log_batch", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            log_checkpoints(store, final.parent)
    with monkeypatch.context() as interrupted:
        interrupted.setattr(MlflowClient, "finalize_logged_model", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            log_checkpoints(store, final.parent)
    behind = PretrainingRun(final)
    client, run = run_of(store, "1d1e")
    experiment, behind.run_id = run.info.experiment_id, run.info.run_id  # a follower that opened it before
    log_checkpoints(store, final.parent)
    behind.send(client, experiment)
    run = client.get_run(behind.run_id)
    assert run.data.params["method"] == "kmerl"
    assert len(run.inputs.dataset_inputs) == 2
    assert steps_of(client, run, "step/loss") == [1, 2]
    models = client.search_logged_models([experiment], "tags.`bench.checkpoint` = '1d1e'")
    assert [model.model_id for model in models] == [run.data.tags["bench.logged_model"]]
    assert models[0].status == "READY"


def test_a_checkpoint_without_a_record_of_its_training_is_no_import_and_starts_when_it_started(
    tmp_path, store, monkeypatch
):
    monkeypatch.setitem(FACTS, "key", "01d")
    final = tmp_path / "checkpoints" / "kmerl-01d"
    final.mkdir(parents=True)
    write_json(final / "provenance.json", FACTS | {"weights_sha256": "0" * 64, "steps": 4, "seconds": 60})
    log_checkpoints(store, final.parent)
    _, run = run_of(store, "01d")
    assert run.info.run_name == f"kmerl {run.data.tags['bench.checkpoint'][:6]} pretraining"
    assert run.info.end_time - run.info.start_time == pytest.approx(60_000, abs=1)


def test_curves_are_sent_in_one_batch_at_most_once_a_second(tmp_path, store, monkeypatch):
    from mlflow.tracking import MlflowClient

    monkeypatch.setattr(follow, "PATIENCE", 0.0)
    final = tmp_path / "checkpoints" / "kmerl-c0ffee"
    pauses, batches = [], []

    class Pauses:
        """Between two looks 60 steps are trained; after the third look the block ends."""

        def wait(self, seconds):
            pauses.append(seconds)
            batches.append([])
            record(final, range(60 * len(pauses), 60 * len(pauses) + 60))
            return len(pauses) > 3

    def sent(self, run_id, metrics=(), **others):
        batches[-1] += [len(metrics)] * bool(metrics)
        return log_batch(self, run_id, metrics=metrics, **others)

    log_batch = MlflowClient.log_batch
    monkeypatch.setattr(MlflowClient, "log_batch", sent)
    monkeypatch.setitem(FACTS, "key", "batched")
    follower = PretrainingFollower(store, final.parent)
    monkeypatch.setattr(follower, "_end", Pauses())
    follower._follow()
    assert pauses == [1.0] * 4
    assert [len(of_a_pause) for of_a_pause in batches] == [0, 1, 1, 1]  # followed from the second look on
    _, run = run_of(store, "batched")
    assert len(steps_of(MlflowClient(store), run, "step/loss")) == 240


def test_a_server_that_is_down_fails_nothing_and_costs_one_warning(tmp_path, monkeypatch):
    monkeypatch.setattr(follow, "EVERY", 0.02)
    monkeypatch.setattr(follow, "PATIENCE", 0.0)
    final = tmp_path / "checkpoints" / "kmerl-c0ffee"
    said = []
    with PretrainingFollower("http://127.0.0.1:9", final.parent, warn=said.append):
        record(final, [1, 2])
        while not said:
            threading.Event().wait(0.02)
        record(final, [3])
        finish(final)
    assert len(said) == 1
    assert "Pretraining goes on" in said[0]


def test_a_line_that_was_cut_off_is_left_out_and_the_next_one_is_whole(tmp_path):
    final = tmp_path / "kmerl-c0ffee"
    record(final, [1])
    path = partial_folder(final) / LOG
    with open(path, "a") as file:
        file.write('{"stage": "", "ax')
    assert [point.at for point in read_log(path)[1]] == [1]
    record(final, [2])
    assert [point.at for point in read_log(path)[1]] == [1, 2]
